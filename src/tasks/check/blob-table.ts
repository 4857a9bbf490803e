/**
 * A set of blobs for millions of them: open addressing over 16 bytes of the id, 18 bytes a slot, 50 with content keys.
 * Ids are hashes, so their bytes are their own hash function.
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

export class BlobTable {
  readonly #withKeys: boolean;
  #slots: number;
  #prefixes: Uint32Array;
  /** 0: empty. */
  #kinds: Uint8Array;
  #confirmed: Uint8Array;
  #keys: Uint8Array;
  #size = 0;

  /** `withKeys`: content keys are kept, and {@link find} and {@link entries} give them. */
  constructor(withKeys: boolean, slots = 1024) {
    this.#withKeys = withKeys;
    this.#slots = slots;
    this.#prefixes = new Uint32Array(slots * 4);
    this.#kinds = new Uint8Array(slots);
    this.#confirmed = new Uint8Array(slots);
    this.#keys = new Uint8Array(withKeys ? slots * 32 : 0);
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
    const before = this.#confirmed[at] ?? 0;
    if (this.#kinds[at] !== 0 && before < 255) this.#confirmed[at] = before + 1;
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
    this.#prefixes = new Uint32Array(this.#slots * 4);
    this.#kinds = new Uint8Array(this.#slots);
    this.#confirmed = new Uint8Array(this.#slots);
    this.#keys = new Uint8Array(this.#withKeys ? this.#slots * 32 : 0);
    this.#size = 0;
    for (let at = 0; at < old.slots; at++) {
      const kind = old.kinds[at] ?? 0;
      if (kind === 0) continue;
      const words = old.prefixes.subarray(at * 4, at * 4 + 4);
      const key = this.#withKeys ? keys.subarray(at * 32, at * 32 + 32) : undefined;
      this.#fill(this.#locate(words), words, kind, old.confirmed[at] ?? 0, key);
    }
  }
}

function wordsOf(id: BlobId): Uint32Array {
  const view = new DataView(id.buffer, id.byteOffset, 16);
  return Uint32Array.of(
    view.getUint32(0, true),
    view.getUint32(4, true),
    view.getUint32(8, true),
    view.getUint32(12, true),
  );
}
