/** Inputs that can be written down in a line, and chunkers to cut them: shared by the chunker's tests and vectors. */
import { hkdfSync } from 'node:crypto';
import type { Chunker, ChunkerOptions, ChunkerParameters } from '../../src/chunker/chunker.ts';

/** Bytes of a generator, or a pattern repeated (the last copy may be cut short); `repeat` is hexadecimal. */
export type Segment =
  | { readonly random: number; readonly length: number }
  | { readonly repeat: string; readonly length: number };

export const SMALL: ChunkerParameters = { min: 1024, average: 16_384, max: 40_000 };

/**
 * xorshift32 (Marsaglia 2003): from a 32-bit state other than 0, x ^= x << 13; x ^= x >>> 17; x ^= x << 5; each new
 * state gives four bytes, little-endian.
 */
export function xorshift(seed: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = seed >>> 0;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export function inputOf(segments: readonly Segment[]): Uint8Array {
  const parts = segments.map((segment) => {
    if ('random' in segment) return xorshift(segment.random, segment.length);
    return Buffer.alloc(segment.length, Buffer.from(segment.repeat, 'hex'));
  });
  return Buffer.concat(parts);
}

/** What an engine derives from a chunker key: HKDF-SHA-256, empty salt, info `neo/v1 ` ‖ label ‖ 0. */
export function keyMaterial(key: Uint8Array): { readonly gear: Uint8Array; readonly sip: Uint8Array } {
  const derive = (label: string, length: number): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', key, '', `neo/v1 ${label}\0`, length));
  return { gear: derive('chunker.gear', 2048), sip: derive('chunker.sip', 16) };
}

export function optionsOf(seed: number, parameters: ChunkerParameters, capacity: number): ChunkerOptions {
  return { ...keyMaterial(xorshift(seed, 32)), parameters, capacity: Math.max(capacity, parameters.max) };
}

/** Key material whose gear table makes many bytes candidates, so that SipHash and the masks decide very often. */
export function denseCandidates(seed: number, parameters: ChunkerParameters, capacity: number): ChunkerOptions {
  const options = optionsOf(seed, parameters, capacity);
  const gear = options.gear.slice();
  // All values but four are zero: bits 52 to 62 stay zero unless one of the four is in the window.
  for (let i = 0; i < 256; i++) if (i % 64 !== 0) gear.fill(0, 8 * i, 8 * i + 8);
  return { ...options, gear };
}

/** The lengths of all chunks of an input that fits the buffer. */
export function cutAll(chunker: Chunker, input: Uint8Array): number[] {
  chunker.buffer.set(input);
  const lengths: number[] = [];
  for (let at = 0; at < input.length; ) {
    const length = chunker.cut(at, input.length, true);
    lengths.push(length);
    at += length;
  }
  return lengths;
}

/** The same, fed through the buffer in reads of the given sizes (in a circle), as a reader of files would do it. */
export function cutFed(chunker: Chunker, input: Uint8Array, reads: readonly number[]): number[] {
  const lengths: number[] = [];
  let [from, to, taken] = [0, 0, 0];
  for (let turn = 0; from < to || taken < input.length; turn++) {
    chunker.buffer.copyWithin(0, from, to);
    [from, to] = [0, to - from];
    const size = Math.min(reads[turn % reads.length] ?? 1, chunker.buffer.length - to, input.length - taken);
    chunker.buffer.set(input.subarray(taken, taken + size), to);
    [to, taken] = [to + size, taken + size];
    while (from < to) {
      const length = chunker.cut(from, to, taken === input.length);
      if (length === 0) break;
      lengths.push(length);
      from += length;
    }
  }
  return lengths;
}
