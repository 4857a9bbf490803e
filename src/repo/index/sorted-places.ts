/**
 * The places that the segments tell, in one shared array: 28 bytes a place, by buckets of a few, so that there is no slot
 * left empty and nothing to probe. Collected as they come, sorted in place at the end; it never grows after that.
 *
 * A record is 7 words, as a slot of the table beside it (blob-index.ts): pack, 4 words of id prefix, offset, length (top
 * bit: trusted). Before the records: a mark, their number, a seed and the bits of a bucket's number. After them: where
 * each bucket begins.
 */
import { type Random, systemRandom } from '../../core/random.ts';
import { ENTRY_LENGTH, LENGTH, OFFSET } from '../pack/entry.ts';
import { sortByBucket } from './bucket-sort.ts';
import { bucketOf, RECORD_WORDS, TRUSTED } from './place-record.ts';

/** No table has so many slots taken: tells the two apart. */
export const SORTED_MARK = 0xffff_ffff;
const COUNT = 1;
const SEED = 2;
const BITS = 3;
const FIRST = 4;
/** Places for which there is room at once. Memory is only taken where something is written. */
const ROOM = 16 << 20;

export class SortedPlaces {
  readonly words: Uint32Array<SharedArrayBuffer>;
  /** Places; those dropped since counted too. */
  readonly count: number;
  readonly #seed: number;
  readonly #bits: number;
  readonly #starts: Uint32Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Uint32Array(memory);
    this.count = this.words[COUNT] ?? 0;
    this.#seed = this.words[SEED] ?? 0;
    this.#bits = this.words[BITS] ?? 0;
    this.#starts = this.words.subarray(this.words.length - (1 << this.#bits) - 1);
  }

  /** Bytes in use; there is memory between them that was never touched. */
  get bytes(): number {
    return 4 * (FIRST + this.count * RECORD_WORDS + this.#starts.length);
  }

  get first(): number {
    return FIRST;
  }

  get end(): number {
    return FIRST + this.count * RECORD_WORDS;
  }

  /** Of a bucket. */
  start(bucket: number): number {
    return FIRST + (this.#starts[bucket] ?? 0) * RECORD_WORDS;
  }

  bucket(w0: number): number {
    return bucketOf(this.#seed, this.#bits, w0);
  }
}

/** Takes places as they are read. */
export class PlaceCollector {
  #words: Uint32Array<SharedArrayBuffer>;
  #count = 0;
  readonly #random: Random;

  /** @param expected places, at most; what storage claims costs nothing until it proves true */
  constructor(expected: number, random: Random = systemRandom) {
    this.#random = random;
    this.#words = memoryFor(Math.min(expected, ROOM));
  }

  get count(): number {
    return this.#count;
  }

  /** @param entries as they stand in a segment, checked */
  add(pack: number, trusted: boolean, entries: Uint8Array): void {
    const count = entries.length / ENTRY_LENGTH;
    this.#makeRoom(count);
    const words = this.#words;
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    const flag = trusted ? TRUSTED : 0;
    let at = FIRST + this.#count * RECORD_WORDS;
    for (let from = 0; from < entries.length; from += ENTRY_LENGTH) {
      words[at] = pack;
      words[at + 1] = view.getUint32(from, true);
      words[at + 2] = view.getUint32(from + 4, true);
      words[at + 3] = view.getUint32(from + 8, true);
      words[at + 4] = view.getUint32(from + 12, true);
      words[at + 5] = view.getUint32(from + OFFSET, true);
      words[at + 6] = flag | view.getUint32(from + LENGTH, true);
      at += RECORD_WORDS;
    }
    this.#count += count;
  }

  #makeRoom(count: number): void {
    const needed = this.#count + count;
    if (FIRST + needed * RECORD_WORDS + bucketsFor(needed) + 1 <= this.#words.length) return;
    const old = this.#words.subarray(0, FIRST + this.#count * RECORD_WORDS);
    this.#words = memoryFor(Math.max(needed, 2 * this.#count));
    this.#words.set(old);
  }

  /** What {@link SortedPlaces} is made from. Places that were told twice stand once. Nothing can be added after. */
  finish(): SharedArrayBuffer {
    const words = this.#words;
    const bits = Math.log2(bucketsFor(this.#count));
    const [seed] = new Uint32Array(this.#random.bytes(4).buffer);
    words[SEED] = seed ?? 0;
    words[BITS] = bits;
    const starts = words.subarray(words.length - (1 << bits) - 1);
    const records = words.subarray(FIRST, FIRST + this.#count * RECORD_WORDS);
    words[COUNT] = sortByBucket(records, starts, seed ?? 0, bits);
    words[0] = SORTED_MARK;
    return words.buffer;
  }
}

function memoryFor(places: number): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(new SharedArrayBuffer(4 * (FIRST + places * RECORD_WORDS + bucketsFor(places) + 1)));
}

/** A power of two: four to eight places a bucket. */
function bucketsFor(places: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(places / 8 || 1)));
}
