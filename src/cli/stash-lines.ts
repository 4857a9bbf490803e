/** Stashes as a person and as a program sees them. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { formatBytes, formatTime } from '../core/format.ts';
import type { JsonBody } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';
import type { Column } from './table.ts';

/** The part of snapshot/listing.ts that is shown. */
export interface ShownStash {
  readonly name: string;
  readonly body: {
    readonly time: number;
    readonly host: string;
    readonly paths: readonly Uint8Array[];
    readonly description?: string;
    readonly statistics: { readonly bytesProcessed: number };
  };
}

export const stashColumns: Column[] = [
  { numbers: 'STASH' },
  'ID',
  'TIME',
  'HOST',
  { numbers: 'SIZE' },
  'MESSAGE',
  'PATHS',
];

export function stashRow({ name, body }: ShownStash, number: number): string[] {
  return [
    String(number),
    name.slice(0, SHORT_ID),
    formatTime(new Date(body.time)),
    body.host,
    formatBytes(body.statistics.bytesProcessed),
    body.description ?? '-',
    body.paths.map((path) => displayBytes(path)).join(' '),
  ];
}

export function stashJson({ name, body }: ShownStash, number: number): JsonBody {
  return {
    stash: number,
    snapshot: name,
    time: new Date(body.time).toISOString(),
    host: body.host,
    size: body.statistics.bytesProcessed,
    message: body.description,
    paths: body.paths.map((path) => toByteString(path)),
  };
}
