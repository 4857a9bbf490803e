/** The end of `neo snapshot`: what was saved. */
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCount, formatCounted, formatDuration } from '../core/format.ts';
import type { Output } from './output.ts';

/** What the report needs of a summary. */
export interface SnapshotFigures {
  readonly snapshot?: string;
  readonly kind: string;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly directories: number;
  readonly bytesProcessed: number;
  readonly bytesAdded: number;
  readonly bytesStored: number;
  readonly errors: number;
  readonly durationMs: number;
}

/** @throws NeoError interrupted after a partial snapshot */
export async function reportSnapshot(out: Output, figures: SnapshotFigures, dryRun: boolean): Promise<void> {
  const { filesNew, filesChanged, filesUnmodified, bytesProcessed, bytesAdded, bytesStored, durationMs } = figures;
  const files = filesNew + filesChanged + filesUnmodified;
  await out.line(
    `${formatCounted(files, 'file')}: ${formatCount(filesNew)} new, ${formatCount(filesChanged)} changed, ` +
      `${formatCount(filesUnmodified)} unmodified`,
  );
  const would = dryRun ? 'would be ' : '';
  await out.line(
    `${formatBytes(bytesProcessed)} read or known, ${formatBytes(bytesAdded)} ${would}added, ` +
      `${formatBytes(bytesStored)} ${would}stored, in ${formatDuration(durationMs)}`,
  );
  if (figures.errors > 0) await out.line(`${formatCounted(figures.errors, 'problem')}: see the warnings above`);
  const { snapshot } = figures;
  if (dryRun) await out.line('dry run: nothing was stored');
  else if (snapshot === undefined) await out.line('nothing has changed: no snapshot was made');
  else await out.line(`${figures.kind === 'partial' ? 'partial snapshot' : 'snapshot'} ${snapshot.slice(0, 8)} saved`);
  await out.object('summary', { ...figures, snapshot: snapshot ?? null, dryRun });
  if (figures.kind !== 'partial') return;
  throw new NeoError('interrupted', 'interrupted: what was read so far is saved as a partial snapshot', {
    hint: 'run the same command again to complete it',
  });
}
