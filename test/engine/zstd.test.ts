/** Frames: both engines write what both read, and neither is led into memory by what a frame declares. */
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { MAX_FRAME_CONTENT, storedFrame } from '../../src/engine/frame.ts';
import { PORTABLE_MAX_LEVEL } from '../../src/engine/portable-zstd.ts';
import { engines, expectNeoError, native, noise, pairs, portable, prose } from './support.ts';

const EMPTY_FRAME = '28b52ffd2000010000';

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

describe.each(pairs)('%s writes, %s reads', (_a, _b, writer, reader) => {
  test('lengths around every boundary, compressible or not', () => {
    const lengths = [0, 1, 2, 3, 255, 256, 257, 65_535, 65_536, 65_791, 65_792, 131_071, 131_072, 131_073, 262_145];
    for (const length of lengths) {
      for (const bytes of [noise(length), prose(length), new Uint8Array(length)]) {
        const frame = writer.compress(bytes, 3);
        expect(same(reader.decompress(frame, length), bytes)).toBe(true);
      }
    }
  });

  test('every level', () => {
    const bytes = prose(150_000);
    for (let level = -1; level <= 23; level++) {
      expect(same(reader.decompress(writer.compress(bytes, level), bytes.length), bytes)).toBe(true);
    }
  });

  test('anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 22 }), (bytes, level) => {
        expect(same(reader.decompress(writer.compress(bytes, level), bytes.length), bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the largest frames', () => {
  const half = Buffer.concat([noise(MAX_FRAME_CONTENT / 2), prose(MAX_FRAME_CONTENT / 2)]);

  test.each([1, 3, 9, 19, 22])('native at level %i is read by portable', (level) => {
    // The low level alone on incompressible bytes, where source and target are longest; high ones are slow.
    const bytes = level === 3 ? noise(MAX_FRAME_CONTENT) : half;
    expect(same(portable.decompress(native.compress(bytes, level), bytes.length), bytes)).toBe(true);
  });

  test.each([1 << 20, 2 << 20, (2 << 20) + 1, 3 << 20, (3 << 20) + 1, 4 << 20])(
    'portable compresses %i bytes at its highest level without exhausting its memory',
    (length) => {
      const bytes = half.subarray(half.length - length);
      const frame = portable.compress(bytes, PORTABLE_MAX_LEVEL);
      expect(frame.length).toBeLessThan(length);
      expect(same(native.decompress(frame, length), bytes)).toBe(true);
    },
  );

  test.each(engines)('%s refuses to write more', (_name, engine) => {
    expectNeoError(() => engine.compress(new Uint8Array(MAX_FRAME_CONTENT + 1), 1), 'failed');
  });

  test('the memory of portable does not wear out', () => {
    for (let round = 0; round < 300; round++) {
      const length = (round * 7919 * 131) % 400_000;
      const bytes = round % 2 === 0 ? half.subarray(0, length) : half.subarray(half.length - length);
      const frame = portable.compress(bytes, 1 + (round % 4));
      if (!same(portable.decompress(frame, length), bytes)) throw new Error(`round ${round}`);
    }
    expect(same(portable.decompress(native.compress(half, 1), half.length), half)).toBe(true);
    expect(portable.compress(half, PORTABLE_MAX_LEVEL).length).toBeLessThan(half.length);
  });
});

/** Every frame that must be refused, with the length that its blob declares. */
function hostileFrames(): [string, Uint8Array, number][] {
  const bytes = prose(5000);
  const good = native.compress(bytes, 3);
  const withByte = (at: number, value: number) => Uint8Array.from(good).with(at, value);
  const emptyFrame = zstdCompressSync(bytes.subarray(0, 0));
  const unsized = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x01, 0x00, 0x00]);
  // 4 GiB − 1 declared, in one RLE block.
  const bomb = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 255, 255, 255, 255, 0x03, 0x00, 0x10, 0x41]);
  const huge = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x03, 0x00, 0x10, 0x41]);
  // 1 MiB declared, 128 KiB in it; and a few bytes declared, far more in it.
  const short = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x10, 0, 0x03, 0x00, 0x10, 0x41]);
  const long = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 5, 0, 0, 0, 0x03, 0x00, 0x10, 0x41]);
  const emptyBlocks = new Uint8Array(9 + 3 * 1_000_000);
  emptyBlocks.set([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 5, 0, 0, 0]);
  emptyBlocks[emptyBlocks.length - 3] = 1;
  return [
    ['nothing', new Uint8Array(0), 0],
    ['a magic alone', good.subarray(0, 4), 0],
    ['not a frame', noise(100), 100],
    ['another magic', withByte(0, 0x29), 5000],
    ['a skippable frame', new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]), 0],
    ['a shorter length than declared', good, 4999],
    ['a longer length than declared', good, 5001],
    ['no content size', unsized, 0],
    ['a dictionary', withByte(4, (good[4] ?? 0) | 1), 5000],
    ['a reserved bit', withByte(4, (good[4] ?? 0) | 8), 5000],
    ['its last byte missing', good.subarray(0, -1), 5000],
    ['half of it', good.subarray(0, good.length >> 1), 5000],
    ['a byte too many', new Uint8Array([...good, 0]), 5000],
    ['two frames', new Uint8Array([...good, ...good]), 5000],
    ['a frame and an empty one', new Uint8Array([...good, ...emptyFrame]), 5000],
    ['4 GiB declared', bomb, 0xffff_ffff],
    ['4 GiB declared, little expected', bomb, 1000],
    ['2^63 declared', huge, 0x8000_0000],
    ['2^63 declared, 2^63 expected', huge, 2 ** 63],
    ['less than declared', short, 1 << 20],
    ['more than declared', long, 5],
    ['a million empty blocks', emptyBlocks, 5],
    ['a reserved block', new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 0x07, 0, 0]), 1],
  ];
}

describe.each(engines)('%s refuses', (_name, engine) => {
  test.each(hostileFrames())('%s', (_what, frame, plainLength) => {
    const before = process.memoryUsage().arrayBuffers;
    expectNeoError(() => engine.decompress(frame, plainLength), 'integrity');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  });

  test('and still works after damaged frames of every kind', () => {
    const bytes = prose(20_000);
    const good = engine.compress(bytes, 3);
    for (let at = 0; at < good.length; at += 1 + (at >> 4)) {
      const damaged = Uint8Array.from(good);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      try {
        // Without a checksum some damage decodes: the seal and the content key find that.
        expect(engine.decompress(damaged, bytes.length).length).toBe(bytes.length);
      } catch {
        expectNeoError(() => engine.decompress(damaged, bytes.length), 'integrity');
      }
    }
    expect(same(engine.decompress(good, bytes.length), bytes)).toBe(true);
  });

  test('no frame that is only stored', () => {
    for (const length of [0, 1, 131_072, 131_073, 400_000]) {
      const bytes = noise(length);
      expect(same(engine.decompress(storedFrame(bytes), length), bytes)).toBe(true);
    }
  });

  test('no frame with a checksum or a window', () => {
    const bytes = prose(300_000);
    const params = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_windowLog]: 12 };
    const frame = zstdCompressSync(bytes, { pledgedSrcSize: bytes.length, params });
    expect(same(engine.decompress(frame, bytes.length), bytes)).toBe(true);
  });
});

test('empty input is the same empty frame, and read by both', () => {
  expect(toHex(native.compress(new Uint8Array(0), 3))).toBe(EMPTY_FRAME);
  for (const [, engine] of engines) {
    expect(engine.decompress(Buffer.from(EMPTY_FRAME, 'hex'), 0).length).toBe(0);
    expect(engine.decompress(engine.compress(new Uint8Array(0), 19), 0).length).toBe(0);
  }
});
