/**
 * What a share reaches, for a server that hands out nothing else: `shares/<share>/<n>.reach` stands beside `shares/<share>/<n>` and is written
 * before it. For each object: length of its path in 16 bits, the path in ASCII, number of ranges in 32 bits, and for each range its offset and
 * its length in 32 bits; all little-endian, until the end. Ranges of one object are in order and neither overlap nor touch.
 */
import { ByteReader, ByteWriter, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';

export interface Reached {
  readonly path: string;
  readonly ranges: readonly ReachedRange[];
}

export interface ReachedRange {
  readonly offset: number;
  readonly length: number;
}

const SUFFIX = '.reach';
const MOST_PATH = 250;
/** Of one of these objects: half a million ranges. What is longer reaches nothing. */
export const MOST_REACH_BYTES: number = 4 << 20;

/** @param object path of the share's own object */
export function reachPath(object: string): string {
  return `${object}${SUFFIX}`;
}

export function isReachPath(path: string): boolean {
  return path.endsWith(SUFFIX);
}

/** Ranges in any order; what touches becomes one. */
export function encodeReach(objects: readonly Reached[]): Uint8Array {
  const writer = new ByteWriter();
  for (const { path, ranges } of objects) {
    const name = utf8(path);
    const joined = joinRanges(ranges);
    writer.u16(name.length).bytes(name).u32(joined.length);
    for (const { offset, length } of joined) writer.u32(offset).u32(length);
  }
  return writer.finish();
}

function joinRanges(ranges: readonly ReachedRange[]): ReachedRange[] {
  const joined: { offset: number; length: number }[] = [];
  for (const { offset, length } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last === undefined || offset > last.offset + last.length) joined.push({ offset, length });
    else last.length = Math.max(last.length, offset + length - last.offset);
  }
  return joined;
}

/** @throws NeoError integrity */
export function decodeReach(bytes: Uint8Array): Reached[] {
  const reader = new ByteReader(bytes);
  const objects: Reached[] = [];
  while (reader.offset < bytes.length) {
    const length = reader.u16();
    if (length > MOST_PATH) throw malformed();
    const path = String.fromCharCode(...reader.bytes(length));
    objects.push({ path, ranges: readRanges(reader, bytes.length) });
  }
  return objects;
}

function readRanges(reader: ByteReader, end: number): ReachedRange[] {
  const count = reader.u32();
  if (count * 8 > end - reader.offset) throw malformed();
  const ranges: ReachedRange[] = [];
  let after = -1;
  for (let i = 0; i < count; i++) {
    const range = { offset: reader.u32(), length: reader.u32() };
    if (range.offset <= after || range.length === 0) throw malformed();
    after = range.offset + range.length;
    ranges.push(range);
  }
  return ranges;
}

function malformed(): NeoError {
  return new NeoError('integrity', 'not a list of what a share reaches');
}

/** Whether one of the ranges, in order, holds all of `[offset, offset + length)`; of no bytes at all: never. */
export function isReached(ranges: readonly ReachedRange[], offset: number, length: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.offset ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range !== undefined && length > 0 && offset + length <= range.offset + range.length;
}
