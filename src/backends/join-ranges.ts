/** Ranges of one object that lie close together, as fewer and larger ones: each costs a way to the storage. */
import type { ByteRange } from './backend.ts';

/** So much between two is rather read than asked for apart. */
const GAP = 64 << 10;
const MOST = 4 << 20;

export interface Joined extends ByteRange {
  /** Each with its number among all. */
  readonly of: readonly (readonly [number, ByteRange])[];
}

export function joinRanges(ranges: readonly (readonly [number, ByteRange])[]): Joined[] {
  const joined: { offset: number; length: number; of: (readonly [number, ByteRange])[] }[] = [];
  for (const each of [...ranges].sort(([, a], [, b]) => a.offset - b.offset)) {
    const { offset, length } = each[1];
    const last = joined.at(-1);
    const end = offset + length;
    if (last !== undefined && offset - (last.offset + last.length) <= GAP && end - last.offset <= MOST) {
      last.length = Math.max(last.length, end - last.offset);
      last.of.push(each);
    } else joined.push({ offset, length, of: [each] });
  }
  return joined;
}
