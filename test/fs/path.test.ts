import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  baseName,
  isWithin,
  joinNames,
  joinPath,
  normalisePath,
  parentPath,
  pathOf,
  resolvePath,
  splitPath,
} from '../../src/fs/path.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const segment = fc.constantFrom('', '.', '..', 'a', 'b.c', '...', 'ü\xff', ' ');
const anyPath = fc
  .tuple(fc.boolean(), fc.array(segment, { maxLength: 8 }))
  .map(([absolute, names]) => (absolute ? '/' : '') + names.join('/'));

test('normalising is what node:path does for text, without its closing slash', () => {
  fc.assert(
    fc.property(anyPath, (text) => {
      const expected = posix.normalize(text);
      const bare = expected.length > 1 && expected.endsWith('/') ? expected.slice(0, -1) : expected;
      expect(normalisePath(bytes(text)).toString('latin1')).toBe(bare);
    }),
  );
});

test('resolving is what node:path does for text', () => {
  fc.assert(
    fc.property(anyPath, anyPath, (directory, text) => {
      const from = `/${directory}`;
      expect(resolvePath(bytes(from), bytes(text)).toString('latin1')).toBe(posix.resolve(from, text));
    }),
  );
});

test('parent and base name put together are the path', () => {
  fc.assert(
    fc.property(anyPath, (text) => {
      const path = normalisePath(bytes(text));
      fc.pre(path.toString() !== '/' && path.toString() !== '.');
      expect(normalisePath(joinPath(parentPath(path), baseName(path)))).toEqual(path);
      expect(parentPath(path).toString('latin1')).toBe(posix.dirname(path.toString('latin1')));
      expect(baseName(path).toString('latin1')).toBe(posix.basename(path.toString('latin1')));
    }),
  );
});

test('bytes that are no UTF-8 stay as they are', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 6 }), (raw) => {
      const names = raw.map((name) => Buffer.from(name.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))));
      expect(splitPath(joinNames(names, true))).toEqual(names);
      expect(splitPath(joinNames(names, false))).toEqual(names);
    }),
  );
});

test('the root and nothing', () => {
  expect(parentPath(pathOf('/')).toString()).toBe('/');
  expect(parentPath(pathOf('/a')).toString()).toBe('/');
  expect(parentPath(pathOf('/a//b//')).toString()).toBe('/a');
  expect(parentPath(pathOf('a')).toString()).toBe('.');
  expect(baseName(pathOf('/'))).toHaveLength(0);
  expect(joinNames([], true).toString()).toBe('/');
  expect(joinPath(pathOf('/'), pathOf('a')).toString()).toBe('/a');
});

test('within ends at a slash', () => {
  const within = (a: string, b: string) => isWithin(pathOf(a), pathOf(b));
  expect(within('/a', '/a')).toBe(true);
  expect(within('/a', '/a/b')).toBe(true);
  expect(within('/', '/a')).toBe(true);
  expect(within('/a', '/ab')).toBe(false);
  expect(within('/a/b', '/a')).toBe(false);
});
