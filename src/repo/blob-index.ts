/**
 * Blob id → places, shared by all threads. What the segments tell stands sorted (index/sorted-places.ts). What a run adds
 * goes into tables: open addressing with linear probing in SharedArrayBuffers, 28 bytes a slot, at most 30 bytes a blob
 * at full load. Look-ups and claims use Atomics and need no round trip. A thread that does not know of a new table yet,
 * or finds the last one full, may claim what another one claims too: then it is stored twice.
 *
 * A slot is 7 words: state, 4 words of id prefix, offset, length (top bit: trusted). State is 0 (empty), a pack number
 * from 1 on, or one of the marks below. Slots never go back to empty.
 */
import { type BlobId, blobId } from '../core/ids.ts';
import { type Random, systemRandom } from '../core/random.ts';
import { hashOf, RECORD_WORDS, TRUSTED } from './index/place-record.ts';
import { type PlaceCollector, SORTED_MARK, SortedPlaces } from './index/sorted-places.ts';

const WORDS = RECORD_WORDS;
/** Slots taken, and the seed of this table's places. */
const HEADER_WORDS = 2;
const USED = 0;
const SEED = 1;
const BUSY = 0xffff_ffff;
const CLAIMED = 0xffff_fffe;
/** Claimed or placed by a run that is over, and not to be relied on. */
const DROPPED = 0xffff_fffd;
/** 28 / 0.94 is just below 30 bytes. */
const FULL_LOAD = 0.94;

export interface BlobPlace {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly trusted: boolean;
}

class Table {
  readonly words: Uint32Array<SharedArrayBuffer>;
  readonly slots: number;
  /** Slots that may be used: probing stays short, and there is always an empty one to end it. */
  readonly usable: number;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Uint32Array(memory);
    this.slots = (this.words.length - HEADER_WORDS) / WORDS;
    this.usable = Math.floor(this.slots * FULL_LOAD);
  }

  get used(): number {
    return Atomics.load(this.words, USED);
  }

  /** Reserves a slot, so that no number of threads at once can fill the last ones. False when the table is full. */
  take(): boolean {
    if (Atomics.add(this.words, USED, 1) < this.usable) return true;
    this.giveBack();
    return false;
  }

  giveBack(): void {
    Atomics.sub(this.words, USED, 1);
  }

  /** The state of a slot, once no thread is writing it. */
  state(at: number): number {
    let state = Atomics.load(this.words, at);
    while (state === BUSY) state = Atomics.load(this.words, at);
    return state;
  }

  next(at: number): number {
    const following = at + WORDS;
    return following === this.words.length ? HEADER_WORDS : following;
  }

  home([w0, w1, w2, w3]: Prefix): number {
    const hash = hashOf(this.words[SEED] ?? 0, w0, w1, w2, w3);
    return HEADER_WORDS + Math.floor((hash / 0x1_0000_0000) * this.slots) * WORDS;
  }
}

function tableMemory(blobs: number, random: Random): SharedArrayBuffer {
  const slots = Math.ceil(blobs / FULL_LOAD) + 16;
  const memory = new SharedArrayBuffer((HEADER_WORDS + slots * WORDS) * 4);
  const [seed] = new Uint32Array(random.bytes(4).buffer);
  new Uint32Array(memory)[SEED] = seed ?? 0;
  return memory;
}

export class BlobIndex {
  readonly #sorted: SortedPlaces | undefined;
  readonly #tables: Table[];
  #dropped = 0;
  readonly #random: Random;

  /** From memory handed over by {@link share}. */
  constructor(memories: readonly SharedArrayBuffer[], random: Random = systemRandom) {
    this.#random = random;
    const [first] = memories;
    const isSorted = first !== undefined && new Uint32Array(first)[0] === SORTED_MARK;
    this.#sorted = isSorted ? new SortedPlaces(first) : undefined;
    this.#tables = memories.slice(isSorted ? 1 : 0).map((memory) => new Table(memory));
  }

  static withRoomFor(blobs: number): BlobIndex {
    return new BlobIndex([tableMemory(blobs, systemRandom)]);
  }

  /** With all places collected, which costs the collector its memory, and room for `room` more blobs. */
  static from(places: PlaceCollector, room: number, random: Random = systemRandom): BlobIndex {
    return new BlobIndex([places.finish(), tableMemory(room, random)], random);
  }

  /** What another thread needs to see the same index. */
  share(): SharedArrayBuffer[] {
    const tables = this.#tables.map((table) => table.words.buffer);
    return this.#sorted === undefined ? tables : [this.#sorted.words.buffer, ...tables];
  }

  /** Takes over tables added by the owner since. */
  update(memories: readonly SharedArrayBuffer[]): void {
    const known = this.#tables.length + (this.#sorted === undefined ? 0 : 1);
    for (const memory of memories.slice(known)) this.#tables.push(new Table(memory));
  }

  /** Blobs and claims, copies counted each. */
  get size(): number {
    return this.#tables.reduce((sum, table) => sum + table.used, this.#sorted?.count ?? 0) - this.#dropped;
  }

  get bytes(): number {
    return this.#tables.reduce((sum, table) => sum + table.words.byteLength, this.#sorted?.bytes ?? 0);
  }

  /** Makes sure that `blobs` more fit. The owner's alone; others learn of it by {@link update}. */
  reserve(blobs: number): void {
    const last = this.#tables.at(-1);
    const free = last === undefined ? 0 : last.usable - last.used;
    if (free >= blobs) return;
    const room = Math.max(blobs, Math.floor(this.size / 2), last?.usable ?? 0);
    this.#tables.push(new Table(tableMemory(room, this.#random)));
  }

  /**
   * Forgets claims that no place followed, and all places in `packs`, so that whoever needs these blobs next stores
   * them. The owner's alone, when no other thread uses the index.
   */
  dropClaims(packs: ReadonlySet<number>): void {
    for (const { words } of this.#tables) this.#drop(words, HEADER_WORDS, words.length, packs);
    const sorted = this.#sorted;
    if (sorted !== undefined) this.#drop(sorted.words, sorted.first, sorted.end, packs);
  }

  /**
   * Copies in these packs are read where there is nothing better, but nothing new rests on them. The owner's alone, when
   * no other thread uses the index.
   */
  distrust(packs: ReadonlySet<number>): void {
    this.#eachSlot((words, at) => {
      if (packs.has(words[at] ?? 0)) words[at + 6] = (words[at + 6] ?? 0) & ~TRUSTED;
    });
  }

  /** Calls `take` with every place. The id has its first 16 bytes only, and both are valid until the next call. */
  eachPlace(take: (id: BlobId, place: BlobPlace) => void): void {
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    const id = blobId(bytes);
    this.#eachSlot((words, at) => {
      for (let i = 0; i < 4; i++) view.setUint32(i * 4, words[at + 1 + i] ?? 0, true);
      const place = placeAt(words, at);
      if (place !== undefined) take(id, place);
    });
  }

  #eachSlot(visit: (words: Uint32Array<SharedArrayBuffer>, at: number) => void): void {
    const visitAll = (words: Uint32Array<SharedArrayBuffer>, from: number, to: number): void => {
      for (let at = from; at < to; at += WORDS) {
        const state = words[at];
        if (state !== 0 && state !== DROPPED) visit(words, at);
      }
    };
    const sorted = this.#sorted;
    if (sorted !== undefined) visitAll(sorted.words, sorted.first, sorted.end);
    for (const { words } of this.#tables) visitAll(words, HEADER_WORDS, words.length);
  }

  #drop(words: Uint32Array<SharedArrayBuffer>, from: number, to: number, packs: ReadonlySet<number>): void {
    for (let at = from; at < to; at += WORDS) {
      const state = Atomics.load(words, at);
      if (state === 0 || !(state === CLAIMED || packs.has(state))) continue;
      words[at + 6] = 0;
      Atomics.store(words, at, DROPPED);
      this.#dropped += 1;
    }
  }

  /** All places of a blob, trusted ones first. Claimed but unplaced blobs have none. */
  places(id: BlobId): BlobPlace[] {
    const found: BlobPlace[] = [];
    const prefix = prefixOf(id);
    this.#scanSorted(prefix, (words, at) => addPlace(found, words, at));
    this.#scan(prefix, (words, at) => addPlace(found, words, at));
    return found;
  }

  /** True if a trusted copy exists, or this run has claimed it: then it need not be stored. */
  has(id: BlobId): boolean {
    const prefix = prefixOf(id);
    return this.#scanSorted(prefix, isSettled) || this.#scan(prefix, isSettled);
  }

  /** True if the caller must store the blob; false if a trusted copy or a claim exists. */
  claim(id: BlobId): boolean {
    if (this.has(id)) return false;
    const table = this.#tables.at(-1);
    if (table === undefined || !table.take()) return true;
    const prefix = prefixOf(id);
    let at = table.home(prefix);
    while (true) {
      if (Atomics.compareExchange(table.words, at, 0, BUSY) === 0) {
        this.#fill(table, at, prefix, 0, 0);
        Atomics.store(table.words, at, CLAIMED);
        return true;
      }
      const state = table.state(at);
      const takes = state === CLAIMED || (table.words[at + 6] ?? 0) >= TRUSTED;
      if (takes && samePrefix(table.words, at, prefix)) {
        table.giveBack();
        return false;
      }
      at = table.next(at);
    }
  }

  /** Adds a place; a claim of the same blob becomes that place. The owner's alone. */
  insert(id: BlobId, place: BlobPlace): void {
    const prefix = prefixOf(id);
    const settled = this.#scan(prefix, (words, at) => {
      if (words[at] !== CLAIMED) return false;
      settle(words, at, place);
      return true;
    });
    if (settled) return;
    const table = this.#tableWithRoom();
    let at = table.home(prefix);
    while (Atomics.compareExchange(table.words, at, 0, BUSY) !== 0) {
      // Claimed by another thread since the scan: the blob keeps one slot.
      if (table.state(at) === CLAIMED && samePrefix(table.words, at, prefix)) {
        settle(table.words, at, place);
        table.giveBack();
        return;
      }
      at = table.next(at);
    }
    this.#fill(table, at, prefix, place.offset, lengthWord(place));
    Atomics.store(table.words, at, place.pack);
  }

  #tableWithRoom(): Table {
    for (;;) {
      const table = this.#tables.at(-1);
      if (table?.take() === true) return table;
      this.reserve(1);
    }
  }

  /** Of a slot that is BUSY. */
  #fill(table: Table, at: number, prefix: Prefix, offset: number, length: number): void {
    for (let i = 0; i < 4; i++) table.words[at + 1 + i] = prefix[i] ?? 0;
    table.words[at + 5] = offset;
    table.words[at + 6] = length;
  }

  /** Calls `visit` for each slot of the id until it returns true. */
  #scan(prefix: Prefix, visit: Visit): boolean {
    for (const table of this.#tables) {
      let at = table.home(prefix);
      for (let state = table.state(at); state !== 0; state = table.state(at)) {
        if (state !== DROPPED && samePrefix(table.words, at, prefix) && visit(table.words, at)) return true;
        at = table.next(at);
      }
    }
    return false;
  }

  /** The same for what the segments told. */
  #scanSorted(prefix: Prefix, visit: Visit): boolean {
    const sorted = this.#sorted;
    if (sorted === undefined) return false;
    const { words } = sorted;
    const bucket = sorted.bucket(prefix[0]);
    const end = sorted.start(bucket + 1);
    for (let at = sorted.start(bucket); at < end; at += WORDS) {
      if (samePrefix(words, at, prefix) && words[at] !== DROPPED && visit(words, at)) return true;
    }
    return false;
  }
}

type Visit = (words: Uint32Array<SharedArrayBuffer>, at: number) => boolean;

/** A claim becomes a place. */
function settle(words: Uint32Array<SharedArrayBuffer>, at: number, place: BlobPlace): void {
  words[at + 5] = place.offset;
  words[at + 6] = lengthWord(place);
  Atomics.store(words, at, place.pack);
}

function lengthWord({ trusted, length }: BlobPlace): number {
  return (trusted ? TRUSTED : 0) | length;
}

/** Undefined for a claim. */
function placeAt(words: Uint32Array, at: number): BlobPlace | undefined {
  const pack = words[at] ?? 0;
  if (pack === CLAIMED) return undefined;
  const length = words[at + 6] ?? 0;
  return { pack, offset: words[at + 5] ?? 0, length: length & ~TRUSTED, trusted: length >= TRUSTED };
}

/** Trusted ones to the front. Always false: there may be more. */
function addPlace(found: BlobPlace[], words: Uint32Array, at: number): boolean {
  const place = placeAt(words, at);
  if (place?.trusted === true) found.unshift(place);
  else if (place !== undefined) found.push(place);
  return false;
}

function isSettled(words: Uint32Array, at: number): boolean {
  return (words[at + 6] ?? 0) >= TRUSTED || words[at] === CLAIMED;
}

type Prefix = readonly [number, number, number, number];

/** Without a view of the bytes, which would cost more than the look-up. */
function prefixOf(id: BlobId): Prefix {
  return [wordOf(id, 0), wordOf(id, 4), wordOf(id, 8), wordOf(id, 12)];
}

function wordOf(id: Uint8Array, at: number): number {
  const low = (id[at] as number) | ((id[at + 1] as number) << 8);
  return (low | ((id[at + 2] as number) << 16) | ((id[at + 3] as number) << 24)) >>> 0;
}

function samePrefix(words: Uint32Array, at: number, prefix: Prefix): boolean {
  return (
    words[at + 1] === prefix[0] &&
    words[at + 2] === prefix[1] &&
    words[at + 3] === prefix[2] &&
    words[at + 4] === prefix[3]
  );
}
