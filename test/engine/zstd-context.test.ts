import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keptContexts } from '../../src/engine/zstd-context.ts';
import { noise, prose } from './support.ts';

function oneShot(bytes: Uint8Array, level: number): Uint8Array {
  return zstdCompressSync(bytes, {
    pledgedSrcSize: bytes.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
}

const content = fc.oneof(
  fc.uint8Array({ maxLength: 3000 }),
  fc.nat(300_000).map((length) => prose(length)),
  fc.nat(300_000).map((length) => noise(length)),
);

describe('kept zstd contexts', () => {
  it('work in this Node', () => {
    expect(keptContexts().compress(prose(1000), 3)).toBeDefined();
  });

  it('write the frames that one-shot calls write, or from level 5 on such as give the same, whatever came before', () => {
    const contexts = keptContexts();
    fc.assert(
      fc.property(fc.array(fc.tuple(content, fc.integer({ min: 1, max: 6 })), { maxLength: 6 }), (rounds) => {
        for (const [bytes, level] of rounds) {
          const frame = contexts.compress(bytes, level) ?? Buffer.alloc(0);
          const fresh = oneShot(bytes, level);
          // The row-based match finder of levels 5 to 12 salts its hashes anew with each use of its tables (zstd 1.5.5 on).
          if (level < 5) expect(Buffer.compare(frame, fresh)).toBe(0);
          expect(Buffer.compare(zstdDecompressSync(frame), bytes)).toBe(0);
          expect(frame.length).toBeLessThanOrEqual(fresh.length * 1.02 + 16);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('give results that later calls leave alone', () => {
    const contexts = keptContexts();
    const frames = [1, 2, 3].map((i) => contexts.compress(prose(1000 * i), 3) ?? Buffer.alloc(0));
    const plains = frames.map((frame, i) => contexts.decompress(frame, 1000 * (i + 1)) ?? Buffer.alloc(0));
    for (const [i, plain] of plains.entries()) expect(Buffer.compare(plain, prose(1000 * (i + 1)))).toBe(0);
  });

  it('read on after a frame that is damaged or cut short', () => {
    const contexts = keptContexts();
    const good = oneShot(prose(5000), 3);
    for (let at = 6; at < good.length; at += 7) {
      const damaged = Buffer.from(good);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      for (const bad of [damaged, good.subarray(0, at)]) {
        const plain = contexts.decompress(bad, 5000);
        // Without a checksum some damage goes unseen here; then a one-shot call gives the same.
        if (plain !== undefined) expect(Buffer.compare(plain, zstdDecompressSync(bad))).toBe(0);
        expect(Buffer.compare(contexts.decompress(good, 5000) ?? Buffer.alloc(0), prose(5000))).toBe(0);
      }
    }
  });

  it('say so when the frame holds another length', () => {
    const contexts = keptContexts();
    const frame = oneShot(prose(5000), 3);
    for (const length of [0, 1, 4999, 5001, 100_000]) expect(contexts.decompress(frame, length)).toBeUndefined();
    expect(contexts.decompress(frame, 5000)).toBeDefined();
  });
});
