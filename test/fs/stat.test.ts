import { execFileSync } from 'node:child_process';
import { constants, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, makeDevice, throwErrno, UTIME_OMIT } from '../../src/fs/libc.ts';
import { changeBetween, type FileStat, lstatPath, mayChangeUnseen, readLink, splitDevice } from '../../src/fs/stat.ts';
import { isLinux, isRoot, libcOrThrow, Scratch } from './scratch.ts';

function statOf(path: Uint8Array): FileStat {
  const stat = lstatPath(path);
  if (stat === undefined) throw new Error('nothing there');
  return stat;
}

test('a file: type, mode, owner, links, size and times as stat(1) has them', () => {
  using scratch = new Scratch();
  const path = scratch.at('file');
  writeFileSync(path, 'seven b', { mode: 0o600 });
  execFileSync('chmod', ['4751', path.toString()]);
  linkSync(path, scratch.at('link'));
  const stat = statOf(path);
  const says = execFileSync('stat', ['-c', '%a %u %g %s %h %i %d %b', path.toString()]).toString().trim();
  const { mode, uid, gid, size, links, inode, device, blocks } = stat;
  expect(`${mode.toString(8)} ${uid} ${gid} ${size} ${links} ${inode} ${device} ${blocks}`).toBe(says);
  expect(stat.type).toBe('file');
  expect(stat.mtime).toBe(statSync(path, { bigint: true }).mtimeNs);
});

test.runIf(isLinux && isRoot)('each type of node', async () => {
  using scratch = new Scratch();
  const libc = libcOrThrow();
  mkdirSync(scratch.at('d'));
  symlinkSync('target', scratch.at('l'));
  throwErrno(libc.mkfifoat(AT_FDCWD, scratch.at('p'), 0o644), 'mkfifo');
  throwErrno(libc.mknodat(AT_FDCWD, scratch.at('c'), constants.S_IFCHR | 0o600, makeDevice(1, 3)), 'mknod');
  throwErrno(libc.mknodat(AT_FDCWD, scratch.at('b'), constants.S_IFBLK | 0o600, makeDevice(259, 70_000)), 'mknod');
  const server = createServer();
  await new Promise<void>((done) => server.listen(scratch.at('s').toString(), done));
  const types = ['d', 'l', 'p', 'c', 'b', 's'].map((name) => statOf(scratch.at(name)).type);
  server.close();
  expect(types).toEqual(['directory', 'symlink', 'fifo', 'chardev', 'blockdev', 'socket']);
  expect(statOf(scratch.at('c')).rdev).toEqual({ major: 1, minor: 3 });
  expect(statOf(scratch.at('b')).rdev).toEqual({ major: 259, minor: 70_000 });
  expect(statOf(scratch.at('d')).rdev).toEqual({ major: 0, minor: 0 });
});

test('device numbers are made and split alike', () => {
  const half = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(half, half, (major, minor) => {
      expect(splitDevice(makeDevice(major, minor))).toEqual({ major, minor });
    }),
  );
});

test('a symlink keeps the bytes of its target', () => {
  using scratch = new Scratch();
  const target = Buffer.from([0x2e, 0x2f, 0xff, 0xfe, 0x0a]);
  symlinkSync(target, scratch.at('l'));
  expect(readLink(scratch.at('l'))).toEqual(target);
  expect(statOf(scratch.at('l')).size).toBe(target.length);
});

test('nothing there is no error', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), '');
  expect(lstatPath(scratch.at('none'))).toBeUndefined();
  expect(lstatPath(scratch.at('f', 'below'))).toBeUndefined();
});

test.runIf(isLinux)('times are exact to the nanosecond, before 1970 too, also of a symlink', () => {
  using scratch = new Scratch();
  const libc = libcOrThrow();
  symlinkSync('nowhere', scratch.at('l'));
  for (const time of [1_700_000_000_123_456_789n, 1n, 0n, -1n, -1_500_000_001n]) {
    throwErrno(libc.utimensat(AT_FDCWD, scratch.at('l'), UTIME_OMIT, time, AT_SYMLINK_NOFOLLOW), 'utimensat');
    expect(statOf(scratch.at('l')).mtime).toBe(time);
  }
});

test('changes are told apart, and what was written just now is not trusted', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), 'one');
  const before = statOf(scratch.at('f'));
  expect(changeBetween(before, before)).toBe('none');
  expect(changeBetween(before, { ...before, ctime: before.ctime + 1n })).toBe('ctime');
  expect(changeBetween(before, { ...before, mtime: before.mtime + 1n })).toBe('content');
  expect(changeBetween(before, { ...before, inode: before.inode + 1n })).toBe('content');
  expect(mayChangeUnseen(before, before.mtime + 1_000_000n)).toBe(true);
  expect(mayChangeUnseen(before, before.ctime + 10_000_000_000n)).toBe(false);
  expect(mayChangeUnseen({ ...before, ctime: before.mtime + 20_000_000_000n }, before.mtime + 20_000_000_001n)).toBe(
    true,
  );
});
