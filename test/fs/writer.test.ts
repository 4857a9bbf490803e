import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNeoError } from '../../src/core/errors.ts';
import type { EntryMetadata } from '../../src/fs/apply.ts';
import { loadLibc } from '../../src/fs/libc.ts';
import { RestoreTarget, type RestoreTargetOptions } from '../../src/fs/writer.ts';
import { DescriptorPool } from '../../src/fs/writer-descriptors.ts';
import { writeAt } from '../../src/fs/writer-file.ts';
import { isTemporaryName } from '../../src/fs/writer-name.ts';
import { readXattrs } from '../../src/fs/xattr.ts';

const name = (text: string): Buffer => Buffer.from(text);
const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const plain = (mode = 0o644, mtime = 1_700_000_000_123_456_789n): EntryMetadata => ({
  mode,
  ...me,
  mtime,
  attributes: [],
});

let base: string;
let where: string;
beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'neo-writer-'));
  where = path.join(base, 'target');
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

describe.each([{ withoutProc: false }, { withoutProc: true }])('restore target %o', (mode) => {
  test('files come under their name only when complete, with mode and exact time', () => {
    const target = RestoreTarget.open(where, mode);
    const sub = target.directory(target.root, name('sub'));
    const file = target.createFile(sub, name('a'), 6);
    file.write(name('def'), 3);
    expect(fs.existsSync(path.join(where, 'sub/a'))).toBe(false);
    file.write(name('abc'), 0);
    file.complete(plain(0o4640));
    target.deferDirectory(sub, plain(0o555, 5n));
    target.finishDirectories();
    target.close();
    expect(fs.readFileSync(path.join(where, 'sub/a'), 'utf8')).toBe('abcdef');
    const stats = fs.lstatSync(path.join(where, 'sub/a'), { bigint: true });
    expect(stats.mtimeNs).toBe(1_700_000_000_123_456_789n);
    expect(stats.mode & 0o7777n).toBe(0o4640n);
    const dir = fs.lstatSync(path.join(where, 'sub'), { bigint: true });
    expect([dir.mode & 0o7777n, dir.mtimeNs]).toEqual([0o555n, 5n]);
    expect(fs.readdirSync(path.join(where, 'sub'))).toEqual(['a']);
  });

  test('what was there stays until the new file is complete, and after a failure', () => {
    fs.mkdirSync(where);
    fs.writeFileSync(path.join(where, 'a'), 'old');
    const target = RestoreTarget.open(where, mode);
    const abandoned = target.createFile(target.root, name('a'), 3);
    abandoned.write(name('new'), 0);
    expect(fs.readFileSync(path.join(where, 'a'), 'utf8')).toBe('old');
    abandoned.abandon();
    expect(target.list(target.root).map(String)).toEqual(['a']);
    target.root.release();
    const kept = target.createFile(target.root, name('a'), 3, { overwrite: false });
    expect(code(() => kept.complete(plain()))).toBe('already-exists');
    expect(target.list(target.root).map(String)).toEqual(['a']);
    expect(fs.readFileSync(path.join(where, 'a'), 'utf8')).toBe('old');
    const link = { type: 'symlink', target: name('x'), metadata: plain() } as const;
    target.root.release();
    expect(code(() => target.place(target.root, name('a'), link, { overwrite: false }))).toBe('already-exists');
    target.place(target.root, name('b'), link, { overwrite: false });
    target.close();
    expect(fs.readdirSync(where).sort()).toEqual(['a', 'b']);
  });

  test('entries of another kind are replaced only when asked', () => {
    fs.mkdirSync(path.join(where, 'full/deep'), { recursive: true });
    fs.writeFileSync(path.join(where, 'full/deep/x'), 'x');
    fs.writeFileSync(path.join(where, 'file'), 'x');
    const careful = RestoreTarget.open(where, mode);
    const file = careful.createFile(careful.root, name('full'), 0);
    expect(code(() => file.complete(plain()))).toBe('already-exists');
    expect(code(() => careful.directory(careful.root, name('file')))).toBe('already-exists');
    careful.close();
    const bold = RestoreTarget.open(where, { ...mode, replace: true });
    bold.createFile(bold.root, name('full'), 0).complete(plain());
    bold.directory(bold.root, name('file'));
    bold.close();
    expect(fs.lstatSync(path.join(where, 'full')).isFile()).toBe(true);
    expect(fs.lstatSync(path.join(where, 'file')).isDirectory()).toBe(true);
    expect(fs.readdirSync(where).sort()).toEqual(['file', 'full']);
  });

  test('an update in place keeps the bytes that are not written, and the inode', () => {
    fs.mkdirSync(where);
    fs.writeFileSync(path.join(where, 'a'), Buffer.alloc(1 << 20, 'o'), { mode: 0o666 });
    const before = fs.lstatSync(path.join(where, 'a'));
    const target = RestoreTarget.open(where, mode);
    const file = target.updateFile(target.root, name('a'), (1 << 20) - 1);
    expect(fs.lstatSync(path.join(where, 'a')).mode & 0o7777).toBe(0o600);
    file?.write(name('new'), 5);
    file?.punch(65_536, 131_072);
    file?.complete(plain(0o640));
    target.close();
    const expected = Buffer.alloc((1 << 20) - 1, 'o').fill(0, 65_536, 65_536 + 131_072);
    expected.write('new', 5);
    expect(fs.readFileSync(path.join(where, 'a')).equals(expected)).toBe(true);
    const after = fs.lstatSync(path.join(where, 'a'));
    expect([after.ino, after.mode & 0o7777]).toEqual([before.ino, 0o640]);
    expect(after.blocks).toBeLessThan(before.blocks);
  });

  test('hundreds of files at once, written in any order, with few descriptors', () => {
    const target = RestoreTarget.open(where, { ...mode, openFiles: 10, sync: 'file' });
    const before = openDescriptors();
    const files = Array.from({ length: 60 }, (_, index) => {
      const directory = target.directory(target.root, name(`d${index}`));
      return target.createFile(directory, name('f'), 2);
    });
    for (const file of files) file.write(name('b'), 1);
    for (const file of files.toReversed()) file.write(name('a'), 0);
    expect(openDescriptors() - before).toBeLessThanOrEqual(10);
    for (const file of files) file.complete(plain());
    target.close();
    expect(openDescriptors()).toBe(before);
    for (let index = 0; index < 60; index++) {
      expect(fs.readFileSync(path.join(where, `d${index}/f`), 'utf8')).toBe('ab');
    }
  });
});

test('a 100 GiB file with data strewn in it takes little room', () => {
  const target = RestoreTarget.open(where);
  const size = 100 * 2 ** 30;
  const file = target.createFile(target.root, name('big'), size);
  for (const offset of [size - 3, 0, 2 ** 33 + 5]) file.write(name('abc'), offset);
  file.complete(plain());
  target.close();
  const stats = fs.lstatSync(path.join(where, 'big'));
  expect([stats.size, stats.blocks <= 64]).toEqual([size, true]);
});

describe('a directory that is there already', () => {
  const metadata = plain(0o755, 1_700_000_000_123_456_789n);

  function finish(wanted: EntryMetadata, options: RestoreTargetOptions = {}): fs.BigIntStats {
    const target = RestoreTarget.open(where, options);
    target.deferDirectory(target.directory(target.root, name('sub')), wanted);
    target.finishDirectories();
    target.close();
    return fs.statSync(path.join(where, 'sub'), { bigint: true });
  }

  test('is left alone when it has all of its metadata', () => {
    const { ctimeNs } = finish(metadata);
    expect(finish(metadata).ctimeNs).toBe(ctimeNs);
    expect(finish({ ...metadata, uid: 4711 }, { owners: false }).ctimeNs).toBe(ctimeNs);
  });

  test('gets whatever differs', () => {
    finish(metadata);
    expect(finish({ ...metadata, mode: 0o750 }).mode & 0o7777n).toBe(0o750n);
    expect(finish({ ...metadata, mtime: metadata.mtime + 1n }).mtimeNs).toBe(metadata.mtime + 1n);
    expect(finish({ ...metadata, atime: 5n }).atimeNs).toBe(5n);
    fs.writeFileSync(path.join(where, 'sub', 'more'), '');
    expect(finish(metadata).mtimeNs).toBe(metadata.mtime);
    fs.chmodSync(path.join(where, 'sub'), 0o2755);
    expect(finish(metadata).mode & 0o7777n).toBe(0o755n);
    const sub = name(path.join(where, 'sub'));
    const set = loadLibc()?.setxattr(sub, name('user.more'), name('x'));
    if (set === 0) {
      finish(metadata);
      expect(readXattrs(sub).attributes.map((attribute) => String(attribute.name))).not.toContain('user.more');
    }
    if (process.geteuid?.() === 0) expect(finish({ ...metadata, gid: 4711 }).gid).toBe(4711n);
  });
});

test('paths beyond 4,096 bytes, with names that are not UTF-8', () => {
  const target = RestoreTarget.open(where, { openFiles: 8 });
  const part = Buffer.concat([Buffer.alloc(250, 'x'), Buffer.from([0xff, 0x0a, 0xc3])]);
  const chain = [target.root];
  for (let depth = 0; depth < 40; depth++) chain.push(target.directory(chain.at(-1) ?? target.root, part));
  const deepest = chain.at(-1) ?? target.root;
  expect(deepest.path.length).toBe(40 * 254 - 1);
  const file = target.createFile(deepest, part, 1);
  for (const directory of chain.slice(1)) target.deferDirectory(directory, plain(0o700, 77n));
  target.place(chain[1] ?? target.root, name('h'), { type: 'fifo', metadata: plain() });
  file.write(name('x'), 0);
  file.complete(plain(0o600, 99n));
  target.place(target.root, name('top'), { type: 'hardlink', to: deepest, toName: part });
  target.finishDirectories();
  expect(target.stat(deepest, part)?.mtimeNs).toBe(99n);
  expect(target.stat(chain[39] ?? target.root, part)?.mtimeNs).toBe(77n);
  expect(fs.readFileSync(path.join(where, 'top'), 'utf8')).toBe('x');
  target.remove(target.root, part);
  target.close();
  expect(fs.readdirSync(where)).toEqual(['top']);
});

test('other threads write through a descriptor that was acquired', async () => {
  const target = RestoreTarget.open(where, { openFiles: 8 });
  const file = target.createFile(target.root, name('shared'), 1 << 20);
  const fd = file.acquire();
  const others = Array.from({ length: 20 }, (_, index) => target.createFile(target.root, name(`o${index}`), 0));
  const code = `const { workerData: w } = require('node:worker_threads');
    require('node:fs').writeSync(w.fd, Buffer.alloc(w.length, w.fill), 0, w.length, w.offset);`;
  const half = 1 << 19;
  const jobs = [
    { fd, fill: 'b', offset: half, length: half },
    { fd, fill: 'a', offset: 0, length: half },
  ];
  const done = jobs.map((workerData) => once(new Worker(code, { eval: true, workerData }), 'exit'));
  expect((await Promise.all(done)).flat()).toEqual([0, 0]);
  file.release();
  for (const one of [file, ...others]) one.complete(plain());
  target.close();
  const expected = Buffer.concat([Buffer.alloc(half, 'a'), Buffer.alloc(half, 'b')]);
  expect(fs.readFileSync(path.join(where, 'shared')).equals(expected)).toBe(true);
});

test('without /proc it says what is weaker', () => {
  const notes: string[] = [];
  RestoreTarget.open(where, { withoutProc: true, onNote: (note) => notes.push(note) }).close();
  RestoreTarget.open(where, { onNote: (note) => notes.push(note) }).close();
  expect(notes).toHaveLength(1);
});

test('no space is said as such, with the path', () => {
  const fd = fs.openSync('/dev/full', 'w');
  try {
    expect(code(() => writeAt(fd, name('x'), 0, name('dir/file')))).toBe('no-space');
    expect(() => writeAt(fd, name('x'), 0, name('dir/file'))).toThrow('dir/file');
  } finally {
    fs.closeSync(fd);
  }
});

test('leftovers of an interrupted restore are recognised', () => {
  const target = RestoreTarget.open(where);
  target.createFile(target.root, name('a'), 0);
  expect(target.list(target.root).map(isTemporaryName)).toEqual([true]);
  expect([name('.neo-restore-'), name('a'), name('x.neo-restore-0011223344556677')].map(isTemporaryName)).toEqual([
    false,
    false,
    false,
  ]);
  target.close();
});

test('a file in use stays open whatever else is opened', () => {
  const pool = new DescriptorPool(8);
  const owner = { parent: undefined, open: () => fs.openSync('/dev/null', 'r') };
  const fd = pool.acquire(owner);
  for (let index = 0; index < 30; index++) pool.use({ ...owner }, (other) => expect(other).not.toBe(fd));
  expect(pool.size).toBe(8);
  pool.release(owner);
  for (let index = 0; index < 30; index++) pool.use({ ...owner }, () => undefined);
  expect(() => fs.fstatSync(pool.acquire(owner))).not.toThrow();
  pool.closeAll();
});

function code(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isNeoError(error)) return error.code;
    throw error;
  }
  return 'no error';
}

function openDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}
