/** What `neo restore` says: each step of a dry run, and the end. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { formatBytes, formatCount, formatCounted, formatDuration } from '../core/format.ts';
import type { Output } from './output.ts';

/** What the report needs of a summary. */
export interface RestoreFigures {
  readonly filesRestored: number;
  readonly filesUnchanged: number;
  readonly filesSkipped: number;
  readonly bytesRestored: number;
  readonly bytesRead: number;
  readonly deleted: number;
  readonly renamed: number;
  readonly errors: number;
  readonly refused: number;
  readonly metadataProblems: number;
  readonly durationMs: number;
  readonly targets: readonly Uint8Array[];
}

export interface RestoreStep {
  readonly action: string;
  readonly type: string;
  readonly path: Uint8Array;
  readonly size?: number;
}

/** One thing that a dry run would do. */
export async function reportStep(out: Output, { action, type, path, size }: RestoreStep): Promise<void> {
  const body = { action, kind: type, path: toByteString(path), size };
  await out.record('step', body, `${action.padEnd(9)} ${displayBytes(path)}${type === 'directory' ? '/' : ''}`);
}

export async function reportRestore(
  out: Output,
  snapshot: string,
  figures: RestoreFigures,
  dryRun: boolean,
): Promise<void> {
  const { targets, ...counts } = figures;
  const parts = [`${formatCounted(counts.filesRestored, 'file')} ${dryRun ? 'would be ' : ''}restored`];
  if (counts.filesUnchanged > 0) parts.push(`${formatCount(counts.filesUnchanged)} unchanged`);
  if (counts.filesSkipped > 0) parts.push(`${formatCount(counts.filesSkipped)} left as they are`);
  if (counts.deleted > 0) parts.push(`${formatCount(counts.deleted)} ${dryRun ? 'would be ' : ''}deleted`);
  await out.line(`snapshot ${snapshot.slice(0, 8)}: ${parts.join(', ')}`);
  if (!dryRun) {
    const written = `${formatBytes(counts.bytesRestored)} written, ${formatBytes(counts.bytesRead)} read from the repository`;
    await out.line(`${written}, in ${formatDuration(counts.durationMs)}`);
  }
  if (counts.renamed > 0) await out.line(`${formatCount(counts.renamed)} under another name: see the warnings above`);
  if (counts.errors > 0) await out.line(`${formatCount(counts.errors)} could not be restored: see the warnings above`);
  for (const target of targets) await out.line(`${dryRun ? 'would be in' : 'restored to'} ${displayBytes(target)}`);
  const shown = targets.map((target) => toByteString(target));
  const [target] = shown;
  await out.object('summary', { snapshot, ...counts, target, targets: shown, dryRun });
}
