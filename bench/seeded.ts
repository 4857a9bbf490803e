/** Bytes and choices that a name determines: AES-256-CTR over zeros, its key the SHA-256 of the name. */
import { type Cipheriv, createCipheriv, createHash } from 'node:crypto';

export class Seeded {
  readonly #stream: Cipheriv;
  #pool: Buffer = Buffer.alloc(0);

  constructor(name: string) {
    this.#stream = createCipheriv('aes-256-ctr', createHash('sha256').update(name).digest(), Buffer.alloc(16));
  }

  bytes(length: number): Buffer {
    return this.#stream.update(Buffer.alloc(length));
  }

  /** Uniform, below a bound of at most 2³². */
  below(bound: number): number {
    if (this.#pool.length < 4) this.#pool = this.bytes(4096);
    const word = this.#pool.readUInt32LE(0);
    this.#pool = this.#pool.subarray(4);
    return Math.floor((word / 2 ** 32) * bound);
  }

  /** So many different whole numbers below a bound, in ascending order. */
  sample(bound: number, count: number): number[] {
    const drawn = new Set<number>();
    while (drawn.size < Math.min(count, bound)) drawn.add(this.below(bound));
    return [...drawn].sort((a, b) => a - b);
  }

  shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((item) => ({ item, key: this.below(2 ** 32) }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }
}
