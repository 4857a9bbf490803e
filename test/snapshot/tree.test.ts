/** Directories as blobs: written, read back, and refused when somebody crafted them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, toBase64, toByteString, toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import type { Json } from '../../src/core/json.ts';
import { readParts, readTree, TreeBuilder } from '../../src/snapshot/tree.ts';
import { Blobs, collect, hash, nodeOf, nodeText } from './blobs.ts';

function write(blobs: Blobs, names: readonly Uint8Array[]): ContentKey {
  const builder = new TreeBuilder(blobs.save, hash);
  for (const name of names) builder.add(nodeOf(name));
  return builder.finish();
}

async function readNames(blobs: Blobs, key: ContentKey): Promise<string[]> {
  return (await collect(readTree(blobs.load, key))).map(({ name }) => toHex(name));
}

async function outcome(blobs: Blobs, key: ContentKey, kind: 'tree' | 'list' = 'tree'): Promise<string> {
  try {
    const read = kind === 'tree' ? readTree(blobs.load, key) : readParts(blobs.load, 'list', key);
    return `${(await collect<unknown>(read)).length} entries`;
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .filter(
    (bytes) => !bytes.includes(0) && !bytes.includes(0x2f) && !['.', '..'].includes(Buffer.from(bytes).toString()),
  );
const names = fc
  .uniqueArray(name, { selector: (bytes) => toHex(bytes), maxLength: 60 })
  .map((all) => [...all].sort(compareBytes));

describe('a directory', () => {
  it('comes back with the same names, whatever bytes they are', async () => {
    await fc.assert(
      fc.asyncProperty(names, async (all) => {
        const blobs = new Blobs();
        expect(await readNames(blobs, write(blobs, all))).toEqual(all.map(toHex));
      }),
      { numRuns: 200 },
    );
  });

  it('of 20,000 entries comes back, and reads only the parts on the way to its first', async () => {
    const blobs = new Blobs();
    const all = Array.from({ length: 20_000 }, (_, n) => utf8(`file ${String(n).padStart(5, '0')}`));
    const key = write(blobs, all);
    expect(blobs.all.size).toBeGreaterThan(10);
    expect(await readNames(blobs, key)).toEqual(all.map(toHex));
    let loads = 0;
    const counting: typeof blobs.load = (kind, part) => {
      loads += 1;
      return blobs.load(kind, part);
    };
    for await (const _ of readTree(counting, key)) break;
    expect(loads).toBeLessThanOrEqual(3);
  });

  it('refuses to be written out of order or with a name twice', () => {
    const builder = new TreeBuilder(new Blobs().save, hash);
    builder.add(nodeOf('b'));
    for (const wrong of ['b', 'a', '']) expect(() => builder.add(nodeOf(wrong))).toThrow('out of order');
  });

  it('orders by bytes, not by letters', async () => {
    const blobs = new Blobs();
    // U+FF21 comes before U+1F600 in UTF-8, and behind it in UTF-16.
    const all = [utf8('A'), utf8('a'), utf8('Ａ'), utf8('😀'), Uint8Array.of(0xff)];
    expect(await readNames(blobs, write(blobs, all))).toEqual(all.map(toHex));
  });
});

describe('a crafted directory is refused', () => {
  const json = (text: string | Uint8Array): Json => JSON.parse(nodeText(nodeOf(text)));
  const above = (last: string, key: ContentKey): Json => ({ n: toByteString(utf8(last)) as Json, k: toBase64(key) });

  const flat: [string, Json][] = [
    ['no object', []],
    ['no level', { e: [] }],
    ['a negative level', { e: [], l: -1 }],
    ['a level as text', { e: [], l: '0' }],
    ['a level above all', { e: [], l: 31 }],
    ['no entries', { l: 0 }],
    ['entries that are no list', { e: {}, l: 0 }],
    ['an entry that is none', { e: [null], l: 0 }],
    ['a name twice', { e: [json('a'), json('a')], l: 0 }],
    ['names out of order', { e: [json('b'), json('a')], l: 0 }],
    ['the parent directory', { e: [json('..')], l: 0 }],
    ['the directory itself', { e: [json('.')], l: 0 }],
    ['a path', { e: [json('a/b')], l: 0 }],
    ['a NUL', { e: [json('a\0')], l: 0 }],
    ['no name', { e: [json('')], l: 0 }],
    ['a plain name in the other spelling', { e: [{ ...(json('a') as object), n: { b: 'YQ' } }], l: 0 }],
    [
      'a name that two spellings of UTF-16 share',
      { e: [json('\ufffd'), { ...(json('x') as object), n: '\ufffd' }], l: 0 },
    ],
    ['a child that is missing', { e: [above('a', contentKey(new Uint8Array(32)))], l: 1 }],
    ['a child whose key is none', { e: [{ n: 'a', k: 'AA' }], l: 1 }],
  ];
  it.each(flat)('%s', async (_, part) => {
    const blobs = new Blobs();
    expect(await outcome(blobs, blobs.part(part))).toBe('integrity');
  });

  it('a child of another level, of another name, or without entries', async () => {
    const blobs = new Blobs();
    const leaf = blobs.part({ e: [json('a'), json('b')], l: 0 });
    const empty = blobs.part({ e: [], l: 0 });
    expect(await outcome(blobs, blobs.part({ e: [above('b', leaf)], l: 1 }))).toBe('2 entries');
    for (const wrong of [
      { e: [above('b', leaf)], l: 2 },
      { e: [above('c', leaf)], l: 1 },
      { e: [above('a', leaf)], l: 1 },
      { e: [above('b', leaf), above('b', leaf)], l: 1 },
      { e: [above('b', empty)], l: 1 },
    ]) {
      expect(await outcome(blobs, blobs.part(wrong)), JSON.stringify(wrong)).toBe('integrity');
    }
  });

  it('a web of empty parts, at once', async () => {
    const blobs = new Blobs();
    let key = blobs.part({ e: [], l: 0 });
    // Without the rule against empty parts this takes 1,000^20 steps.
    for (let level = 1; level <= 20; level++) {
      const child = key;
      key = blobs.part({ e: Array.from({ length: 1000 }, () => above('a', child)), l: level });
    }
    expect(await outcome(blobs, key)).toBe('integrity');
  });

  it('a web of one part that is everywhere, at its second entry', async () => {
    const blobs = new Blobs();
    let key = blobs.part({ e: [json('a'), json('b')], l: 0 });
    for (let level = 1; level <= 20; level++) {
      const child = key;
      key = blobs.part({ e: Array.from({ length: 1000 }, () => above('b', child)), l: level });
    }
    expect(await outcome(blobs, key)).toBe('integrity');
  });

  it('a list whose lengths are not true, or whose chunks are empty', async () => {
    const blobs = new Blobs();
    const chunk = toBase64(new Uint8Array(32));
    const leaf = blobs.part({
      e: [
        [chunk, 5],
        [chunk, 6],
      ],
      l: 0,
    });
    const list = (...entries: Json[]): ContentKey => blobs.part({ e: entries, l: 1 });
    expect(await outcome(blobs, list([toBase64(leaf), 11, chunk]), 'list')).toBe('2 entries');
    expect(await outcome(blobs, list([toBase64(leaf), 10, chunk]), 'list')).toBe('integrity');
    const zero = blobs.part({ e: [[chunk, 0]], l: 0 });
    expect(await outcome(blobs, list([toBase64(zero), 0, chunk]), 'list')).toBe('integrity');
  });
});
