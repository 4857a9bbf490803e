/** Snapshots as a person and as a program sees them. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { formatBytes, formatTime } from '../core/format.ts';
import type { JsonBody } from './output.ts';
import type { Column } from './table.ts';

/** Digits of an id that people see; enough to tell thousands apart, and to be typed. */
export const SHORT_ID = 8;

/** The part of snapshot/listing.ts `Snapshot` that is shown. */
export interface ShownSnapshot {
  readonly name: string;
  readonly received: number;
  readonly head: { readonly client: string };
  readonly body: {
    readonly time: number;
    readonly host: string;
    readonly user: string;
    readonly uid?: number;
    readonly paths: readonly Uint8Array[];
    readonly tags: readonly string[];
    readonly label?: string;
    readonly description?: string;
    readonly program: string;
    readonly kind: string;
    readonly parent?: string;
    readonly original?: { readonly snapshot: string };
    readonly excludes: readonly string[];
    readonly statistics: { readonly bytesAdded: number; readonly bytesProcessed: number };
  };
}

/** What is said of it by others: `pinned`, `unconfirmed`, `disputed`, `revoked`. */
export type Marks = readonly string[];

/** The body of an object `snapshot` (docs/json.md). */
export function snapshotJson({ name, received, head, body }: ShownSnapshot, marks: Marks): JsonBody {
  return {
    id: name,
    time: new Date(body.time).toISOString(),
    received: new Date(received).toISOString(),
    kind: body.kind,
    ...(marks.length === 0 ? {} : { marks: [...marks] }),
    host: body.host,
    user: body.user,
    uid: body.uid,
    paths: body.paths.map((path) => toByteString(path)),
    tags: body.tags,
    label: body.label,
    description: body.description,
    parent: body.parent,
    original: body.original?.snapshot,
    client: head.client,
    program: body.program,
    excludes: body.excludes,
    statistics: body.statistics,
  };
}

/** @param withKeys as of {@link snapshotRow} */
export function snapshotColumns(withKeys: boolean): Column[] {
  const sizes = [{ numbers: 'NEW' }, { numbers: 'TOTAL' }];
  return ['ID', 'TIME', 'HOST', ...(withKeys ? ['KEY'] : []), 'KIND', ...sizes, 'TAGS', 'PATHS'];
}

/** Host and user are what the maker says; the key that signed is known. It tells something only where there are several. */
export function haveSeveralKeys(snapshots: readonly ShownSnapshot[]): boolean {
  return snapshots.some(({ head }) => head.client !== snapshots[0]?.head.client);
}

/** @param withKeys show whose key signed, as `neo key list` names it */
export function snapshotRow({ name, head, body }: ShownSnapshot, withKeys: boolean, marks: Marks): string[] {
  const { bytesAdded, bytesProcessed } = body.statistics;
  const label = body.label === undefined ? [] : [`"${body.label}"`];
  return [
    name.slice(0, SHORT_ID),
    formatTime(new Date(body.time)),
    body.host,
    ...(withKeys ? [head.client.slice(0, SHORT_ID)] : []),
    [body.kind, ...marks].join(', '),
    formatBytes(bytesAdded),
    formatBytes(bytesProcessed),
    [...body.tags, ...label].join(' ') || '-',
    body.paths.map((path) => displayBytes(path)).join(' '),
  ];
}
