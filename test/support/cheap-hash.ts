/**
 * 32 bytes of anything, several times as fast as a hash of cryptography where things are small: MurmurHash3 x86_128
 * (Austin Appleby, public domain), padded with zeros to whole blocks, and drawn out to twice its length. No two things of
 * a simulation have the same by accident; whoever wants to make two that have can.
 */
import type { Hasher } from '../../src/engine/engine.ts';

const BLOCK = 16;

/** Of the parts, one after the other. */
export function cheapHash(...parts: readonly Uint8Array[]): Uint8Array {
  const length = gather(parts);
  const state = new Int32Array(4);
  absorb(state, Math.ceil(length / BLOCK));
  return drawn(state, length);
}

/** The same of what comes in pieces. */
export class CheapHasher implements Hasher {
  readonly #state = new Int32Array(4);
  #length = 0;
  /** Less than a block. */
  #rest: Uint8Array = new Uint8Array();

  constructor(key: Uint8Array | undefined) {
    if (key !== undefined) this.update(key);
  }

  update(piece: Uint8Array): void {
    const length = gather([this.#rest, piece]);
    const blocks = Math.floor(length / BLOCK);
    this.#rest = bytes.slice(blocks * BLOCK, length);
    absorb(this.#state, blocks);
    this.#length += piece.length;
  }

  soFar(): Uint8Array {
    const state = this.#state.slice();
    absorb(state, Math.ceil(gather([this.#rest]) / BLOCK));
    return drawn(state, this.#length);
  }

  digest(): Uint8Array {
    return this.soFar();
  }
}

let words = new Uint32Array(1 << 12);
let bytes = new Uint8Array(words.buffer);

/** All parts, one after the other, and zeros up to a whole block. @returns their length */
function gather(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length + BLOCK > bytes.length) {
    words = new Uint32Array((length + BLOCK) >>> 1);
    bytes = new Uint8Array(words.buffer);
  }
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.fill(0, at, at + BLOCK);
  return length;
}

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** The first blocks of what was gathered. */
function absorb(state: Int32Array, blocks: number): void {
  let [h1 = 0, h2 = 0, h3 = 0, h4 = 0] = state;
  for (let at = 0; at < blocks * 4; at += 4) {
    h1 = (Math.imul(rotated(h1 ^ scrambled(words[at] ?? 0, C1, 15, C2), 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul(rotated(h2 ^ scrambled(words[at + 1] ?? 0, C2, 16, C3), 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul(rotated(h3 ^ scrambled(words[at + 2] ?? 0, C3, 17, C4), 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul(rotated(h4 ^ scrambled(words[at + 3] ?? 0, C4, 18, C1), 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  state[0] = h1;
  state[1] = h2;
  state[2] = h3;
  state[3] = h4;
}

/** The end of the algorithm, twice. */
function drawn(state: Int32Array, length: number): Uint8Array {
  let [h1 = 0, h2 = 0, h3 = 0, h4 = 0] = state;
  const out = new Uint32Array(8);
  for (let half = 0; half < 8; half += 4) {
    h2 ^= length;
    h3 ^= length;
    h4 ^= length;
    h1 = ((h1 ^ length) + half + h2 + h3 + h4) | 0;
    h2 = avalanche(h2 + h1);
    h3 = avalanche(h3 + h1);
    h4 = avalanche(h4 + h1);
    h1 = (avalanche(h1) + h2 + h3 + h4) | 0;
    out[half] = h1;
    out[half + 1] = h2 + h1;
    out[half + 2] = h3 + h1;
    out[half + 3] = h4 + h1;
  }
  return new Uint8Array(out.buffer);
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function scrambled(word: number, first: number, by: number, second: number): number {
  return Math.imul(rotated(Math.imul(word, first), by), second);
}

function avalanche(word: number): number {
  const once = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}
