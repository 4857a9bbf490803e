/**
 * Sorts records by bucket where they stand (American flag sort, McIlroy, Bostic and McIlroy 1993), in two steps: straight
 * into a million buckets, each move would miss every cache and the TLB.
 */
import { bucketOf, RECORD_WORDS, TRUSTED } from './place-record.ts';

const STEP_BITS = 8;
/** Larger buckets have duplicates, or somebody's hand in them. */
const PLAIN_BUCKET = 32;

/**
 * @param starts one more than there are buckets; receives the number of the first record of each, and the end
 * @returns how many records are left when each place stands once
 */
export function sortByBucket(records: Uint32Array, starts: Uint32Array, seed: number, bits: number): number {
  const high = Math.min(bits, STEP_BITS);
  const low = bits - high;
  const parts = new Uint32Array((1 << high) + 1);
  const within = new Uint32Array((1 << low) + 1);
  const next = new Uint32Array(Math.max(parts.length, within.length));
  flagSort({
    records,
    from: 0,
    to: records.length / RECORD_WORDS,
    starts: parts,
    next,
    seed,
    bits,
    shift: low,
    base: 0,
  });
  for (let part = 0; part < 1 << high; part++) {
    const [from = 0, to = 0] = [parts[part], parts[part + 1]];
    flagSort({ records, from, to, starts: within, next, seed, bits, shift: 0, base: part << low });
    starts.set(within.subarray(0, 1 << low), part << low);
  }
  starts[1 << bits] = records.length / RECORD_WORDS;
  return dropCopies(records, starts, 1 << bits);
}

interface Sorting {
  readonly records: Uint32Array;
  /** Records from, and up to. */
  readonly from: number;
  readonly to: number;
  /** Receives where each kind begins, and the end. */
  readonly starts: Uint32Array;
  /** Scratch. */
  readonly next: Uint32Array;
  readonly seed: number;
  readonly bits: number;
  /** A record's kind is its bucket >>> shift, less `base`. */
  readonly shift: number;
  readonly base: number;
}

function flagSort(sorting: Sorting): void {
  const { records, from, to, starts, next, seed, bits, shift } = sorting;
  const kinds = starts.length - 1;
  const base = sorting.base >>> shift;
  next.fill(0);
  for (let at = from * RECORD_WORDS + 1; at < to * RECORD_WORDS; at += RECORD_WORDS) {
    const kind = (bucketOf(seed, bits, records[at] as number) >>> shift) - base;
    next[kind] = (next[kind] as number) + 1;
  }
  let sum = from;
  for (let kind = 0; kind < kinds; kind++) {
    starts[kind] = sum;
    sum += next[kind] as number;
    next[kind] = starts[kind] as number;
  }
  starts[kinds] = to;
  for (let kind = 0; kind < kinds; kind++) {
    const end = starts[kind + 1] as number;
    for (let i = next[kind] as number; i < end; i = next[kind] as number) {
      const wanted = (bucketOf(seed, bits, records[i * RECORD_WORDS + 1] as number) >>> shift) - base;
      const target = next[wanted] as number;
      next[wanted] = target + 1;
      if (wanted !== kind) swap(records, i * RECORD_WORDS, target * RECORD_WORDS);
    }
  }
}

function swap(words: Uint32Array, a: number, b: number): void {
  for (let i = 0; i < RECORD_WORDS; i++) {
    const word = words[a + i] as number;
    words[a + i] = words[b + i] as number;
    words[b + i] = word;
  }
}

/** Closes the gaps that copies leave, and brings several places of one id in order. */
function dropCopies(records: Uint32Array, starts: Uint32Array, buckets: number): number {
  let kept = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = starts[bucket] as number;
    const to = starts[bucket + 1] as number;
    const count = hasTwins(records, from, to) ? tidy(records, from, to) : to - from;
    if (kept !== from) records.copyWithin(kept * RECORD_WORDS, from * RECORD_WORDS, (from + count) * RECORD_WORDS);
    starts[bucket] = kept;
    kept += count;
  }
  starts[buckets] = kept;
  return kept;
}

/** True if two records may be of the same id. */
function hasTwins(records: Uint32Array, from: number, to: number): boolean {
  if (to - from > PLAIN_BUCKET) return true;
  for (let i = from + 1; i < to; i++) {
    const word = records[i * RECORD_WORDS + 1];
    for (let j = from; j < i; j++) if (records[j * RECORD_WORDS + 1] === word) return true;
  }
  return false;
}

/**
 * Those of the pack that was met first come first; of the same place that is told as trusted and as not, what is trusted
 * stands. Returns how many records are left.
 */
function tidy(records: Uint32Array, from: number, to: number): number {
  const copy = records.slice(from * RECORD_WORDS, to * RECORD_WORDS);
  const order = Array.from({ length: to - from }, (_, i) => i * RECORD_WORDS);
  order.sort((a, b) => comparePlaces(copy, a, b) || lengthAt(copy, b) - lengthAt(copy, a));
  let last = -1;
  let kept = from;
  for (const at of order) {
    if (last >= 0 && comparePlaces(copy, last, at) === 0) continue;
    records.set(copy.subarray(at, at + RECORD_WORDS), kept * RECORD_WORDS);
    last = at;
    kept += 1;
  }
  return kept - from;
}

/** Zero for the same place, trusted or not. */
function comparePlaces(words: Uint32Array, a: number, b: number): number {
  for (let i = 0; i < RECORD_WORDS - 1; i++) {
    const difference = (words[a + i] as number) - (words[b + i] as number);
    if (difference !== 0) return difference;
  }
  return (lengthAt(words, a) & ~TRUSTED) - (lengthAt(words, b) & ~TRUSTED);
}

/** With the bit of trust. */
function lengthAt(words: Uint32Array, at: number): number {
  return words[at + RECORD_WORDS - 1] as number;
}
