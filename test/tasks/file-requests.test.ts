import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileStat } from '../../src/fs/stat.ts';
import { isAsSeen, packRequests, pathsOf, requestOf } from '../../src/tasks/backup/file-requests.ts';

const word = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const seen: fc.Arbitrary<FileStat> = fc.record({
  type: fc.constant('file'),
  atime: word,
  birthtime: word,
  blocks: fc.nat(),
  rdev: fc.constant({ major: 0, minor: 0 }),
  inode: word,
  device: word,
  mtime: word,
  ctime: word,
  size: fc.maxSafeNat(),
  mode: fc.nat(0o7777),
  uid: fc.nat(0xffff_ffff),
  gid: fc.nat(0xffff_ffff),
  links: fc.nat(),
});
/** Paths on disk are bytes: all but NUL, as latin1. */
const path = fc.uint8Array({ min: 1, max: 255, minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const files = fc.array(fc.record({ path, stat: seen }), { maxLength: 20 });

describe('file requests', () => {
  it('give back every path, inode and device', () => {
    fc.assert(
      fc.property(files, (given) => {
        const expected = given.map(({ path: name, stat }) => ({ path: name, inode: stat.inode, device: stat.device }));
        const packed = packRequests(given);
        expect(pathsOf(packed).map((name, i) => requestOf(packed, i, name))).toEqual(expected);
      }),
    );
  });

  it('know a file as it was seen, and no other', () => {
    const members = ['mtime', 'ctime', 'size', 'mode', 'uid', 'gid', 'links'] as const;
    fc.assert(
      fc.property(files, fc.constantFrom(...members), (given, member) => {
        const packed = packRequests(given);
        for (const [i, { stat }] of given.entries()) {
          expect(isAsSeen(packed, i, stat)).toBe(true);
          const value = stat[member];
          const other = { ...stat, [member]: typeof value === 'bigint' ? value ^ 1n : value ^ 1 };
          expect(isAsSeen(packed, i, other)).toBe(false);
        }
      }),
    );
  });
});
