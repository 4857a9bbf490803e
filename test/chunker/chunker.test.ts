import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Chunker,
  type ChunkerOptions,
  type ChunkerParameters,
  checkParameters,
  DEFAULT_PARAMETERS,
} from '../../src/chunker/chunker.ts';
import { createReferenceChunker } from '../../src/chunker/fastcdc.ts';
import { sipHash24 } from '../../src/chunker/siphash.ts';
import { createChunker } from '../../src/chunker/wasm.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { agreedCuts } from './agreed-cuts.ts';
import { cutsBySum } from './by-sum.ts';
import {
  cutAll,
  cutFed,
  denseCandidates,
  inputOf,
  keyMaterial,
  optionsOf,
  type Segment,
  SMALL,
  xorshift,
} from './inputs.ts';

const built = fileURLToPath(new URL('../../wasm/build/chunker.wasm', import.meta.url));

const segment: fc.Arbitrary<Segment> = fc.oneof(
  fc.record({ random: fc.integer({ min: 1, max: 0x7fff_ffff }), length: fc.nat(30_000) }),
  fc.record({
    repeat: fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    length: fc.nat(50_000),
  }),
);

const parametersOf: fc.Arbitrary<ChunkerParameters> = fc
  .tuple(fc.integer({ min: 1024, max: 16_383 }), fc.integer({ min: 16_385, max: 70_000 }))
  .map(([min, max]) => ({ min, average: 16_384, max }));

describe('the WebAssembly equals the reference', () => {
  test('on mixtures of random and periodic data, any key, any sizes, dense and rare candidates', () => {
    const inputs = fc.array(segment, { maxLength: 4 });
    fc.assert(
      fc.property(inputs, parametersOf, fc.integer({ min: 1, max: 1000 }), fc.boolean(), (list, sizes, key, dense) => {
        const input = inputOf(list);
        agreedCuts((dense ? denseCandidates : optionsOf)(key, sizes, input.length), input);
      }),
      { numRuns: 60 },
    );
  });

  test('on every period from 1 to 72', () => {
    let beforeMax = 0;
    for (let period = 1; period <= 72; period++) {
      const repeat = Buffer.from(xorshift(period + 1, period)).toString('hex');
      const input = inputOf([{ repeat, length: 42_000 }]);
      const cuts = agreedCuts(denseCandidates(period, SMALL, input.length), input);
      if ((cuts[0] ?? 0) < SMALL.max) beforeMax++;
    }
    expect(beforeMax).toBeGreaterThan(4);
  });

  test('when every byte is a candidate', () => {
    const input = inputOf([{ random: 3, length: 600_000 }]);
    const cuts = agreedCuts({ ...optionsOf(5, SMALL, input.length), gear: new Uint8Array(2048) }, input);
    // maskS leaves 1 in 32: an accepted one comes soon after the minimum, and the shift is 8 KiB in the mean.
    expect(cuts.length).toBeGreaterThan(50);
  });

  // All gear values are zero but that of byte 1, which is 1: no candidate lies 52 to 62 bytes after it.
  test.each([
    [960, 1024],
    [961, 1025],
    [970, 1034],
    [971, 1035],
    [972, 1024],
  ])('when among zeros byte %d is a one: the chunk has %d bytes and the shift', (at, length) => {
    const gear = new Uint8Array(2048);
    gear[8] = 1;
    const zeros = new Uint8Array(32);
    const sips = Array.from({ length: 1000 }, (_, i) => xorshift(i + 1, 16));
    const sip = sips.find((key) => (sipHash24(key, zeros) & 31n) === 0n) ?? zeros;
    const shift = Number((sipHash24(sip, zeros) >> 18n) & 0x3fffn);
    const input = new Uint8Array(20_000);
    input[at] = 1;
    expect(agreedCuts({ gear, sip, parameters: SMALL, capacity: SMALL.max }, input)[0]).toBe(length + shift);
  });

  test('when windows that follow one another differ in one word alone', () => {
    const zeros = new Uint8Array(32);
    for (let seed = 1; seed <= 40; seed++) {
      const options = { ...optionsOf(seed, SMALL, 60_000), gear: new Uint8Array(2048) };
      // Zeros must not cut, so that each cut comes from one of the strewn bytes.
      if ((sipHash24(options.sip, zeros) & 1n) === 0n) continue;
      const input = new Uint8Array(20_000);
      for (let at = seed; at < input.length; at += 40 + seed) input[at] = at;
      agreedCuts(options, input);
    }
  });

  test('on lengths around the minimum, the average and the maximum', () => {
    const { min, average, max } = SMALL;
    const options = denseCandidates(9, SMALL, max + 70);
    for (const length of [
      0,
      1,
      31,
      63,
      64,
      min - 1,
      min,
      min + 1,
      average - 1,
      average,
      average + 1,
      max - 1,
      max,
      max + 1,
    ]) {
      agreedCuts(options, inputOf([{ random: 21, length }]));
      expect(agreedCuts(optionsOf(9, SMALL, max + 70), inputOf([{ repeat: '00', length }]))).toEqual(
        length > max ? [max, length - max] : [length].filter(Boolean),
      );
    }
  });

  test('and both equal the definition summed anew at every byte', () => {
    for (const seed of [1, 2, 3]) {
      const input = inputOf([
        { random: seed, length: 40_003 },
        { repeat: '0001', length: 20_001 },
      ]);
      for (const options of [optionsOf(seed, SMALL, input.length), denseCandidates(seed, SMALL, input.length)]) {
        expect(agreedCuts(options, input)).toEqual(cutsBySum(options, input));
      }
    }
  });
});

describe('a cut depends on the chunk alone', () => {
  const input = xorshift(31, 450_000);
  const implementations = [createChunker, createReferenceChunker] as const;

  test('not on how the input is fed', () => {
    const options = optionsOf(4, SMALL, 65_536);
    const whole = cutAll(createChunker({ ...options, capacity: input.length }), input);
    expect(whole.length).toBeGreaterThan(15);
    const reads = fc.array(fc.integer({ min: 0, max: 70_000 }), { minLength: 1, maxLength: 8 });
    const chunker = createChunker(options);
    fc.assert(
      fc.property(reads, fc.integer({ min: 1, max: 9 }), (sizes, last) => {
        expect(cutFed(chunker, input, [...sizes, last * 1000])).toEqual(whole);
      }),
      { numRuns: 100 },
    );
    expect(cutFed(createReferenceChunker(options), input, [777, 50_000, 1])).toEqual(whole);
  });

  test.each(implementations)('a shorter view gives the same length or asks for more: %o', (create) => {
    const options = optionsOf(4, SMALL, 65_536);
    const chunker = create(options);
    chunker.buffer.set(input.subarray(0, 65_536));
    const length = chunker.cut(100, 65_536, false);
    for (const to of [100, 101, 1123, 1124, length + 98, length + 99]) {
      expect(chunker.cut(100, to, false)).toBe(0);
      expect(chunker.cut(100, to, true)).toBe(to - 100);
    }
    for (const final of [false, true]) expect(chunker.cut(100, length + 100, final)).toBe(length);
  });

  test.each(implementations)('with `max` bytes there is always a cut: %o', (create) => {
    const chunker = create(optionsOf(4, SMALL, SMALL.max + 9));
    expect(chunker.cut(7, SMALL.max + 6, false)).toBe(0);
    expect(chunker.cut(7, SMALL.max + 7, false)).toBe(SMALL.max);
  });

  test.each(implementations)('not on what lies before it or after `to`: %o', (create) => {
    const chunker = create(denseCandidates(6, SMALL, 65_536));
    const around = (fill: number, to: number): number => {
      chunker.buffer.fill(fill);
      chunker.buffer.set(input.subarray(0, to - 5000), 5000);
      return chunker.cut(5000, to, true);
    };
    for (const to of [5000 + 1024, 5000 + 1031, 5000 + 16_383, 5000 + 20_001]) {
      expect(around(0x00, to)).toBe(around(0xff, to));
      expect(around(0x55, to)).toBe(around(0xff, to));
    }
  });

  test('nothing is read behind a buffer that ends where the memory ends: such a read would throw', () => {
    const start = createChunker(optionsOf(6, SMALL, 65_536)).buffer.byteOffset;
    const capacity = 2 * 65_536 - start;
    const chunker = createChunker(optionsOf(6, SMALL, capacity));
    expect(chunker.buffer.byteOffset + chunker.buffer.length).toBe(chunker.buffer.buffer.byteLength);
    // Zeros have no cut, so each call looks at every byte up to the end, in every phase of the unrolled loop.
    for (let length = 1; length < 3000; length++) {
      expect(chunker.cut(capacity - length, capacity, false)).toBe(0);
      expect(chunker.cut(capacity - length, capacity, true)).toBe(length);
    }
  });

  test('another key gives other cuts, in both halves of the key material', () => {
    const ends = (options: ChunkerOptions): Set<number> => {
      let at = 0;
      return new Set(cutAll(createChunker(options), input).map((length) => (at += length)));
    };
    const base = optionsOf(1, SMALL, input.length);
    const mine = ends(base);
    for (let seed = 2; seed < 8; seed++) {
      const other = keyMaterial(xorshift(seed, 32));
      for (const options of [
        { ...base, ...other },
        { ...base, gear: other.gear },
        { ...base, sip: other.sip },
      ]) {
        const common = [...ends(options)].filter((end) => mine.has(end) && end !== input.length);
        expect(common.length).toBeLessThan(mine.size / 2);
      }
    }
  });
});

describe('vectors', () => {
  const fixture = JSON.parse(readFileSync(new URL('../fixtures/chunker.json', import.meta.url), 'utf8'));
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

  // The first is the paper's (appendix A); both were confirmed with OpenSSL's SIPHASH.
  test.each<{ key: string; message: string; hash: string }>(fixture.sipHash24)('SipHash-2-4 $hash', (vector) => {
    const hash = sipHash24(Buffer.from(vector.key, 'hex'), Buffer.from(vector.message, 'hex'));
    expect(hash.toString(16)).toBe(vector.hash);
  });

  test.each<{ seed: number; key: string; gearSha256: string; sip: string }>(fixture.keys)('key $seed', (vector) => {
    const { gear, sip } = keyMaterial(xorshift(vector.seed, 32));
    expect(sha256(gear)).toBe(vector.gearSha256);
    expect(Buffer.from(sip).toString('hex')).toBe(vector.sip);
  });

  test.each<{
    name: string;
    key: number;
    parameters: ChunkerParameters;
    input: Segment[];
    inputSha256: string;
    cuts: number[];
  }>(fixture.cases)('$name', ({ key, parameters, input: segments, inputSha256, cuts }) => {
    const input = inputOf(segments);
    expect(sha256(input)).toBe(inputSha256);
    expect(agreedCuts(optionsOf(key, parameters, input.length), input)).toEqual(cuts);
  });
});

describe('usage', () => {
  const usage = (action: () => unknown): boolean => {
    try {
      action();
    } catch (error) {
      return isNeoError(error, 'usage');
    }
    return false;
  };

  test.each([
    [64, 16_384, 65_536],
    [1023, 16_384, 65_536],
    [1024.5, 16_384, 65_536],
    [1024, 16_385, 65_536],
    [1024, 8192, 65_536],
    [16_384, 16_384, 65_536],
    [1024, 16_384, 16_384],
    [1024, 16_384, 8 * 1_048_576 + 1],
    [Number.NaN, 16_384, 65_536],
    [1024, Number.POSITIVE_INFINITY, 65_536],
    [1024, 16_384, -1],
  ])('refuses min %d, average %d, max %d', (min, average, max) => {
    expect(usage(() => checkParameters({ min, average, max }))).toBe(true);
  });

  test('takes the bounds themselves', () => {
    checkParameters(DEFAULT_PARAMETERS);
    checkParameters({ min: 1024, average: 16_384, max: 16_385 });
    checkParameters({ min: 4_194_303, average: 4_194_304, max: 8 * 1_048_576 });
  });

  test.each([createChunker, createReferenceChunker] as const)('refuses wrong sizes and ranges: %o', (create) => {
    const good = optionsOf(1, SMALL, 65_536);
    for (const bad of [
      { gear: new Uint8Array(2047) },
      { sip: new Uint8Array(15) },
      { capacity: SMALL.max - 1 },
      { capacity: 2 ** 31 },
      { parameters: { min: 1, average: 2, max: 3 } },
    ]) {
      expect(usage(() => create({ ...good, ...bad }))).toBe(true);
    }
    const chunker: Chunker = create(good);
    for (const [from, to] of [
      [-1, 5],
      [6, 5],
      [0, 65_537],
      [0.5, 5],
      [0, Number.NaN],
    ] as const) {
      expect(usage(() => chunker.cut(from, to, true))).toBe(true);
    }
    expect(chunker.cut(65_536, 65_536, true)).toBe(0);
  });
});

describe('the built file', () => {
  test('is what its source compiles to', () => {
    const folder = mkdtempSync(join(tmpdir(), 'neo-wasm-'));
    try {
      const target = join(folder, 'chunker.wasm');
      execFileSync(process.execPath, [fileURLToPath(new URL('../../wasm/build.mjs', import.meta.url)), target]);
      expect(readFileSync(target).equals(readFileSync(built))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('can be handed in as bytes', () => {
    const options = optionsOf(8, SMALL, 100_000);
    const input = xorshift(5, 100_000);
    expect(cutAll(createChunker(options, readFileSync(built)), input)).toEqual(cutAll(createChunker(options), input));
  });
});
