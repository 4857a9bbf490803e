/** What `neo replicate` says at its end. */
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted, formatDuration } from '../core/format.ts';
import type { Output } from './output.ts';
import type { ReplicateSummary } from './replicate.ts';

/** @throws NeoError integrity when an object is damaged, or another one lies there under its name */
export async function reportReplicate(out: Output, summary: ReplicateSummary, dryRun: boolean): Promise<void> {
  const { from, to, copied, vanished, damaged, conflicts, removedThere, durationMs } = summary;
  for (const [folder, objects] of [...summary.folders].sort()) {
    const bytes = sizeOf(objects);
    const text = `${folder}: ${formatCounted(objects.length, 'object')}, ${formatBytes(bytes)}`;
    await out.record('copied', { folder, objects: objects.length, bytes }, text);
  }
  for (const object of damaged) await out.record('damaged', { object }, `${object} is damaged and was not copied`);
  for (const object of conflicts) {
    await out.record('conflict', { object }, `${object} is another one at ${to}, and was left as it is`);
  }
  const bytesStored = sizeOf(copied);
  await out.line(
    `${formatCounted(copied.length, 'object')} ${dryRun ? 'would be ' : ''}copied, ${formatBytes(bytesStored)}` +
      ` in ${formatDuration(durationMs)}`,
  );
  await out.object('summary', {
    ...{ from, to, copied: copied.length, bytesStored, vanished: vanished.length, removedThere },
    ...{ damaged: damaged.length, conflicts: conflicts.length, durationMs, dryRun },
  });
  if (vanished.length > 0) out.note(`${formatCounted(vanished.length, 'object')} vanished meanwhile, as by a prune`);
  if (removedThere > 0) {
    out.note(`${formatCounted(removedThere, 'object')} of these were removed there, and are not brought back`);
  }
  refuseFailures(damaged.length, conflicts.length);
}

function sizeOf(objects: ReplicateSummary['copied']): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}

function refuseFailures(damaged: number, conflicts: number): void {
  const parts = [
    ...(damaged === 0 ? [] : [`${formatCounted(damaged, 'object')} damaged where they come from`]),
    ...(conflicts === 0 ? [] : [`${formatCounted(conflicts, 'object')} other there than here`]),
  ];
  if (parts.length === 0) return;
  throw new NeoError('integrity', `${parts.join(', ')}: not copied`, {
    hint: 'all others are there; see: neo check --read-data',
  });
}
