/** Contents: inline chunks, lists of them, slices of bundles, and what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { contentKey } from '../../src/core/ids.ts';
import { ChunkListBuilder, contentOf, contentPieces, INLINE_CHUNKS, loadContent } from '../../src/snapshot/content.ts';
import { decodeExtents, encodeExtents } from '../../src/snapshot/extents.ts';
import type { Chunk, Content } from '../../src/snapshot/node.ts';
import { SimRandom } from '../support/sim-random.ts';
import { Blobs, collect, hash } from './blobs.ts';

function chunksOf(count: number, seed = 1): Chunk[] {
  const random = new SimRandom(seed);
  return Array.from({ length: count }, () => ({
    key: contentKey(random.bytes(32)),
    length: 1 + random.below(1 << 20),
  }));
}

async function failure(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'none';
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

async function pieces(blobs: Blobs, content: Content | undefined, length = 0): Promise<string[]> {
  const found = await collect(contentPieces(blobs.load, content, length));
  return found.map(({ key, length: whole, from, to }) => `${toHex(key)} ${whole} ${from} ${to}`);
}

describe('chunks', () => {
  it.each([0, 1, INLINE_CHUNKS, INLINE_CHUNKS + 1, 3000])('come back: %i of them', async (count) => {
    const blobs = new Blobs();
    const chunks = chunksOf(count);
    const content = contentOf(blobs.save, chunks);
    expect(content?.type).toBe(count === 0 ? undefined : count <= INLINE_CHUNKS ? 'chunks' : 'list');
    expect(await pieces(blobs, content)).toEqual(
      chunks.map(({ key, length }) => `${toHex(key)} ${length} 0 ${length}`),
    );
  });

  it('of a file of zeros, all the same, come back too', async () => {
    for (const fill of [0, 255]) {
      const blobs = new Blobs();
      const chunk = { key: contentKey(new Uint8Array(32).fill(fill)), length: 1 << 20 };
      const builder = new ChunkListBuilder(blobs.save);
      for (let n = 0; n < 50_000; n++) builder.add(chunk);
      expect((await pieces(blobs, builder.finish())).length).toBe(50_000);
    }
  });

  it('appended to a file rewrite few parts', () => {
    const chunks = chunksOf(50_000);
    const before = new Blobs();
    contentOf(before.save, chunks);
    const after = new Blobs();
    contentOf(after.save, [...chunks, ...chunksOf(3, 2)]);
    expect([...after.all.keys()].filter((key) => !before.all.has(key)).length).toBeLessThanOrEqual(3);
  });
});

describe('a slice', () => {
  const slice = (offset: number, bundleLength: number): Content => ({
    type: 'slice',
    bundle: contentKey(new Uint8Array(32)),
    offset,
    bundleLength,
  });

  it('is the part of its bundle, and no more than that', async () => {
    const blobs = new Blobs();
    expect(await pieces(blobs, slice(10, 30), 20)).toEqual([`${'00'.repeat(32)} 30 10 30`]);
    expect(await failure(() => pieces(blobs, slice(10, 30), 21))).toBe('integrity');
    expect(await failure(() => pieces(blobs, slice(31, 30), 0))).toBe('integrity');
  });
});

describe('a content in memory', () => {
  it('is put together from its chunks, and refused when they lie', async () => {
    const blobs = new Blobs();
    const parts = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
    const chunks = parts.map((bytes) => ({ key: blobs.save('tree', bytes), length: bytes.length }));
    const content: Content = { type: 'chunks', chunks };
    expect([...(await loadContent(blobs.load, content))]).toEqual([1, 2, 3, 4]);
    expect(await failure(() => loadContent(blobs.load, content, 3))).toBe('integrity');
    const lying: Content = { type: 'chunks', chunks: chunks.map(({ key }) => ({ key, length: 2 })) };
    expect(await failure(() => loadContent(blobs.load, lying))).toBe('integrity');
    const sliced: Content = { type: 'slice', bundle: contentKey(hash(Uint8Array.of(1))), offset: 0, bundleLength: 1 };
    expect(await failure(() => loadContent(blobs.load, sliced))).toBe('integrity');
  });
});

describe('long sparse maps', () => {
  it('come back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 100 }), (gaps) => {
        let at = 0;
        const extents = gaps.map(([gap, length]) => {
          const extent = { offset: at + gap, length };
          at += gap + length;
          return extent;
        });
        expect(decodeExtents(encodeExtents(extents))).toEqual(extents);
      }),
    );
  });

  it('are refused when cut, overlapping or beyond all numbers', async () => {
    const bytes = encodeExtents([
      { offset: 0, length: 10 },
      { offset: 20, length: 5 },
    ]);
    const decode = (given: Uint8Array) => failure(async () => decodeExtents(given));
    expect(await decode(bytes.subarray(0, 31))).toBe('integrity');
    const overlap = new Uint8Array(bytes);
    overlap[16] = 9;
    expect(await decode(overlap)).toBe('integrity');
    expect(await decode(new Uint8Array(16).fill(255))).toBe('integrity');
  });
});
