/** What `neo repair packs` and `neo repair snapshots` say at their end. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCount, formatCounted, formatDuration } from '../core/format.ts';
import { type NamedDamage, reportDamage } from './check-report.ts';
import type { Output } from './output.ts';
import { rewriteJson, rewriteLine } from './rewrite-report.ts';
import { SHORT_ID } from './snapshot-lines.ts';

/** The part of tasks/repair-packs.ts that is shown. */
export interface ShownPackRepair {
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly damagedPacks: number;
  readonly missingPacks: number;
  readonly copiedBlobs: number;
  readonly lostBlobs: number;
  readonly healedFromRepository: number;
  readonly healedFromFiles: number;
  readonly stillLost: number;
  readonly markedPacks: number;
  readonly damages: readonly NamedDamage[];
  readonly durationMs: number;
}

/** @throws NeoError integrity when something is lost for good */
export async function reportPackRepair(out: Output, summary: ShownPackRepair, dryRun: boolean): Promise<void> {
  const { damages, ...figures } = summary;
  for (const damage of damages) await reportDamage(out, damage);
  const { damagedPacks, missingPacks, copiedBlobs, lostBlobs, stillLost, markedPacks } = summary;
  await out.line(
    `${formatCounted(summary.packsRead, 'pack')} of ${formatBytes(summary.bytesRead)} read in ` +
      `${formatDuration(summary.durationMs)}: ${formatCount(damagedPacks)} damaged, ${formatCount(missingPacks)} missing`,
  );
  const would = dryRun ? 'would be ' : '';
  if (copiedBlobs > 0)
    await out.line(`${formatCounted(copiedBlobs, 'whole blob')} ${would}copied out of damaged packs`);
  if (lostBlobs > 0) {
    await out.line(
      `${formatCounted(lostBlobs, 'blob')} lost: ${formatCount(summary.healedFromRepository)} ${would}healed from the ` +
        `other repository, ${formatCount(summary.healedFromFiles)} from files, ${formatCount(stillLost)} not`,
    );
  }
  if (markedPacks > 0) {
    await out.line(`${formatCounted(markedPacks, 'pack')} ${would}marked: neo prune clears them away after the grace`);
  }
  if (damagedPacks + missingPacks + lostBlobs === 0) await out.line('nothing to repair');
  await out.object('summary', { ...figures, dryRun });
  if (stillLost === 0) return;
  throw new NeoError('integrity', `${formatCounted(stillLost, 'blob is', 'blobs are')} lost`, {
    hint: 'try --from and --from-path; to go on without what needs them: neo repair snapshots',
  });
}

/** The part of tasks/repair-snapshots.ts that is shown. */
export interface ShownSnapshotRepair {
  readonly repaired: readonly {
    readonly original: { readonly name: string };
    readonly name?: string;
    readonly lost: readonly { readonly path: Uint8Array; readonly what: 'file' | 'directory' | 'attributes' }[];
    readonly healed: readonly Uint8Array[];
  }[];
  readonly whole: number;
  readonly unreadable: readonly { readonly name: string }[];
  readonly removal?: string;
}

const LOST = {
  file: 'is lost',
  directory: 'is lost, as far as it could not be read',
  attributes: 'has lost its extended attributes',
} as const;

/** @throws NeoError integrity when nothing of a snapshot can be read */
export async function reportSnapshotRepair(out: Output, summary: ShownSnapshotRepair, dryRun: boolean): Promise<void> {
  let [lost, healed] = [0, 0];
  for (const one of summary.repaired) {
    await out.record(
      'repaired',
      { ...rewriteJson(one), lost: one.lost.length, healed: one.healed.length },
      rewriteLine(one),
    );
    for (const { path, what } of one.lost) {
      const body = { snapshot: one.original.name, path: toByteString(path), what };
      await out.record('lost', body, `  ${displayBytes(path)} ${LOST[what]}`);
    }
    for (const path of one.healed) {
      const body = { snapshot: one.original.name, path: toByteString(path) };
      await out.record('healed', body, `  ${displayBytes(path)} was found elsewhere`);
    }
    lost += one.lost.length;
    healed += one.healed.length;
  }
  const { repaired, whole, unreadable, removal } = summary;
  await out.line(
    `${formatCounted(repaired.length, 'snapshot')} ${dryRun ? 'would be made' : 'made'} anew, ${formatCount(whole)} whole` +
      `${removal === undefined ? '' : '; the originals are in the trash: neo undo'}`,
  );
  const figures = { repaired: repaired.length, whole, lost, healed, unreadable: unreadable.map(({ name }) => name) };
  await out.object('summary', { ...figures, removal, dryRun });
  if (unreadable.length === 0) return;
  const names = unreadable.map(({ name }) => name.slice(0, SHORT_ID)).join(' ');
  throw new NeoError('integrity', `nothing of these snapshots can be read: ${names}`, {
    hint: `heal them: neo repair packs --from LOCATION; or give them up: neo forget ${names}`,
  });
}
