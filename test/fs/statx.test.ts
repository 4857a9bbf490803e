/** One statx says what Node's lstat says. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, throwErrno, UTIME_OMIT } from '../../src/fs/libc.ts';
import { pathOf } from '../../src/fs/path.ts';
import { type FileStat, lstatPath } from '../../src/fs/stat.ts';
import { putStat, ROW_WORDS } from '../../src/fs/stat-row.ts';
import { lookAt, StatxStat } from '../../src/fs/statx.ts';
import { isLinux, libcOrThrow, Scratch } from './scratch.ts';

function plain(stat: FileStat | undefined): object | undefined {
  if (stat === undefined) return undefined;
  const { type, mode, uid, gid, size, mtime, ctime, atime, birthtime, inode, device, links, rdev, blocks } = stat;
  return { type, mode, uid, gid, size, mtime, ctime, atime, birthtime, inode, device, links, rdev, blocks };
}

function rowOf(stat: FileStat): number[] {
  const row = new Uint32Array(ROW_WORDS);
  putStat(row, 0, stat);
  return [...row];
}

function expectAlike(path: Uint8Array): void {
  const [quick, slow] = [lookAt(path), lstatPath(path)];
  expect(plain(quick)).toEqual(plain(slow));
  if (quick === undefined || slow === undefined) return;
  if (isLinux) expect(quick).toBeInstanceOf(StatxStat);
  expect(rowOf(quick)).toEqual(rowOf(slow));
}

test('all types of file, and names of all kinds', () => {
  using scratch = new Scratch();
  mkdirSync(scratch.at('directory'));
  symlinkSync('nowhere', scratch.at('symlink'));
  writeFileSync(scratch.at('file'), 'some bytes');
  linkSync(scratch.at('file'), scratch.at('second name'));
  writeFileSync(scratch.at('sparse'), '');
  truncateSync(scratch.at('sparse'), 5 * 2 ** 40);
  execFileSync('mkfifo', [scratch.at('fifo').toString()]);
  writeFileSync(scratch.at(Buffer.from([0xff, 0x0a, 0x27])), '');
  for (const name of readdirSync(scratch.path, { encoding: 'buffer' })) expectAlike(scratch.at(name));
  for (const path of ['/', '/dev/null', '/dev', '/usr/bin/env', '/tmp']) expectAlike(pathOf(path));
});

test('nothing there, and what is no directory on the way', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), '');
  expect(lookAt(scratch.at('none'))).toBeUndefined();
  expect(lookAt(scratch.at('f', 'below'))).toBeUndefined();
});

test('a path with a NUL in it is never taken for a shorter one', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), '');
  expect(() => lookAt(scratch.at('f', Buffer.from([0]), 'g'))).toThrow();
  expect(() => lookAt(Buffer.concat([scratch.at('f'), Buffer.from([0, 0x67])]))).toThrow();
});

test('a name too long is an error of the system, in words of its own', () => {
  const path = pathOf(`/${'n'.repeat(300)}`);
  expect(() => lookAt(path)).toThrow('ENAMETOOLONG');
  expect(() => lookAt(pathOf(`/${'d/'.repeat(3000)}`))).toThrow('ENAMETOOLONG');
});

test.runIf(isLinux)('times to the nanosecond, before 1970 and after 2038', () => {
  using scratch = new Scratch();
  const libc = libcOrThrow();
  const path = scratch.at('l');
  symlinkSync('nowhere', path);
  const times = fc.bigInt({ min: -(2n ** 31n) * 1_000_000_000n, max: 2n ** 33n * 1_000_000_000n });
  fc.assert(
    fc.property(times, (time) => {
      throwErrno(libc.utimensat(AT_FDCWD, path, UTIME_OMIT, time, AT_SYMLINK_NOFOLLOW), 'utimensat');
      expectAlike(path);
    }),
    { numRuns: 200, examples: [[-1n], [0n], [-1_500_000_001n]] },
  );
});
