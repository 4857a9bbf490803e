import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, toHex, utf8 } from '../../src/core/bytes.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { findEntry, findPath } from '../../src/snapshot/lookup.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { type LoadBlob, TreeBuilder } from '../../src/snapshot/tree.ts';
import { testEngine } from '../support/temp-repository.ts';

const engine = testEngine;
const hash = (bytes: Uint8Array): Uint8Array => engine.blake3(bytes);

/** Blobs in memory, with a count of what was loaded. */
class Store {
  readonly #blobs = new Map<string, Uint8Array>();
  loads = 0;

  readonly save = (_kind: string, bytes: Uint8Array): ContentKey => {
    const key = contentKey(hash(bytes));
    this.#blobs.set(toHex(key), bytes);
    return key;
  };

  readonly load: LoadBlob = async (_kind, key) => {
    this.loads += 1;
    return this.#blobs.get(toHex(key)) ?? new Uint8Array();
  };

  get size(): number {
    return this.#blobs.size;
  }

  tree(nodes: readonly Node[]): ContentKey {
    const builder = new TreeBuilder(this.save, hash);
    for (const one of nodes) builder.add(one);
    return builder.finish();
  }
}

function node(name: Uint8Array, tree?: ContentKey): Node {
  const common = { name, mode: 0o755, uid: 0, gid: 0, mtime: 0n, ctime: 0n, inode: 1n, device: 0, links: 1, size: 0 };
  return tree === undefined ? { ...common, type: 'file' } : { ...common, type: 'directory', tree };
}

function sorted(names: Iterable<Uint8Array>): Uint8Array[] {
  const distinct = new Map([...names].map((name) => [toHex(name), name]));
  return [...distinct.values()].sort(compareBytes);
}

describe('findEntry', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 3 })
    .filter((bytes) => !bytes.includes(0x2f) && !bytes.includes(0) && !/^\.\.?$/.test(Buffer.from(bytes).toString()));

  it('finds the names that are there, and no others', async () => {
    const names = fc.array(name, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(names, names, async (present, asked) => {
        const store = new Store();
        const tree = store.tree(sorted(present).map((bytes) => node(bytes)));
        const known = new Set(present.map(toHex));
        for (const wanted of [...present, ...asked]) {
          const found = (await findEntry(store.load, tree, wanted))?.name;
          expect(found && toHex(found)).toBe(known.has(toHex(wanted)) ? toHex(wanted) : undefined);
        }
      }),
    );
  });

  it('reads a few parts of many', async () => {
    const store = new Store();
    const names = sorted(Array.from({ length: 20_000 }, (_, n) => utf8(`file-${n}`)));
    const tree = store.tree(names.map((bytes) => node(bytes)));
    expect(store.size).toBeGreaterThan(10);
    for (let n = 0; n < 20_000; n += 37) {
      store.loads = 0;
      const wanted = `file-${n}`;
      const found = await findEntry(store.load, tree, utf8(wanted));
      expect(Buffer.from(found?.name ?? []).toString()).toBe(wanted);
      expect(store.loads).toBeLessThanOrEqual(3);
      expect(await findEntry(store.load, tree, utf8(`${wanted}x`))).toBeUndefined();
    }
    for (const wanted of ['file', 'zzz', '!']) expect(await findEntry(store.load, tree, utf8(wanted))).toBeUndefined();
  });

  it('does not follow parts in a circle', async () => {
    const entry = JSON.stringify({ n: 'z', k: Buffer.alloc(32).toString('base64url') });
    const load: LoadBlob = async () => utf8(`{"e":[${entry}],"l":5}`);
    await expect(findEntry(load, contentKey(new Uint8Array(32)), utf8('a'))).rejects.toThrow('wrong level');
  });
});

describe('findPath', () => {
  const store = new Store();
  const odd = Buffer.from([0x61, 0xff]);
  const below = store.tree(
    [node(odd), node(utf8('a\\xfe')), node(utf8('file'))].sort((a, b) => compareBytes(a.name, b.name)),
  );
  const root = store.tree([node(utf8('dir'), below), node(utf8('file'))]);

  it.each([
    ['/', '/'],
    ['', '/'],
    ['dir', '/dir'],
    ['/dir/', '/dir'],
    ['//dir/.//file', '/dir/file'],
    ['/dir/../file', '/file'],
    ['/../file', '/file'],
    ['/dir/a\\xfe', '/dir/a\\xfe'],
    ['/none', undefined],
    ['/file/below', undefined],
    ['/dir/a\\xfd', undefined],
  ])('%j is %j', async (path, expected) => {
    const found = await findPath(store.load, root, utf8(path));
    expect(found === undefined ? undefined : Buffer.from(found.path).toString()).toBe(expected);
  });

  it('finds names as they are shown', async () => {
    const found = await findPath(store.load, root, utf8('/dir/a\\xff'));
    expect(found?.node?.name).toEqual(odd);
    expect(found?.path).toEqual(Buffer.concat([utf8('/dir/'), odd]));
  });
});
