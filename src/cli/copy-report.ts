/** What `neo copy` says at its end. */
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted, formatDuration } from '../core/format.ts';
import type { Output } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';

interface Named {
  readonly name: string;
}

/** Of one that goes both ways: locations. */
interface Way {
  readonly from?: string;
  readonly to?: string;
}

/** The part of tasks/copy.ts that is shown. */
export interface ShownCopy {
  readonly copied: readonly { readonly original: Named; readonly name?: string }[];
  readonly present: readonly Named[];
  readonly failed: readonly { readonly original: Named; readonly reason: string }[];
  readonly superseded: readonly Named[];
  readonly sameSecrets: boolean;
  readonly bytesStored: number;
  readonly durationMs: number;
}

/** @throws NeoError integrity when a snapshot could not be copied */
export async function reportCopy(out: Output, summary: ShownCopy, dryRun: boolean): Promise<void> {
  await showCopy(out, summary, dryRun, {});
  refuseFailures([summary]);
}

/** Of both ways. @throws as {@link reportCopy} */
export async function reportSync(
  out: Output,
  ways: readonly { readonly from: string; readonly to: string; readonly summary: ShownCopy }[],
  dryRun: boolean,
): Promise<void> {
  for (const { from, to, summary } of ways) {
    await out.line(`${from} to ${to}:`);
    await showCopy(out, summary, dryRun, { from, to });
  }
  refuseFailures(ways.map(({ summary }) => summary));
}

/** One of several that a snapshot went to. */
export async function reportTarget(out: Output, location: string, summary: ShownCopy): Promise<void> {
  const [copied, { bytesStored }] = [summary.copied.length, summary];
  const text = `${formatCounted(copied, 'snapshot')} copied to ${location}, ${formatBytes(bytesStored)} stored`;
  await out.record('target', { location, copied, bytesStored }, text);
}

function refuseFailures(summaries: readonly ShownCopy[]): void {
  const failed = summaries.reduce((sum, summary) => sum + summary.failed.length, 0);
  if (failed === 0) return;
  throw new NeoError('integrity', `${formatCounted(failed, 'snapshot')} could not be copied`, {
    hint: 'see: neo check --read-data; heal with: neo repair packs',
  });
}

async function showCopy(out: Output, summary: ShownCopy, dryRun: boolean, way: Way): Promise<void> {
  const { copied, present, failed, superseded, sameSecrets, bytesStored, durationMs } = summary;
  await listCopies(out, summary, way);
  const size = `${formatBytes(bytesStored)} ${dryRun ? 'to be ' : ''}stored`;
  await out.line(
    `${formatCounted(copied.length, 'snapshot')} ${dryRun ? 'would be ' : ''}copied, ${present.length} there already` +
      `${dryRun && !sameSecrets ? '' : `, ${size}`} in ${formatDuration(durationMs)}`,
  );
  const counts = {
    copied: copied.length,
    present: present.length,
    failed: failed.length,
    superseded: superseded.length,
  };
  await out.object('summary', { ...way, ...counts, sameSecrets, bytesStored, durationMs, dryRun });
  if (!sameSecrets && copied.length > 0) {
    out.note('the two have other content secrets, so everything was sealed anew; see: neo init --copy-secrets-from');
  }
  if (superseded.length > 0) {
    out.note('what was made anew here is there twice: the older ones go with neo forget, there, by their ids');
  }
}

async function listCopies(out: Output, { copied, superseded, failed }: ShownCopy, way: Way): Promise<void> {
  for (const { original, name } of copied) {
    const short = original.name.slice(0, SHORT_ID);
    const text = name === undefined ? `${short} would be copied` : `${short} is ${name.slice(0, SHORT_ID)} there`;
    await out.record('copied', { ...way, original: original.name, snapshot: name }, text);
  }
  for (const { name } of superseded) {
    await out.record(
      'superseded',
      { ...way, snapshot: name },
      `${name.slice(0, SHORT_ID)} there was made anew here since`,
    );
  }
  for (const { original, reason } of failed) await out.object('failed', { ...way, original: original.name, reason });
}
