/** What `neo pin` says. */
import { displayBytes } from '../core/bytes.ts';
import { formatTime } from '../core/format.ts';
import type { JsonBody } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';
import type { Column } from './table.ts';

/** The part of tasks/pin.ts that is shown. */
export interface ShownPin {
  readonly name: string;
  readonly snapshot:
    | { readonly body: { readonly time: number; readonly host: string; readonly paths: readonly Uint8Array[] } }
    | undefined;
  readonly until: number | undefined;
  readonly reason: string | undefined;
  readonly since: number;
  readonly isOver: boolean;
}

export const pinColumns: Column[] = ['ID', 'TIME', 'HOST', 'UNTIL', 'PATHS', 'REASON'];

export function pinRow({ name, snapshot, until, reason, isOver }: ShownPin): string[] {
  const end = until === undefined ? 'for ever' : formatTime(new Date(until));
  return [
    name.slice(0, SHORT_ID),
    snapshot === undefined ? 'gone' : formatTime(new Date(snapshot.body.time)),
    snapshot?.body.host ?? '-',
    isOver ? `${end} (over)` : end,
    snapshot?.body.paths.map((path) => displayBytes(path)).join(' ') ?? '-',
    reason ?? '-',
  ];
}

export function pinJson({ name, until, reason, since, isOver }: ShownPin): JsonBody {
  return {
    snapshot: name,
    since: new Date(since).toISOString(),
    until: until === undefined ? undefined : new Date(until).toISOString(),
    reason,
    over: isOver,
  };
}
