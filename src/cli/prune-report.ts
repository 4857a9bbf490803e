/** What `neo prune` says. */
import { formatBytes, formatCounted, formatDuration, formatTime } from '../core/format.ts';
import type { JsonBody } from './output.ts';

/** The part of tasks/prune.ts that is shown. */
export interface ShownPrune {
  readonly snapshots: number;
  readonly packs: number;
  readonly packBytes: number;
  readonly unusedBytes: number;
  readonly swept: {
    readonly packs: number;
    readonly bytes: number;
    readonly snapshots: number;
    readonly rescued: number;
  };
  readonly marked: { readonly packs: number; readonly bytes: number; readonly snapshots: number };
  readonly waiting: { readonly packs: number; readonly bytes: number };
  readonly dueAt?: number;
  readonly repacked: { readonly packs: number; readonly bytes: number; readonly written: number };
  readonly lostBlobs: number;
  readonly durationMs: number;
}

export function pruneJson({ dueAt, ...summary }: ShownPrune, dryRun: boolean): JsonBody {
  const due = dueAt === undefined ? {} : { dueAt: new Date(dueAt).toISOString() };
  return {
    ...summary,
    swept: { ...summary.swept },
    marked: { ...summary.marked },
    waiting: { ...summary.waiting },
    repacked: { ...summary.repacked },
    ...due,
    ...(dryRun ? { dryRun } : {}),
  };
}

export function pruneText(summary: ShownPrune, dryRun: boolean): string {
  const would = dryRun ? 'would be ' : '';
  const kept = `kept     ${packs(summary.packs, summary.packBytes)}, ${formatBytes(summary.unusedBytes)} of it unused`;
  const done = [
    sweptText(summary, would),
    copiedText(summary, would),
    markedText(summary, would),
    waitingText(summary),
  ];
  const lines = done.filter((line) => line !== undefined);
  if (lines.length === 0) lines.push('nothing to free');
  if (summary.lostBlobs > 0) lines.push(`LOST     ${formatCounted(summary.lostBlobs, 'blob')}: see neo check`);
  return [kept, ...lines, `in ${formatDuration(summary.durationMs)}`].join('\n');
}

function packs(count: number, bytes: number): string {
  return `${formatCounted(count, 'pack')}, ${formatBytes(bytes)}`;
}

function andSnapshots(count: number): string {
  return count === 0 ? '' : `, ${formatCounted(count, 'snapshot')}`;
}

function sweptText({ swept }: ShownPrune, would: string): string | undefined {
  if (swept.packs + swept.snapshots === 0) return undefined;
  const rescued = swept.rescued === 0 ? '' : `; ${formatCounted(swept.rescued, 'blob')} saved from them first`;
  return `deleted  ${would}${packs(swept.packs, swept.bytes)}${andSnapshots(swept.snapshots)}${rescued}`;
}

function copiedText({ repacked }: ShownPrune, would: string): string | undefined {
  if (repacked.packs === 0) return undefined;
  return `copied   ${would}${formatBytes(repacked.written)} out of ${packs(repacked.packs, repacked.bytes)}`;
}

function markedText({ marked }: ShownPrune, would: string): string | undefined {
  if (marked.packs + marked.snapshots === 0) return undefined;
  return `marked   ${would}${packs(marked.packs, marked.bytes)}${andSnapshots(marked.snapshots)}`;
}

function waitingText({ waiting, dueAt }: ShownPrune): string | undefined {
  if (dueAt === undefined) return undefined;
  const when = formatTime(new Date(dueAt));
  return `waiting  ${packs(waiting.packs, waiting.bytes)}: neo prune deletes them from ${when} on`;
}
