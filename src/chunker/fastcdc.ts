/**
 * The chunker written as its definition reads (chunker.ts): one byte a step, BigInt, slow. It is what the WebAssembly
 * is tested against, and what somebody who implements the format should read.
 */
import {
  type Chunker,
  type ChunkerOptions,
  checkOptions,
  checkRange,
  decisionMasks,
  GEAR_WINDOW,
  SHIFT,
  SIP_WINDOW,
  WEAK_MASK,
} from './chunker.ts';
import { sipHash24 } from './siphash.ts';

/** The same cuts as `createChunker` of wasm.ts, a thousand times slower. @throws NeoError usage */
export function createReferenceChunker(options: ChunkerOptions): Chunker {
  checkOptions(options);
  const { parameters, capacity } = options;
  const { min, average, max } = parameters;
  const table = gearTable(options.gear);
  const sip = options.sip.slice();
  const masks = decisionMasks(average);
  const buffer = new Uint8Array(capacity);

  /** How far behind a candidate the cut falls, if it is accepted; `length` counts up to the candidate. */
  function shiftOf(end: number, length: number): number | undefined {
    const value = sipHash24(sip, buffer.subarray(end - SIP_WINDOW, end));
    const mask = length < average ? masks.small : masks.large;
    if ((value & BigInt(mask)) !== 0n) return undefined;
    return Number(BigInt.asUintN(SHIFT.bits, value >> BigInt(SHIFT.lowest)));
  }

  /** Length of the chunk at `from` by what its first `limit` bytes tell: `max` if they hold no accepted candidate. */
  function wholeLength(from: number, limit: number): number {
    let value = 0n;
    for (let length = min - GEAR_WINDOW + 1; length <= limit; length++) {
      const end = from + length;
      // Bytes older than the window have been shifted out of the 64 bits.
      value = BigInt.asUintN(64, (value << 1n) + (table[buffer[end - 1] ?? 0] ?? 0n));
      const shift = length >= min && (value & WEAK_MASK) === 0n ? shiftOf(end, length) : undefined;
      if (shift !== undefined) return Math.min(length + shift, max);
    }
    return max;
  }

  function cut(from: number, to: number, final: boolean): number {
    checkRange(from, to, capacity);
    const available = to - from;
    const length = wholeLength(from, Math.min(available, max));
    if (length <= available) return length;
    return final ? available : 0;
  }

  return { parameters, buffer, cut };
}

/** 256 little-endian 64-bit values. */
export function gearTable(bytes: Uint8Array): readonly bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: 256 }, (_, i) => view.getBigUint64(8 * i, true));
}
