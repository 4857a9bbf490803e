/** What `neo forget`, `neo undo` and `neo trash` say. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { formatCounted, formatTime } from '../core/format.ts';
import type { JsonBody } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';
import type { Column } from './table.ts';

/** The part of tasks/forget.ts that is shown. */
export interface ShownDecision {
  readonly candidate: {
    readonly name: string;
    readonly received: number;
    readonly kind: string;
    readonly snapshot: { readonly body: { readonly time: number; readonly tags: readonly string[] } };
  };
  readonly keep: boolean;
  readonly reasons: readonly string[];
}

export interface ShownGroup {
  readonly client: string;
  readonly host?: string;
  readonly paths?: readonly Uint8Array[];
  readonly tags?: readonly string[];
}

export interface ShownForget {
  readonly kept: number;
  readonly removed: number;
  readonly versionsKept: number;
  readonly stashesDropped: number;
  readonly removal?: string;
  readonly trashEnds?: number;
}

/** The part of snapshot/removal.ts that is shown. */
export interface ShownRemoval {
  readonly name: string;
  readonly time: number;
  readonly trashEnds: number;
  readonly snapshots: readonly string[];
  readonly undone: boolean;
}

interface ForgetWishes {
  readonly dryRun: boolean;
  readonly trash: number;
}

export const decisionColumns: Column[] = ['', 'ID', 'TIME', 'KIND', 'TAGS', 'WHY'];

export function decisionRow({ candidate, keep, reasons }: ShownDecision): string[] {
  const { snapshot, name } = candidate;
  return [
    keep ? 'keep' : 'remove',
    name.slice(0, SHORT_ID),
    formatTime(new Date(snapshot.body.time)),
    candidate.kind,
    snapshot.body.tags.join(' ') || '-',
    reasons.join(', '),
  ];
}

/** Host and paths, of what the group has in common. */
export function groupTitle({ client, host, paths, tags }: ShownGroup): string {
  const words = [
    ...(host === undefined ? [] : [host]),
    ...(paths ?? []).map((path) => displayBytes(path)),
    ...(tags === undefined || tags.length === 0
      ? []
      : [`tags ${tags.map((tag) => displayBytes(Buffer.from(tag))).join(',')}`]),
  ];
  return words.length === 0 ? `key ${client.slice(0, SHORT_ID)}` : words.join(' ');
}

export function decisionJson({ host, paths, tags, client }: ShownGroup, decision: ShownDecision): JsonBody {
  const { candidate, keep, reasons } = decision;
  return {
    snapshot: candidate.name,
    keep,
    reasons,
    time: new Date(candidate.snapshot.body.time).toISOString(),
    received: new Date(candidate.received).toISOString(),
    kind: candidate.kind,
    group: { client, host, paths: paths?.map((path) => toByteString(path)), tags },
  };
}

export function forgetSummaryJson(
  { kept, removed, versionsKept, stashesDropped, removal, trashEnds }: ShownForget,
  { dryRun }: ForgetWishes,
): JsonBody {
  return {
    kept,
    removed,
    versionsKept,
    stashesDropped,
    removal,
    trashEnds: trashEnds === undefined ? undefined : new Date(trashEnds).toISOString(),
    ...(dryRun ? { dryRun } : {}),
  };
}

export function forgetSummaryText(shown: ShownForget, { dryRun, trash }: ForgetWishes): string {
  const { kept, removed, trashEnds } = shown;
  const versions = versionsText(shown, dryRun);
  const stay = `${formatCounted(kept, 'snapshot')} stay`.replace(/^(1 snapshot) stay$/, '$1 stays');
  if (dryRun) return `would remove ${formatCounted(removed, 'snapshot')}, ${stay}${versions}; nothing was done`;
  if (trashEnds === undefined) return `nothing to remove, ${stay}`;
  const until = trash === 0 ? '' : `, in the trash until ${formatTime(new Date(trashEnds))}; to bring back: neo undo`;
  return `removed ${formatCounted(removed, 'snapshot')}, ${stay}${versions}${until}`;
}

/** What policies of versions come to. */
function versionsText({ versionsKept, stashesDropped }: ShownForget, dryRun: boolean): string {
  const kept =
    versionsKept === 0 ? '' : `; ${formatCounted(versionsKept, 'version')} of files ${dryRun ? 'would stay' : 'kept'}`;
  return stashesDropped === 0
    ? kept
    : `${kept}; ${formatCounted(stashesDropped, 'stash', 'stashes')} of older ones ${dryRun ? 'would be dropped' : 'dropped'}`;
}

export const removalColumns: Column[] = ['ID', 'REMOVED', 'TRASH ENDS', { numbers: 'SNAPSHOTS' }, 'STATE'];

export function removalRow({ name, time, trashEnds, snapshots, undone }: ShownRemoval, now: number): string[] {
  return [
    name.slice(0, SHORT_ID),
    formatTime(new Date(time)),
    formatTime(new Date(trashEnds)),
    String(snapshots.length),
    undone ? 'brought back' : trashEnds <= now ? 'ended' : 'in the trash',
  ];
}

export function removalJson({ name, time, trashEnds, snapshots, undone }: ShownRemoval): JsonBody {
  return {
    removal: name,
    time: new Date(time).toISOString(),
    trashEnds: new Date(trashEnds).toISOString(),
    snapshots: [...snapshots],
    undone,
  };
}
