/**
 * A set of blobs for millions of them: open addressing over 16 bytes of the id, 18 bytes a slot, 50 with content keys.
 * Ids are hashes, so their bytes are their own hash function. It lies in shared memory: once it is filled, threads look
 * blobs up and confirm copies in it.
 */
import { type BlobId, type ContentKey, contentKey } from '../../core/ids.ts';
import { BLOB_KINDS, type BlobKind } from '../../repo/blob-entry.ts';

const FULL_LOAD = 0.75;
const KINDS: readonly (BlobKind | undefined)[] = [undefined, 'data', 'tree', 'list'];

export interface TableEntry {
  readonly kind: BlobKind;
  readonly key: ContentKey;
  /** Copies found good, up to 255. */
  readonly confirmed: number;
}

export interface SharedTable {
  readonly prefixes: Uint32Array<SharedArrayBuffer>;
  readonly kinds: Uint8Array<SharedArrayBuffer>;
  readonly confirmed: Uint8Array<SharedArrayBuffer>;
  readonly keys: Uint8Array<SharedArrayBuffer>;
}

export class BlobTable {
  readonly #withKeys: boolean;
  #slots: number;
  #prefixes: Uint32Array<SharedArrayBuffer>;
  /** 0: empty. */
  #kinds: Uint8Array<SharedArrayBuffer>;
  #confirmed: Uint8Array<SharedArrayBuffer>;
  #keys: Uint8Array<SharedArrayBuffer>;
  #size = 0;

  /** `withKeys`: content keys are kept, and {@link find} and {@link entries} give them. */
  constructor(withKeys: boolean, slots = 1024) {
    this.#withKeys = withKeys;
    this.#slots = slots;
    this.#prefixes = new Uint32Array(new SharedArrayBuffer(slots * 16));
    this.#kinds = new Uint8Array(new SharedArrayBuffer(slots));
    this.#confirmed = new Uint8Array(new SharedArrayBuffer(slots));
    this.#keys = new Uint8Array(new SharedArrayBuffer(withKeys ? slots * 32 : 0));
  }

  /** For other threads, when nothing more is added. */
  share(): SharedTable {
    return { prefixes: this.#prefixes, kinds: this.#kinds, confirmed: this.#confirmed, keys: this.#keys };
  }

  static of({ prefixes, kinds, confirmed, keys }: SharedTable): BlobTable {
    const table = new BlobTable(keys.length > 0, 0);
    table.#slots = kinds.length;
    table.#prefixes = prefixes;
    table.#kinds = kinds;
    table.#confirmed = confirmed;
    table.#keys = keys;
    return table;
  }

  get size(): number {
    return this.#size;
  }

  has(id: BlobId): boolean {
    return this.#kinds[this.#locate(wordsOf(id))] !== 0;
  }

  /** False if it was in already. */
  add(id: BlobId, kind: BlobKind, key: ContentKey): boolean {
    const words = wordsOf(id);
    const at = this.#locate(words);
    if (this.#kinds[at] !== 0) return false;
    this.#fill(at, words, BLOB_KINDS[kind], 0, this.#withKeys ? key : undefined);
    if (this.#size > this.#slots * FULL_LOAD) this.#grow();
    return true;
  }

  find(id: BlobId): TableEntry | undefined {
    return this.#entry(this.#locate(wordsOf(id)));
  }

  /** Another copy of it is good. */
  confirm(id: BlobId): void {
    const at = this.#locate(wordsOf(id));
    if (this.#kinds[at] === 0) return;
    for (let before = Atomics.load(this.#confirmed, at); before < 255; ) {
      const met = Atomics.compareExchange(this.#confirmed, at, before, before + 1);
      if (met === before) return;
      before = met;
    }
  }

  *entries(): Generator<TableEntry> {
    for (let at = 0; at < this.#slots; at++) {
      const entry = this.#entry(at);
      if (entry !== undefined) yield entry;
    }
  }

  #entry(at: number): TableEntry | undefined {
    const kind = KINDS[this.#kinds[at] ?? 0];
    if (kind === undefined || !this.#withKeys) return undefined;
    return { kind, key: contentKey(this.#keys.slice(at * 32, at * 32 + 32)), confirmed: this.#confirmed[at] ?? 0 };
  }

  /** The slot that holds the id, or the empty one where it belongs. */
  #locate(words: Uint32Array): number {
    let at = Math.floor(((words[0] ?? 0) / 0x1_0000_0000) * this.#slots);
    while (this.#kinds[at] !== 0 && !this.#isAt(at, words)) at = at + 1 === this.#slots ? 0 : at + 1;
    return at;
  }

  #isAt(at: number, words: Uint32Array): boolean {
    for (let i = 0; i < 4; i++) if (this.#prefixes[at * 4 + i] !== words[i]) return false;
    return true;
  }

  #fill(at: number, words: Uint32Array, kind: number, confirmed: number, key: Uint8Array | undefined): void {
    this.#prefixes.set(words, at * 4);
    this.#kinds[at] = kind;
    this.#confirmed[at] = confirmed;
    if (key !== undefined) this.#keys.set(key, at * 32);
    this.#size += 1;
  }

  #grow(): void {
    const old = { slots: this.#slots, prefixes: this.#prefixes, kinds: this.#kinds, confirmed: this.#confirmed };
    const keys = this.#keys;
    this.#slots *= 2;
    this.#prefixes = new Uint32Array(new SharedArrayBuffer(this.#slots * 16));
    this.#kinds = new Uint8Array(new SharedArrayBuffer(this.#slots));
    this.#confirmed = new Uint8Array(new SharedArrayBuffer(this.#slots));
    this.#keys = new Uint8Array(new SharedArrayBuffer(this.#withKeys ? this.#slots * 32 : 0));
    this.#size = 0;
    for (let at = 0; at < old.slots; at++) {
      const kind = old.kinds[at] ?? 0;
      if (kind === 0) continue;
      const prefix = old.prefixes.subarray(at * 4, at * 4 + 4);
      const key = this.#withKeys ? keys.subarray(at * 32, at * 32 + 32) : undefined;
      this.#fill(this.#locate(prefix), prefix, kind, old.confirmed[at] ?? 0, key);
    }
  }
}

/** Made once: ids are looked up by the million, and each look-up ends before the next begins. */
const words = new Uint32Array(4);

function wordsOf(id: BlobId): Uint32Array {
  for (let i = 0; i < 4; i++) {
    const at = i * 4;
    words[i] = (id[at] ?? 0) | ((id[at + 1] ?? 0) << 8) | ((id[at + 2] ?? 0) << 16) | ((id[at + 3] ?? 0) << 24);
  }
  return words;
}
