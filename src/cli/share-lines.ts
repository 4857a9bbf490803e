/** Shares as people and programs see them. */
import { displayBytes, toByteString } from '../core/bytes.ts';

/** Times in milliseconds since 1970; expires 0 = never. */
interface Share {
  readonly id: string;
  readonly of: string;
  readonly path: Uint8Array;
  readonly taken: number;
  readonly expires: number;
  readonly recipient?: string;
  /** Of one that shows what comes. */
  readonly follow?: object;
}

const DATE_LENGTH = 10;

export const shareColumns: readonly string[] = ['ID', 'Made', 'Ends', 'For', 'Snapshot', 'Follows', 'Path', 'Why'];

export function shareRow(
  { id, of, path, expires, recipient, follow }: Share,
  made: number,
  description?: string,
): string[] {
  const ends = expires === 0 ? 'never' : day(expires);
  const whom = recipient ?? 'who has it';
  return [
    id.slice(0, 8),
    day(made),
    ends,
    whom,
    of.slice(0, 8),
    follow ? 'yes' : '',
    displayBytes(path),
    description ?? '',
  ];
}

export function shareJson(share: Share, made: number, description?: string): { readonly [member: string]: unknown } {
  const { id, of, path, taken, expires, recipient, follow } = share;
  return {
    id,
    made: new Date(made).toISOString(),
    expires: expires === 0 ? null : new Date(expires).toISOString(),
    recipient: recipient ?? null,
    snapshot: of,
    taken: new Date(taken).toISOString(),
    path: toByteString(path),
    follows: follow !== undefined,
    description: description ?? null,
  };
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, DATE_LENGTH);
}
