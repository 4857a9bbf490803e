/** Versions of a file as a person and as a program sees them. */
import { formatBytes, formatTime } from '../core/format.ts';
import { nodeJson, type ShownNode } from './node-lines.ts';
import type { JsonBody } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';
import type { Column } from './table.ts';

interface ShownSnapshot {
  readonly name: string;
  readonly body: { readonly time: number; readonly host: string };
}

/** The part of tasks/versions.ts that is shown. */
export interface ShownVersion {
  readonly number: number;
  readonly path: Uint8Array;
  readonly node: ShownNode;
  readonly first: ShownSnapshot;
  readonly last: ShownSnapshot;
  readonly snapshots: number;
  readonly isCurrent: boolean;
}

export const versionColumns: Column[] = [
  { numbers: 'VERSION' },
  'FIRST SEEN',
  'LAST SEEN',
  'SNAPSHOT',
  { numbers: 'SNAPSHOTS' },
  { numbers: 'SIZE' },
  'MODIFIED',
  'HOST',
  '',
];

export function versionRow({ number, node, first, last, snapshots, isCurrent }: ShownVersion): string[] {
  const time = ({ body }: ShownSnapshot): string => formatTime(new Date(body.time));
  return [
    String(number),
    time(first),
    time(last),
    last.name.slice(0, SHORT_ID),
    String(snapshots),
    node.type === 'file' ? formatBytes(node.size) : node.type,
    formatTime(new Date(Number(node.mtime / 1_000_000n))),
    last.body.host,
    isCurrent ? 'current' : '',
  ];
}

export function versionJson({ number, path, node, first, last, snapshots, isCurrent }: ShownVersion): JsonBody {
  const time = ({ body }: ShownSnapshot): string => new Date(body.time).toISOString();
  return {
    version: number,
    ...nodeJson(path, node),
    first: { snapshot: first.name, time: time(first) },
    last: { snapshot: last.name, time: time(last) },
    snapshots,
    current: isCurrent,
  };
}
