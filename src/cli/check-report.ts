/** The end of `neo check`: what is damaged, and what it touches. */
import { type ByteString, displayBytes, toByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted, formatDuration } from '../core/format.ts';
import type { Output } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';

export interface NamedDamage {
  readonly object: string;
  readonly reason: string;
  readonly snapshots: readonly string[];
  readonly paths: readonly Uint8Array[];
  readonly morePaths: number;
  /** Of a later version of neo: no damage. */
  readonly newer: boolean;
}

/** What the report needs of a summary. */
export interface CheckFigures {
  readonly snapshots: number;
  readonly unconfirmed?: number;
  readonly revoked?: number;
  readonly packs: number;
  readonly packBytes: number;
  readonly unusedPacks: number;
  readonly unusedBytes: number;
  readonly blobs?: number;
  readonly unreferencedBlobs?: number;
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly packsFresh?: number;
  readonly packsLeft?: number;
  /** Blobs of write-only clients that are trusted from now on. */
  readonly verified?: number;
  readonly durationMs: number;
  readonly damages: readonly NamedDamage[];
}

/** What --confirm came to. */
export interface Confirmed {
  readonly confirmed: readonly { readonly name: string }[];
  readonly refused: readonly { readonly name: string }[];
}

async function reportReading(out: Output, figures: Omit<CheckFigures, 'damages'>): Promise<void> {
  const { packsRead, bytesRead, packsFresh, packsLeft } = figures;
  if (packsRead > 0) await out.line(`${formatCounted(packsRead, 'pack')} of ${formatBytes(bytesRead)} read`);
  if (packsFresh === undefined || packsLeft === undefined) return;
  await out.line(`${formatCounted(packsFresh, 'pack')} read not long ago, ${packsLeft} left for the next time`);
}

/** Paths of one damage that people are shown; `--json` has them all. */
const SHOWN = 20;

/** @throws NeoError integrity when anything is damaged; needs-newer-neo when something is of a later version, and all else is well */
export async function reportCheck(out: Output, figures: CheckFigures, confirmed?: Confirmed): Promise<void> {
  const { damages, ...summary } = figures;
  for (const damage of damages) await reportDamage(out, damage);
  const { blobs, unreferencedBlobs, unusedPacks } = summary;
  await out.line(
    `${formatCounted(summary.snapshots, 'snapshot')}, ${blobs === undefined ? '' : `${formatCounted(blobs, 'blob')}, `}` +
      `${formatCounted(summary.packs, 'pack')} of ${formatBytes(summary.packBytes)} checked in ` +
      `${formatDuration(summary.durationMs)}`,
  );
  await reportReading(out, summary);
  if (summary.verified !== undefined) {
    await out.line(
      `${formatCounted(summary.verified, 'blob')} of write-only clients found right, and trusted from now on`,
    );
  }
  if ((unreferencedBlobs ?? 0) > 0) {
    await out.line(`${formatCounted(unreferencedBlobs ?? 0, 'blob is', 'blobs are')} not in use`);
  }
  if (unusedPacks > 0) {
    await out.line(
      `${formatCounted(unusedPacks, 'pack')} of ${formatBytes(summary.unusedBytes)} in no index segment: an interrupted run leaves such`,
    );
  }
  await reportLate(out, figures, confirmed);
  if (damages.length === 0) await out.line('no damage found');
  const damaged = damages.filter(({ newer }) => !newer);
  const newer = damages.length - damaged.length;
  const late =
    confirmed === undefined ? {} : { confirmed: names(confirmed.confirmed), refused: names(confirmed.refused) };
  await out.object('summary', { ...summary, ...late, damages: damaged.length, newer });
  if (damaged.length > 0) {
    throw new NeoError('integrity', `${formatCounted(damaged.length, 'object is', 'objects are')} damaged or missing`, {
      hint: hintFor(damaged),
    });
  }
  if (newer > 0) {
    throw new NeoError('needs-newer-neo', `${formatCounted(newer, 'object needs', 'objects need')} a newer neo`, {
      hint: 'install a newer neo; no damage was found to all that this one knows',
    });
  }
}

async function reportLate(out: Output, figures: CheckFigures, confirmed?: Confirmed): Promise<void> {
  const { unconfirmed = 0, revoked = 0 } = figures;
  if (revoked > 0) {
    await out.line(`${formatCounted(revoked, 'snapshot')} of revoked keys: neo snapshots --revoked`);
  }
  if (confirmed === undefined) {
    if (unconfirmed > 0) {
      await out.line(`${formatCounted(unconfirmed, 'snapshot')} came late and are not confirmed: neo check --confirm`);
    }
    return;
  }
  await out.line(`${formatCounted(confirmed.confirmed.length, 'snapshot')} confirmed`);
  for (const name of names(confirmed.refused)) {
    await out.line(`snapshot ${name.slice(0, SHORT_ID)} is not confirmed: not all that it needs is there to stay`);
  }
}

function names(snapshots: Confirmed['confirmed']): string[] {
  return snapshots.map(({ name }) => name);
}

function hintFor(damages: readonly NamedDamage[]): string {
  const rest = 'all that is not named can be restored';
  const isIn = (folder: string): boolean => damages.some(({ object }) => object.startsWith(folder));
  if (isIn('packs')) return `try: neo repair packs; ${rest}`;
  return isIn('index') ? `try: neo repair index; ${rest}` : rest;
}

/** One damage, with all that it touches. */
export async function reportDamage(out: Output, damage: NamedDamage): Promise<void> {
  const { object, reason, snapshots, morePaths, newer } = damage;
  const paths: ByteString[] = damage.paths.map((path) => toByteString(path));
  await out.object('damage', { object, reason, newer, snapshots, paths, ...(morePaths === 0 ? {} : { morePaths }) });
  await out.line(`${object}: ${reason}`);
  if (snapshots.length > 0) await out.line(`  snapshots: ${snapshots.map((name) => name.slice(0, 8)).join(' ')}`);
  for (const path of damage.paths.slice(0, SHOWN)) await out.line(`  ${displayBytes(path)}`);
  const more = damage.paths.length - SHOWN + morePaths;
  if (more > 0) await out.line(`  and ${formatCounted(more, 'more path')}`);
}
