/** What `neo find` found, as a person and as a program sees it. */
import { displayBytes, toHex } from '../core/bytes.ts';
import { formatBytes, formatTime } from '../core/format.ts';
import { nodeJson, type ShownNode } from './node-lines.ts';
import type { JsonBody } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';

interface ShownSnapshot {
  readonly name: string;
  readonly body: { readonly time: number };
}

/** The part of tasks/find.ts that is shown. */
export interface ShownHit {
  readonly path: Uint8Array;
  readonly entry: Pick<ShownNode, 'type' | 'size' | 'mtime'>;
  readonly node: () => ShownNode & { readonly contentHash?: Uint8Array };
  readonly first: ShownSnapshot;
  readonly last: ShownSnapshot;
  readonly snapshots: number;
  readonly deleted: boolean;
}

/** Columns of known widths: there may be hundreds of thousands of lines, and the first need not wait for the last. */
const TIME = 19;
const COUNT = 'SNAPSHOTS'.length;
const SIZE = '1023.9 KiB'.length;

export const hitHeader = [
  'LAST SEEN'.padEnd(TIME),
  'SNAPSHOT'.padEnd(SHORT_ID),
  'SNAPSHOTS'.padStart(COUNT),
  'SIZE'.padStart(SIZE),
  'MODIFIED'.padEnd(TIME),
  'PATH',
].join('  ');

/** Of few snapshots, and said in every row. */
const lastSeen = new WeakMap<ShownSnapshot, string>();

function timeOf(snapshot: ShownSnapshot): string {
  const known = lastSeen.get(snapshot) ?? formatTime(new Date(snapshot.body.time));
  lastSeen.set(snapshot, known);
  return known;
}

export function hitLine({ path, entry, last, snapshots, deleted }: ShownHit): string {
  const { type, size, mtime } = entry;
  return [
    timeOf(last),
    last.name.slice(0, SHORT_ID),
    String(snapshots).padStart(COUNT),
    (type === 'file' ? formatBytes(size) : '-').padStart(SIZE),
    formatTime(new Date(Number(mtime / 1_000_000n))),
    displayBytes(path) + (type === 'directory' ? '/' : '') + (deleted ? '  deleted' : ''),
  ].join('  ');
}

export function hitJson(hit: ShownHit): JsonBody {
  const { path, first, last, snapshots, deleted } = hit;
  const node = hit.node();
  const time = ({ body }: ShownSnapshot): string => new Date(body.time).toISOString();
  return {
    ...nodeJson(path, node),
    contentHash: node.contentHash === undefined ? undefined : toHex(node.contentHash),
    first: { snapshot: first.name, time: time(first) },
    last: { snapshot: last.name, time: time(last) },
    snapshots,
    deleted,
  };
}
