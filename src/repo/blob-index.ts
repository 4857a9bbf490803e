/**
 * Blob id → places, shared by all threads: open addressing with linear probing in SharedArrayBuffers, 28 bytes a slot,
 * at most 30 bytes a blob at full load. Look-ups and claims use Atomics and need no round trip. A thread that does not
 * know of a new table yet, or finds the last one full, may claim what another one claims too: then it is stored twice.
 *
 * A slot is 7 words: state, 4 words of id prefix, offset, length (top bit: trusted). State is 0 (empty), a pack number
 * from 1 on, or one of the marks below. Slots never go back to empty.
 */
import type { BlobId } from '../core/ids.ts';
import { systemRandom } from '../core/random.ts';

const WORDS = 7;
/** Slots taken, and the seed of this table's places. */
const HEADER_WORDS = 2;
const USED = 0;
const SEED = 1;
const BUSY = 0xffff_ffff;
const CLAIMED = 0xffff_fffe;
/** Claimed or placed by a run that is over, and not to be relied on. */
const DROPPED = 0xffff_fffd;
const TRUSTED = 0x8000_0000;
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

  /** Who writes segments chooses the ids in them; without the seed he cannot choose ids that all meet in one place. */
  home(prefix: Prefix): number {
    let hash = this.words[SEED] ?? 0;
    for (let i = 0; i < 4; i++) hash = mix(hash ^ (prefix[i] ?? 0));
    return HEADER_WORDS + Math.floor((hash / 0x1_0000_0000) * this.slots) * WORDS;
  }
}

/** The finaliser of MurmurHash3 (Appleby), 32 bits. */
function mix(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function tableMemory(blobs: number): SharedArrayBuffer {
  const slots = Math.ceil(blobs / FULL_LOAD) + 16;
  const memory = new SharedArrayBuffer((HEADER_WORDS + slots * WORDS) * 4);
  const [seed] = new Uint32Array(systemRandom.bytes(4).buffer);
  new Uint32Array(memory)[SEED] = seed ?? 0;
  return memory;
}

export class BlobIndex {
  readonly #tables: Table[];
  #dropped = 0;

  /** From memory handed over by {@link share}. */
  constructor(memories: readonly SharedArrayBuffer[]) {
    this.#tables = memories.map((memory) => new Table(memory));
  }

  static withRoomFor(blobs: number): BlobIndex {
    return new BlobIndex([tableMemory(blobs)]);
  }

  /** What another thread needs to see the same index. */
  share(): SharedArrayBuffer[] {
    return this.#tables.map((table) => table.words.buffer);
  }

  /** Takes over tables added by the owner since. */
  update(memories: readonly SharedArrayBuffer[]): void {
    for (const memory of memories.slice(this.#tables.length)) this.#tables.push(new Table(memory));
  }

  /** Blobs and claims, copies counted each. */
  get size(): number {
    return this.#tables.reduce((sum, table) => sum + table.used, 0) - this.#dropped;
  }

  get bytes(): number {
    return this.#tables.reduce((sum, table) => sum + table.words.byteLength, 0);
  }

  /** Makes sure that `blobs` more fit. The owner's alone; others learn of it by {@link update}. */
  reserve(blobs: number): void {
    const last = this.#tables.at(-1);
    const free = last === undefined ? 0 : last.usable - last.used;
    if (free < blobs) this.#tables.push(new Table(tableMemory(Math.max(blobs, Math.floor(this.size / 2), 65_536))));
  }

  /**
   * Forgets claims that no place followed, and all places in `packs`, so that whoever needs these blobs next stores
   * them. The owner's alone, when no other thread uses the index.
   */
  dropClaims(packs: ReadonlySet<number>): void {
    for (const { words } of this.#tables) {
      for (let at = HEADER_WORDS; at < words.length; at += WORDS) {
        const state = Atomics.load(words, at);
        if (state === 0 || !(state === CLAIMED || packs.has(state))) continue;
        words[at + 6] = 0;
        Atomics.store(words, at, DROPPED);
        this.#dropped += 1;
      }
    }
  }

  /** All places of a blob, trusted ones first. Claimed but unplaced blobs have none. */
  places(id: BlobId): BlobPlace[] {
    const found: BlobPlace[] = [];
    this.#scan(id, (words, at, state) => {
      const length = words[at + 6] ?? 0;
      const place = { pack: state, offset: words[at + 5] ?? 0, length: length & ~TRUSTED, trusted: length >= TRUSTED };
      if (state === CLAIMED) return false;
      if (place.trusted) found.unshift(place);
      else found.push(place);
      return false;
    });
    return found;
  }

  /** True if a trusted copy exists, or this run has claimed it: then it need not be stored. */
  has(id: BlobId): boolean {
    return this.#scan(id, (words, at, state) => state === CLAIMED || (words[at + 6] ?? 0) >= TRUSTED);
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
    const settled = this.#scan(id, (words, at, state) => {
      if (state !== CLAIMED) return false;
      words[at + 5] = place.offset;
      words[at + 6] = (place.trusted ? TRUSTED : 0) | place.length;
      Atomics.store(words, at, place.pack);
      return true;
    });
    if (settled) return;
    const prefix = prefixOf(id);
    const table = this.#tableWithRoom();
    let at = table.home(prefix);
    while (Atomics.compareExchange(table.words, at, 0, BUSY) !== 0) at = table.next(at);
    this.#fill(table, at, prefix, place.offset, (place.trusted ? TRUSTED : 0) | place.length);
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
  #scan(id: BlobId, visit: (words: Uint32Array<SharedArrayBuffer>, at: number, state: number) => boolean): boolean {
    const prefix = prefixOf(id);
    for (const table of this.#tables) {
      let at = table.home(prefix);
      for (let state = table.state(at); state !== 0; state = table.state(at)) {
        if (state !== DROPPED && samePrefix(table.words, at, prefix) && visit(table.words, at, state)) return true;
        at = table.next(at);
      }
    }
    return false;
  }
}

type Prefix = readonly [number, number, number, number];

function prefixOf(id: BlobId): Prefix {
  const view = new DataView(id.buffer, id.byteOffset, 16);
  return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)];
}

function samePrefix(words: Uint32Array, at: number, prefix: Prefix): boolean {
  return (
    words[at + 1] === prefix[0] &&
    words[at + 2] === prefix[1] &&
    words[at + 3] === prefix[2] &&
    words[at + 4] === prefix[3]
  );
}
