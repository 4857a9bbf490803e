/** Repeatable randomness from a seed. Never for keys: whoever knows the seed knows every byte. */
import type { Random } from '../../src/core/random.ts';

/** sfc32 by Chris Doty-Humphrey (PractRand), seeded by its counter and warmed up as its author says. */
export class SimRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let round = 0; round < 15; round += 1) this.word();
  }

  /** 32 bits, unsigned. */
  word(): number {
    const out = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + out) | 0;
    return out >>> 0;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      const word = this.word();
      for (let byte = 0; byte < 4 && at + byte < count; byte += 1) bytes[at + byte] = word >>> (8 * byte);
    }
    return bytes;
  }

  /** A whole number from 0 to below `limit` (at most 2^32; the bias below 2^-20 for small limits does not matter here). */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit);
  }
}
