/** What a write-only client keeps: its own parts again, or nothing at all. */
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { contentKey } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';
import { TreeCache } from '../../src/snapshot/tree-cache.ts';
import { testEngine } from '../support/temp-repository.ts';

const native = await createNativeEngine();
const portable = await createPortableEngine();
const secret = new Uint8Array(32).fill(9);
const parts = ['', '{"e":[],"l":0}', 'x'.repeat(1 << 20)].map(utf8);
const keys = parts.map((_, n) => contentKey(new Uint8Array(32).fill(n + 1)));
const [root] = keys;
if (root === undefined) throw new Error('no keys');

function encoded(engine = testEngine): Uint8Array {
  const cache = new TreeCache(engine);
  for (const [n, key] of keys.entries()) cache.add(key, parts[n] ?? new Uint8Array());
  return cache.encode(secret, systemRandom, root ?? keys[0] ?? contentKey(new Uint8Array(32)), utf8('about'));
}

describe('a tree cache', () => {
  const engines = [native, portable];
  it.each(engines.flatMap((writer) => engines.map((reader) => [writer.name, reader.name, writer, reader] as const)))(
    'of %s comes back on %s',
    async (_, __, writer, reader) => {
      const found = TreeCache.decode(reader, secret, encoded(writer));
      expect(Buffer.from(found?.about ?? []).toString()).toBe('about');
      expect(found === undefined ? '' : toHex(found.root)).toBe(toHex(root));
      const loaded = await Promise.all(keys.map((key) => found?.cache.load('tree', key)));
      expect(
        loaded.map((json) => Buffer.from(json ?? []).equals(Buffer.from(parts[loaded.indexOf(json)] ?? []))),
      ).toEqual(keys.map(() => true));
    },
  );

  it('says what it does not hold', async () => {
    const found = TreeCache.decode(testEngine, secret, encoded());
    const missing = found?.cache.load('tree', contentKey(new Uint8Array(32).fill(99)));
    expect(
      await missing?.then(
        () => 'there',
        (error: unknown) => isNeoError(error, 'integrity'),
      ),
    ).toBe(true);
  });

  it('is none when damaged, cut short, or another client’s', () => {
    const bytes = encoded();
    expect(TreeCache.decode(testEngine, new Uint8Array(32), bytes)).toBeUndefined();
    for (let at = 0; at < bytes.length; at += 17) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(TreeCache.decode(testEngine, secret, flipped)).toBeUndefined();
      expect(TreeCache.decode(testEngine, secret, bytes.subarray(0, at))).toBeUndefined();
    }
  });
});
