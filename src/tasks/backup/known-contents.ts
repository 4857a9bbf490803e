/** Contents that the run has met, by their hashes: packed, for there is one for each small file. */
import type { Content } from '../../snapshot/node.ts';

const HASH_LENGTH = 32;
const WIDE = 2 ** 32;

export interface KnownContent {
  /** Undefined until its bundle is stored. */
  content: Content | undefined;
  /** Told then. */
  waiting: ((content: Content) => void)[] | undefined;
  /** Where its hash is. */
  readonly ordinal: number;
  /** The next one whose hash begins alike. */
  readonly next: KnownContent | undefined;
}

export class KnownContents {
  readonly #limit: number;
  readonly #byStart = new Map<number, KnownContent>();
  #hashes = new Uint8Array(256 * HASH_LENGTH);
  #count = 0;

  /** @param limit contents remembered, at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  find(hash: Uint8Array): KnownContent | undefined {
    let known = this.#byStart.get(startOf(hash));
    while (known !== undefined && !this.#is(known, hash)) known = known.next;
    return known;
  }

  /** Of a hash that {@link find} does not find; undefined when no more are remembered. */
  add(hash: Uint8Array): KnownContent | undefined {
    if (this.#count >= this.#limit) return undefined;
    const ordinal = this.#count;
    this.#count += 1;
    if (this.#count * HASH_LENGTH > this.#hashes.length) {
      const more = new Uint8Array(this.#hashes.length * 2);
      more.set(this.#hashes);
      this.#hashes = more;
    }
    this.#hashes.set(hash, ordinal * HASH_LENGTH);
    const start = startOf(hash);
    const known = { content: undefined, waiting: undefined, ordinal, next: this.#byStart.get(start) };
    this.#byStart.set(start, known);
    return known;
  }

  #is({ ordinal }: KnownContent, hash: Uint8Array): boolean {
    const at = ordinal * HASH_LENGTH;
    for (let i = 0; i < HASH_LENGTH; i++) if (this.#hashes[at + i] !== hash[i]) return false;
    return true;
  }
}

/** Its first 48 bits. */
function startOf(hash: Uint8Array): number {
  const low = ((hash[0] ?? 0) | ((hash[1] ?? 0) << 8) | ((hash[2] ?? 0) << 16) | ((hash[3] ?? 0) << 24)) >>> 0;
  return low + ((hash[4] ?? 0) | ((hash[5] ?? 0) << 8)) * WIDE;
}
