/** Nodes to JSON and back, and JSON that is no node. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { canonicalText, type Json, parseJson } from '../../src/core/json.ts';
import { checkExtents, nodeFromJson } from '../../src/snapshot/node-json.ts';
import { anyNode } from './arbitrary-node.ts';
import { nodeOf, nodeText } from './blobs.ts';

/** Byte arrays of all kinds look alike. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function outcome(value: unknown): string {
  try {
    nodeFromJson(value);
    return 'read';
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

const members = (more: Record<string, unknown>): unknown => ({ ...JSON.parse(nodeText(nodeOf('name'))), ...more });

describe('a node', () => {
  it('comes back as it was, and has one form only', () => {
    fc.assert(
      fc.property(anyNode, (node) => {
        const text = nodeText(node);
        const json = parseJson(utf8(text));
        const again = nodeFromJson(json);
        expect(plain(again)).toEqual(plain(node));
        expect(nodeText(again)).toBe(text);
        // Written member by member, and canonical all the same.
        expect(canonicalText(json as Json)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves out what goes without saying', () => {
    expect(Object.keys(JSON.parse(nodeText(nodeOf('a')))).join('')).toBe('CMgimnstu');
  });

  it('survives members that a later version adds', () => {
    expect(outcome(members({ future: { a: 1 }, __proto__: null }))).toBe('read');
  });
});

describe('what is no node', () => {
  const key = 'A'.repeat(43);
  const wrong: [string, unknown][] = [
    ['null', null],
    ['a list', []],
    ['a text', 'f'],
    ['an unknown type', members({ t: 'x' })],
    ['no type', members({ t: undefined })],
    ['a type from the prototype', members({ t: 'toString' })],
    ['13 bits of mode', members({ m: 0o10000 })],
    ['a negative uid', members({ u: -1 })],
    ['a fraction', members({ g: 1.5 })],
    ['a number that is not exact', members({ s: 2 ** 53 })],
    ['a number as text', members({ u: '0' })],
    ['a time as number', members({ M: 0 })],
    ['a time that is none', members({ M: '1e9' })],
    ['a time of a million digits', members({ M: '9'.repeat(1_000_000) })],
    ['an inode that is none', members({ i: '0x10' })],
    ['a name with a slash', members({ n: 'a/b' })],
    ['a name in odd base64', members({ n: { b: '_w=' } })],
    ['a name that is an object', members({ n: {} })],
    ['a device number of one', members({ t: 'c', R: [1] })],
    [
      'extents that overlap',
      members({
        S: [
          [0, 10],
          [9, 1],
        ],
      }),
    ],
    [
      'extents out of order',
      members({
        S: [
          [10, 1],
          [0, 1],
        ],
      }),
    ],
    ['extents beyond all numbers', members({ S: [[2 ** 53 - 1, 1]] })],
    ['an extent of one', members({ S: [[0]] })],
    ['a key of 31 bytes', members({ k: 'A'.repeat(42) })],
    ['a hash that is no text', members({ K: 1 })],
    ['a content that is none', members({ c: {} })],
    ['a content of null', members({ c: null })],
    ['a slice without place', members({ c: { k: key } })],
    ['a slice beyond every bundle', members({ c: { k: key, o: 0, z: 2 ** 24 + 1 } })],
    ['a chunk without length', members({ c: { l: [[key]] } })],
    ['a chunk of no bytes', members({ c: { l: [[key, 0]] } })],
    ['attributes that are none', members({ x: [['user.a']] })],
    ['attributes in odd base64', members({ x: [['user.a', '=']] })],
    ['a target that is a number', members({ L: 1 })],
  ];
  it.each(wrong)('%s', (_, value) => expect(outcome(value)).toBe('integrity'));

  it('any value at all: refused or read, and nothing else', () => {
    const node = fc.record({
      n: fc.anything(),
      t: fc.constantFrom('f', 'd', 'l', 1),
      m: fc.anything(),
      c: fc.anything(),
    });
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything(), node), (value) => {
        expect(['read', 'integrity']).toContain(outcome(value));
      }),
      { numRuns: 500 },
    );
  });
});

it('extents in order and apart are taken as they are', () => {
  const extents = [
    { offset: 0, length: 1 },
    { offset: 1, length: 0 },
    { offset: 5, length: 9 },
  ];
  expect(checkExtents(extents)).toEqual(extents);
});
