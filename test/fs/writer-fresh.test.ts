import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNeoError } from '../../src/core/errors.ts';
import type { ApplyProblem, EntryMetadata } from '../../src/fs/apply.ts';
import { O_PATH } from '../../src/fs/libc.ts';
import { type FreshFile, FreshFiles } from '../../src/fs/writer-fresh.ts';
import { isTemporaryName } from '../../src/fs/writer-name.ts';

const isRoot = process.getuid?.() === 0;
const hasAcls = process.platform === 'linux' && spawnSync('setfacl', ['--version']).error === undefined;
const me = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
const plain: EntryMetadata = { mode: 0o644, ...me, mtime: 1_700_000_000_123_456_789n, attributes: [] };
const bytes = (text: string): Buffer => Buffer.from(text);
const fileOf = (rest: Partial<FreshFile> = {}): FreshFile => ({
  name: bytes('f'),
  size: 5,
  overwrite: true,
  metadata: plain,
  ...rest,
});

let where: string;
let fd: number;
let problems: ApplyProblem[];
let notes: string[];
beforeEach(() => {
  where = fs.mkdtempSync(path.join(os.tmpdir(), 'neo-fresh-'));
  fd = fs.openSync(where, O_PATH | fs.constants.O_DIRECTORY);
  [problems, notes] = [[], []];
});
afterEach(() => {
  fs.closeSync(fd);
  fs.rmSync(where, { recursive: true, force: true });
});

function filesOf(replace = false, owners = true): FreshFiles {
  return new FreshFiles(fd, {
    owners,
    securityAttributes: false,
    sync: false,
    replace,
    onProblem: (problem) => problems.push(problem),
    onNote: (note) => notes.push(note),
  });
}

const fill = (file: number): void => void fs.writeSync(file, 'hello', 0);
const at = (name: string): string => path.join(where, name);

function codeOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    return isNeoError(error) ? error.code : String(error);
  }
  return 'none';
}

test('bytes, mode and times to the nanosecond; nothing else is left', () => {
  filesOf().make(fileOf({ metadata: { ...plain, atime: -1n } }), fill);
  const stats = fs.lstatSync(at('f'), { bigint: true });
  expect([stats.mode & 0o7777n, stats.mtimeNs, stats.atimeNs]).toEqual([0o644n, plain.mtime, -1n]);
  expect(fs.readFileSync(at('f'), 'utf8')).toBe('hello');
  expect([fs.readdirSync(where), problems]).toEqual([['f'], []]);
});

test.each([0o600, 0o644, 0o640, 0o4755, 0o2711, 0o1777, 0o444, 0])('mode %o, whatever the umask', (mode) => {
  for (const umask of [0, 0o022, 0o077]) {
    const old = process.umask(umask);
    filesOf().make(fileOf({ metadata: { ...plain, mode } }), fill);
    process.umask(old);
    expect(fs.lstatSync(at('f')).mode & 0o7777).toBe(mode);
  }
});

describe('while it is filled, nobody sees it who may not see it in the end', () => {
  const seen = (metadata: EntryMetadata, files = filesOf()): number => {
    let mode = -1;
    const old = process.umask(0);
    files.make(fileOf({ metadata }), (file) => {
      const [only = ''] = fs.readdirSync(where);
      expect(isTemporaryName(bytes(only))).toBe(true);
      mode = fs.fstatSync(file).mode & 0o7777;
      fill(file);
    });
    process.umask(old);
    fs.unlinkSync(at('f'));
    return mode;
  };

  test('rights of the group that others have not wait for the group', () => {
    expect(seen({ ...plain, mode: 0o640 })).toBe(0o600);
    expect(seen({ ...plain, mode: 0o604 })).toBe(0o600);
    expect(seen({ ...plain, mode: 0o4755 })).toBe(0o600);
    expect(seen({ ...plain, uid: me.uid + 1 })).toBe(0o600);
    expect(seen({ ...plain, attributes: [{ name: bytes('user.a'), value: bytes('b') }] })).toBe(0o600);
    expect(seen({ mode: 0o644, ...me, mtime: 1n })).toBe(0o600);
    expect(seen(plain)).toBe(0o644);
  });

  test.runIf(hasAcls)('a default ACL gives nobody a right, and is not handed down', () => {
    execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', where]);
    expect(seen(plain)).toBe(0o600);
    filesOf().make(fileOf(), fill);
    expect(execFileSync('getfacl', ['-cn', at('f')], { encoding: 'utf8' })).not.toContain('1234');
    expect(fs.lstatSync(at('f')).mode & 0o7777).toBe(0o644);
  });
});

test.runIf(isRoot)('another owner, and without owners no setuid for the wrong one', () => {
  filesOf().make(fileOf({ metadata: { ...plain, uid: 1234, gid: 99, mode: 0o6755 } }), fill);
  const given = fs.lstatSync(at('f'));
  expect([given.uid, given.gid, given.mode & 0o7777]).toEqual([1234, 99, 0o6755]);
  filesOf(false, false).make(fileOf({ metadata: { ...plain, uid: 1234, mode: 0o6755 } }), fill);
  const kept = fs.lstatSync(at('f'));
  expect([kept.uid, kept.mode & 0o7777]).toEqual([me.uid, 0o755]);
});

test('what is left out at the end is hole; what is past the size is refused, and nothing stays', () => {
  filesOf().make(fileOf({ size: 9000 }), fill);
  expect(fs.statSync(at('f')).size).toBe(9000);
  fs.unlinkSync(at('f'));
  expect(codeOf(() => filesOf().make(fileOf({ size: 4 }), fill))).toBe('integrity');
  for (const size of [-1, 1.5, Number.NaN, 2 ** 60]) {
    expect(codeOf(() => filesOf().make(fileOf({ size }), fill))).toBe('integrity');
  }
  for (const name of ['', '.', '..', 'a/b', 'a\0b', 'x'.repeat(256)]) {
    expect(codeOf(() => filesOf().make(fileOf({ name: bytes(name) }), fill))).toBe('integrity');
  }
  expect(fs.readdirSync(where)).toEqual([]);
});

test('what has the name already: a file is replaced or kept, a link never followed, a directory only if asked', () => {
  fs.writeFileSync(at('other'), 'other');
  fs.symlinkSync(at('other'), at('f'));
  expect(codeOf(() => filesOf().make(fileOf({ overwrite: false }), fill))).toBe('already-exists');
  filesOf().make(fileOf(), fill);
  expect([fs.readFileSync(at('other'), 'utf8'), fs.lstatSync(at('f')).isFile()]).toEqual(['other', true]);
  fs.mkdirSync(at('d/below'), { recursive: true });
  expect(codeOf(() => filesOf().make(fileOf({ name: bytes('d') }), fill))).toBe('already-exists');
  filesOf(true).make(fileOf({ name: bytes('d') }), fill);
  expect([fs.readFileSync(at('d'), 'utf8'), fs.readdirSync(where).sort()]).toEqual(['hello', ['d', 'f', 'other']]);
});
