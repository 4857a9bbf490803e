/**
 * Content-defined chunking: a pure function of (bytes, key, parameters), independent of read sizes, threads and
 * platform. FastCDC (Xia et al., IEEE TPDS 31(9), 2020) with a keyed decision. The definition, complete:
 *
 * Key. From the 32-byte chunker key, HKDF-SHA-256 (RFC 5869) makes 2,048 bytes under the label `chunker.gear`: a table
 * `G` of 256 unsigned 64-bit little-endian values; and 16 bytes under the label `chunker.sip`: a SipHash key.
 *
 * Candidates. The gear value of byte p is the sum over i = 0…63 of G[byte p−i] · 2^i, modulo 2^64. Byte p is a
 * candidate when bits 52 to 62 of its gear value are all zero (one byte in 2,048 on random data).
 *
 * Decision. A candidate p is accepted when the low bits of V, SipHash-2-4 (64-bit output) of the 32 bytes p−31…p, are
 * all zero. With average = 2^a: the low a−9 bits (maskS) while a chunk that ended with p would be shorter than
 * `average`, the low a−13 bits (maskL) from `average` on; so 1 byte in 2^(a+2) is accepted before it and 1 in 2^(a−2)
 * from it on.
 *
 * Shift. d = bits 18 to 31 of V, a number from 0 to 16,383: the cut falls d bytes behind the candidate, so that lengths
 * do not show where candidates lie. At most 13 low bits decide (average ≤ 4 MiB), so the two never share a bit.
 *
 * Chunks. Of a chunk that starts at s, let p be the first accepted candidate with p ≥ s+min−1. It ends with byte p+d,
 * but at the latest with byte s+max−1 or with the last byte of the input; also if there is no such p. So min ≤ length ≤
 * max, except that the last chunk of an input may be shorter than min; an empty input has no chunks. As min ≥ 64, every
 * byte looked at lies in the chunk itself: a cut depends on nothing before the chunk.
 */
import { NeoError } from '../core/errors.ts';

export interface ChunkerParameters {
  /** Bytes, integers: 1,024 ≤ min < average < max ≤ 8 MiB; average a power of two, at least 16 KiB. */
  readonly min: number;
  /** Where the looser mask begins; the mean length on random data is close to it (docs/decisions/0002-chunker.md). */
  readonly average: number;
  readonly max: number;
}

export interface ChunkerOptions {
  /** 2,048 bytes: HKDF-SHA-256 of the chunker key, label `chunker.gear`. Copied. */
  readonly gear: Uint8Array;
  /** 16 bytes: HKDF-SHA-256 of the chunker key, label `chunker.sip`. Copied. */
  readonly sip: Uint8Array;
  readonly parameters: ChunkerParameters;
  /** Bytes of input buffer wanted, at least `max`. */
  readonly capacity: number;
}

export interface Chunker {
  readonly parameters: ChunkerParameters;
  /** Memory to read input into; `capacity` bytes as asked for, at least `max`. */
  readonly buffer: Uint8Array;
  /**
   * Length of the chunk that starts at `buffer[from]`, looking no further than before `buffer[to]`. Returns 0 when the
   * cut may lie beyond (then move the rest to the front, read more, ask again); with `final` it is 0 only when
   * from = to. Nothing is kept between calls.
   * @throws NeoError usage unless 0 ≤ from ≤ to ≤ capacity
   */
  cut(from: number, to: number, final: boolean): number;
}

export const DEFAULT_PARAMETERS: ChunkerParameters = { min: 32_768, average: 131_072, max: 524_288 };

/** Bytes that a gear value covers. */
export const GEAR_WINDOW = 64;
/** Bytes that the SipHash decision covers. */
export const SIP_WINDOW = 32;
/** The bits of the SipHash value that tell how far behind its candidate a cut falls: 18 to 31, in bytes. */
export const SHIFT = { lowest: 18, bits: 14 } as const;
/** Bits 52 to 62. Bit 63 is left out so that two bytes can be taken in a step; low bits cover too few bytes. */
export const WEAK_MASK = 0x7ff0_0000_0000_0000n;

const WEAK_BITS = 11;
/** Normalised chunking, level 2: a quarter of the average rate of cuts before `average`, four times it from there. */
const NORMALISATION = 2;
const LIMITS = { min: 1024, average: 16_384, max: 8 * 1_048_576, capacity: 1_073_741_824 } as const;

/** maskS (before the average length) and maskL (from it on), over the low bits of the SipHash value. */
export function decisionMasks(average: number): { readonly small: number; readonly large: number } {
  const bits = Math.log2(average) - WEAK_BITS;
  return { small: 2 ** (bits + NORMALISATION) - 1, large: 2 ** (bits - NORMALISATION) - 1 };
}

/** @throws NeoError usage when the parameters are outside the bounds named at {@link ChunkerParameters} */
export function checkParameters({ min, average, max }: ChunkerParameters): void {
  const integers = [min, average, max].every(Number.isSafeInteger);
  if (!integers || min < LIMITS.min) throw wrong(`the minimum must be at least ${LIMITS.min} bytes`);
  if (average < LIMITS.average || !Number.isInteger(Math.log2(average))) {
    throw wrong(`the average must be a power of two of at least ${LIMITS.average} bytes`);
  }
  if (max > LIMITS.max) throw wrong(`the maximum must be at most ${LIMITS.max} bytes`);
  if (min >= average || average >= max) throw wrong('the sizes must rise: minimum < average < maximum');
}

/** @throws NeoError usage when parameters, key material or capacity are not of their size */
export function checkOptions({ gear, sip, parameters, capacity }: ChunkerOptions): void {
  checkParameters(parameters);
  if (gear.length !== 2048 || sip.length !== 16) throw wrong('the key material must be 2,048 and 16 bytes');
  if (!Number.isSafeInteger(capacity) || capacity < parameters.max || capacity > LIMITS.capacity) {
    throw wrong(`the buffer must hold one chunk and at most ${LIMITS.capacity} bytes`);
  }
}

/** @throws NeoError usage when from or to lie outside the buffer */
export function checkRange(from: number, to: number, capacity: number): void {
  const integers = Number.isSafeInteger(from) && Number.isSafeInteger(to);
  if (!integers || from < 0 || from > to || to > capacity) throw wrong(`no range of the buffer: ${from} to ${to}`);
}

function wrong(message: string): NeoError {
  return new NeoError('usage', `chunker: ${message}`);
}
