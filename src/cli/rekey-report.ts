/** What `neo rewrite --rekey` says. */
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted } from '../core/format.ts';
import type { Output } from './output.ts';
import {
  rewriteJson,
  rewriteLine,
  rewriteSummaryJson,
  rewriteSummaryText,
  type ShownRewrite,
} from './rewrite-report.ts';

/** The part of tasks/rekey.ts that is shown. */
export interface ShownRekey extends ShownRewrite {
  readonly failed: readonly { readonly original: { readonly name: string }; readonly reason: string }[];
  readonly blobs: number;
  readonly bytes: number;
  readonly bytesStored: number;
}

export async function reportRekey(
  out: Output,
  summary: ShownRekey,
  { dryRun, contentEpoch }: { readonly dryRun: boolean; readonly contentEpoch: number },
): Promise<void> {
  const { rewritten, failed, blobs, bytes, bytesStored } = summary;
  for (const one of rewritten) await out.record('rewritten', rewriteJson(one), rewriteLine(one));
  for (const { original, reason } of failed) await out.object('failed', { original: original.name, reason });
  const body = {
    ...rewriteSummaryJson(summary, dryRun),
    failed: failed.length,
    contentEpoch,
    blobs,
    bytes,
    bytesStored,
  };
  const moved = `${formatCounted(blobs, 'blob')} of ${formatBytes(bytes)} ${dryRun ? 'would be ' : ''}moved`;
  await out.record('summary', body, `${moved}; ${rewriteSummaryText(summary, dryRun)}`);
  if (contentEpoch === 0) out.note('the content secrets are the first ones: see neo key rotate --content');
  if (dryRun || blobs === 0) return;
  out.note(
    'what lies there under the old secrets goes with neo prune --max-unused 0, once the originals are out of the trash',
  );
}

/** @throws NeoError integrity */
export function requireNoneFailed({ failed }: ShownRekey): void {
  if (failed.length === 0) return;
  throw new NeoError('integrity', `${formatCounted(failed.length, 'snapshot')} could not be moved`, {
    hint: 'see: neo check --read-data; heal with: neo repair packs, neo repair snapshots',
  });
}
