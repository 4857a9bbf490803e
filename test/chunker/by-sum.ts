/**
 * The chunker's definition (docs/format.md, section 6) once more, with nothing carried from byte to byte: every gear
 * value is summed anew, and the numbers of the format are written out. What both implementations are tested against.
 */
import type { ChunkerOptions } from '../../src/chunker/chunker.ts';
import { gearTable } from '../../src/chunker/fastcdc.ts';
import { sipHash24 } from '../../src/chunker/siphash.ts';

/** `at`: length of the chunk up to the accepted candidate. */
export interface Accepted {
  readonly at: number;
  readonly shift: number;
}

/** The first accepted candidate of the chunk that starts at `start`, if the input reaches so far. */
export function firstAccepted(options: ChunkerOptions, input: Uint8Array, start: number): Accepted | undefined {
  const { min, average, max } = options.parameters;
  const gearAt = gearSums(options, input);
  const bits = Math.log2(average);
  for (let at = min; at <= max && start + at <= input.length; at++) {
    const p = start + at - 1;
    if ((gearAt(p) >> 52n) % 2048n !== 0n) continue;
    const value = sipHash24(options.sip, input.subarray(p - 31, p + 1));
    if (value % 2n ** BigInt(at < average ? bits - 9 : bits - 13) !== 0n) continue;
    return { at, shift: Number((value >> 18n) % 16_384n) };
  }
  return undefined;
}

/** The gear value of each byte. */
function gearSums(options: ChunkerOptions, input: Uint8Array): (p: number) => bigint {
  const table = gearTable(options.gear);
  return (p) => {
    let sum = 0n;
    for (let i = 0; i < 64; i++) sum += (table[input[p - i] ?? 0] ?? 0n) << BigInt(i);
    return BigInt.asUintN(64, sum);
  };
}

export function cutsBySum(options: ChunkerOptions, input: Uint8Array): number[] {
  const { max } = options.parameters;
  const cuts: number[] = [];
  for (let start = 0; start < input.length; ) {
    const first = firstAccepted(options, input, start);
    const wanted = first === undefined ? max : first.at + first.shift;
    const length = Math.min(wanted, max, input.length - start);
    cuts.push(length);
    start += length;
  }
  return cuts;
}
