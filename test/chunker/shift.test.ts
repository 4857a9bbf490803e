/** Where a cut falls behind the candidate that was accepted, and what holds it back: the maximum, the input's end. */
import { describe, expect, test } from 'vitest';
import { type ChunkerOptions, type ChunkerParameters, decisionMasks, SHIFT } from '../../src/chunker/chunker.ts';
import { createReferenceChunker } from '../../src/chunker/fastcdc.ts';
import { sipHash24 } from '../../src/chunker/siphash.ts';
import { createChunker } from '../../src/chunker/wasm.ts';
import { agreedCuts } from './agreed-cuts.ts';
import { type Accepted, firstAccepted } from './by-sum.ts';
import { denseCandidates, inputOf, optionsOf, SMALL, xorshift } from './inputs.ts';

const implementations = [createChunker, createReferenceChunker] as const;
const KEY = 1;

/** The accepted candidate of random data of this seed, which lies past the average and whose shift says something. */
function acceptedOf(seed: number): Accepted & { readonly end: number } {
  const first = firstAccepted(optionsOf(KEY, SMALL, 0), xorshift(seed, SMALL.max), 0);
  if (first === undefined) throw new Error(`seed ${seed} has no accepted candidate`);
  return { ...first, end: first.at + first.shift };
}

/** The first chunk of that data under another maximum, with `seen` bytes of it visible. */
function firstCut(create: typeof createChunker, seed: number, max: number, seen: number, final: boolean): number {
  const chunker = create(optionsOf(KEY, { ...SMALL, max }, 65_536));
  chunker.buffer.set(xorshift(seed, 65_536));
  return chunker.cut(0, seen, final);
}

describe.each(implementations)('%o', (create) => {
  // Candidate and shift, of the decision's large mask (6, 16) and of its small one (12, 25).
  test.each([6, 12, 16, 25])('random data of seed %d: the cut falls the shift behind the candidate', (seed) => {
    const { shift, end } = acceptedOf(seed);
    expect(shift).toBeGreaterThan(5000);
    for (const final of [false, true]) {
      expect(firstCut(create, seed, SMALL.max, SMALL.max, final)).toBe(end);
      expect(firstCut(create, seed, SMALL.max, 65_536, final)).toBe(end);
      expect(firstCut(create, seed, SMALL.max, end, final)).toBe(end);
    }
  });

  test('behind what is visible: it asks for more, or ends with the input', () => {
    const { at, end } = acceptedOf(6);
    for (const seen of [at - 1, at, at + 1, end - 1]) {
      expect(firstCut(create, 6, SMALL.max, seen, false)).toBe(0);
      expect(firstCut(create, 6, SMALL.max, seen, true)).toBe(seen);
    }
  });

  test('at the maximum, just within it, and past it', () => {
    const { at, end } = acceptedOf(6);
    for (const final of [false, true]) {
      expect(firstCut(create, 6, end + 1, 65_536, final)).toBe(end);
      expect(firstCut(create, 6, end, 65_536, final)).toBe(end);
      for (const max of [end - 1, at + 1, at, at - 1]) expect(firstCut(create, 6, max, 65_536, final)).toBe(max);
    }
  });

  test('past the maximum it needs no byte more than the maximum, and no byte less', () => {
    const { at, end } = acceptedOf(6);
    for (const max of [end, end - 1, at + 1, at]) {
      expect(firstCut(create, 6, max, max, false)).toBe(max);
      expect(firstCut(create, 6, max, max - 1, false)).toBe(0);
      expect(firstCut(create, 6, max, max - 1, true)).toBe(max - 1);
    }
  });

  test('does not depend on bytes that no window covers', () => {
    const { at, end } = acceptedOf(6);
    const chunker = create(optionsOf(KEY, SMALL, 65_536));
    for (const fill of [0x00, 0x55, 0xff]) {
      chunker.buffer.set(xorshift(6, 65_536));
      chunker.buffer.fill(fill, at);
      expect(chunker.cut(0, 65_536, false)).toBe(end);
      chunker.buffer.set(xorshift(6, 65_536));
      // Nor on those before the first window of a gear value.
      chunker.buffer.fill(fill, 0, SMALL.min - 64);
      expect(chunker.cut(0, 65_536, false)).toBe(end);
    }
  });

  test('a candidate may be the last byte of the minimum, none before it', () => {
    // Every byte is a candidate, and the small mask leaves 1 in 32.
    const options = { ...optionsOf(4, SMALL, 65_536), gear: new Uint8Array(2048) };
    const chunker = create(options);
    let atMinimum = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const input = xorshift(seed, SMALL.min);
      const value = sipHash24(options.sip, input.subarray(-32));
      if ((value & 31n) !== 0n) continue;
      atMinimum++;
      chunker.buffer.set(input);
      expect(chunker.cut(0, 65_536, false)).toBe(SMALL.min + Number((value >> 18n) & 0x3fffn));
    }
    expect(atMinimum).toBeGreaterThan(1);
  });

  // Numbers found by trying: with this SipHash key, their windows are accepted and shift by the least and by the most.
  test.each([
    [624_506, 0],
    [816_662, 16_383],
  ])('zeros and then the number %d, as the minimum: shifted by %d', (number, shift) => {
    const chunker = create({ ...optionsOf(4, SMALL, 65_536), gear: new Uint8Array(2048) });
    new DataView(chunker.buffer.buffer, chunker.buffer.byteOffset).setUint32(SMALL.min - 4, number, true);
    const length = SMALL.min + shift;
    expect(chunker.cut(0, length, false)).toBe(length);
    expect(chunker.cut(0, 65_536, false)).toBe(length);
    expect(chunker.cut(0, length - 1, false)).toBe(0);
  });
});

describe('both', () => {
  test('agree where most shifts go past the maximum', () => {
    const sizes: ChunkerParameters = { min: 16_000, average: 16_384, max: 16_400 };
    const input = inputOf([{ random: 8, length: 300_000 }]);
    const cuts = agreedCuts(denseCandidates(3, sizes, input.length), input);
    expect(cuts.filter((length) => length === sizes.max).length).toBeGreaterThan(10);
  });

  test('shift by every number of bytes below 16,384 alike: each bit is set about as often as not', () => {
    const options: ChunkerOptions = { ...optionsOf(2, SMALL, 0), gear: new Uint8Array(2048) };
    const chunker = createChunker({ ...options, capacity: 65_536 });
    const counts = new Array<number>(14).fill(0);
    const rounds = 1000;
    for (let seed = 1; seed <= rounds; seed++) {
      chunker.buffer.set(xorshift(seed, 1500));
      const { at, shift } = firstAccepted(options, chunker.buffer, 0) ?? { at: 0, shift: 0 };
      expect(chunker.cut(0, SMALL.max, false)).toBe(at + shift);
      for (let bit = 0; bit < 14; bit++) counts[bit] = (counts[bit] ?? 0) + ((shift >> bit) & 1);
    }
    for (const count of counts) expect(Math.abs(count - rounds / 2)).toBeLessThan(5 * Math.sqrt(rounds / 4));
  });

  test('decide with other bits than they shift with, at every average that is allowed', () => {
    const shifting = (2n ** BigInt(SHIFT.bits) - 1n) << BigInt(SHIFT.lowest);
    expect(shifting).toBe(0xfffc_0000n);
    for (let average = 16_384; average <= 4_194_304; average *= 2) {
      const { small, large } = decisionMasks(average);
      expect(BigInt(small | large) & shifting).toBe(0n);
      expect(large).toBeGreaterThan(0);
    }
  });
});
