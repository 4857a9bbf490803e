/** Metadata as other programs see it: getfattr, getfacl, rsync. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApplyProblem, EntryMetadata } from '../../src/fs/apply.ts';
import { RestoreTarget, type RestoreTargetOptions } from '../../src/fs/writer.ts';
import { readXattrs } from '../../src/fs/xattr.ts';
import { copyTree } from './writer-copy.ts';

const isRoot = process.getuid?.() === 0;
const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const name = (text: string): Buffer => Buffer.from(text);
const plain: EntryMetadata = { mode: 0o644, ...me, mtime: 1n, attributes: [] };

let base: string;
let where: string;
beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'neo-apply-'));
  where = path.join(base, 'target');
});
afterEach(() => {
  execFileSync('rm', ['-rf', base]);
});

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', cwd: base, maxBuffer: 1 << 26 });
}

/** One file `f`, made with this metadata. */
function restoreOne(metadata: EntryMetadata, options: RestoreTargetOptions = {}): ApplyProblem[] {
  const problems: ApplyProblem[] = [];
  const target = RestoreTarget.open(where, { onProblem: (problem) => problems.push(problem), ...options });
  const file = target.createFile(target.root, name('f'), 1);
  file.write(name('x'), 0);
  file.complete(metadata);
  target.close();
  return problems;
}

describe('times', () => {
  test.each([0n, 1n, -1n, 1_700_000_000_123_456_789n, 999_999_999n, -5_000_000_001n, 4_102_444_800_000_000_001n])(
    'mtime %d ns is exact on files, links and directories',
    (mtime) => {
      const target = RestoreTarget.open(where);
      const metadata = { ...plain, mtime, atime: mtime + 1n };
      const file = target.createFile(target.root, name('f'), 0);
      file.complete(metadata);
      target.place(target.root, name('l'), { type: 'symlink', target: name('f'), metadata });
      const directory = target.directory(target.root, name('d'));
      target.deferDirectory(target.root, { ...metadata, mode: 0o755 });
      target.deferDirectory(directory, { ...metadata, mode: 0o755 });
      target.finishDirectories();
      target.close();
      for (const entry of ['f', 'l', 'd', '.']) {
        const stats = fs.lstatSync(path.join(where, entry), { bigint: true });
        expect([entry, stats.mtimeNs, entry === 'd' || entry === '.' ? 0n : stats.atimeNs]).toEqual([
          entry,
          mtime,
          entry === 'd' || entry === '.' ? 0n : mtime + 1n,
        ]);
      }
    },
  );
});

describe('modes and owners', () => {
  test.runIf(isRoot)('setuid survives the change of owner', () => {
    restoreOne({ ...plain, mode: 0o6755, uid: 1234, gid: 4321 });
    const stats = fs.lstatSync(path.join(where, 'f'));
    expect([stats.mode & 0o7777, stats.uid, stats.gid]).toEqual([0o6755, 1234, 4321]);
  });

  test.runIf(isRoot)('setuid is dropped when owners are not restored', () => {
    restoreOne({ ...plain, mode: 0o6755, uid: 1234, gid: 4321 }, { owners: false });
    const stats = fs.lstatSync(path.join(where, 'f'));
    expect([stats.mode & 0o7777, stats.uid]).toEqual([0o755, 0]);
  });

  test.runIf(isRoot)('an owner that means "unchanged" to the system does not keep setuid', () => {
    const notes: string[] = [];
    restoreOne({ ...plain, mode: 0o4755, uid: 0xffffffff }, { onNote: (note) => notes.push(note) });
    expect(fs.lstatSync(path.join(where, 'f')).mode & 0o7777).toBe(0o755);
    expect(notes).toHaveLength(1);
  });

  test('nobody else can read a file before it is complete', () => {
    const old = process.umask(0);
    try {
      const target = RestoreTarget.open(where);
      const directory = target.directory(target.root, name('d'));
      const file = target.createFile(directory, name('f'), 1);
      const [stored] = fs.readdirSync(path.join(where, 'd'));
      expect(fs.lstatSync(path.join(where, 'd')).mode & 0o7777).toBe(0o700);
      expect(fs.lstatSync(path.join(where, 'd', stored ?? '')).mode & 0o7777).toBe(0o600);
      file.abandon();
      expect(fs.readdirSync(path.join(where, 'd'))).toEqual([]);
      target.close();
    } finally {
      process.umask(old);
    }
  });

  test('a directory that gets no metadata keeps its mode', () => {
    fs.mkdirSync(path.join(where, 'd'), { recursive: true });
    fs.chmodSync(path.join(where, 'd'), 0o511);
    const target = RestoreTarget.open(where);
    target.createFile(target.directory(target.root, name('d')), name('f'), 0).complete(plain);
    target.close();
    expect(fs.lstatSync(path.join(where, 'd')).mode & 0o7777).toBe(0o511);
  });
});

describe.runIf(isRoot)('as an ordinary user', () => {
  test('owners are a single note, setuid is dropped, read-only directories are filled', () => {
    fs.chmodSync(base, 0o755);
    fs.mkdirSync(where);
    fs.chownSync(where, 65534, 65534);
    const child = fileURLToPath(new URL('apply-child.ts', import.meta.url));
    const result = spawnSync(process.execPath, [child, where], { uid: 65534, gid: 65534, encoding: 'utf8', cwd: '/' });
    expect(result.stderr).toBe('');
    const said = JSON.parse(result.stdout);
    expect(said.inPlace).toBe(false);
    expect(said.notes).toHaveLength(1);
    expect(said.notes[0]).toContain('EPERM');
    expect(said.problems).toEqual(['attribute trusted.notmine EPERM']);
    expect(said.device).toContain('EPERM');
    const look = (entry: string): readonly number[] => {
      const stats = fs.lstatSync(path.join(where, entry));
      return [stats.mode & 0o7777, stats.uid];
    };
    expect(look('closed/foreign')).toEqual([0o755, 65534]);
    expect(look('closed/own')).toEqual([0o6755, 65534]);
    expect(look('closed/old')).toEqual([0o400, 65534]);
    expect(look('closed/locked')).toEqual([0, 65534]);
    expect(look('closed')).toEqual([0o500, 65534]);
    expect(fs.readFileSync(path.join(where, 'closed/old'), 'utf8')).toBe('new');
    expect(fs.readdirSync(path.join(where, 'closed')).sort()).toEqual(['foreign', 'link', 'locked', 'old', 'own']);
    expect(run('getfattr', '-n', 'user.mine', '--only-values', 'target/closed/foreign')).toBe('1');
  });
});

describe('attributes and ACLs', () => {
  test('ACLs are those of the source, also where the target directory has a default ACL', () => {
    const source = path.join(base, 'source');
    fs.writeFileSync(source, 'x', { mode: 0o640 });
    run('setfacl', '-m', 'u:1234:rw,g:99:r,m::rw', 'source');
    fs.mkdirSync(where);
    run('setfacl', '-d', '-m', 'u:77:rwx', 'target');
    const mode = fs.lstatSync(source).mode;
    restoreOne({ ...plain, mode, attributes: readXattrs(name(source)).attributes });
    const acl = run('getfacl', '-n', '--omit-header', 'target/f');
    expect(acl).toBe(run('getfacl', '-n', '--omit-header', 'source'));
    expect(acl).toContain('user:1234:rw-');
    expect(acl).not.toContain('77');
  });

  test('attributes that are not wanted go, security.* stays untouched, refusals name the attribute', () => {
    const source = path.join(base, 'target/f');
    fs.mkdirSync(where);
    fs.writeFileSync(source, 'x');
    run('setfattr', '-n', 'user.extra', '-v', '1', source);
    run('setfacl', '-m', 'u:5:rw', source);
    if (isRoot) run('setfattr', '-n', 'security.kept', '-v', 'k', source);
    const problems: string[] = [];
    const target = RestoreTarget.open(where, {
      onProblem: ({ attribute, message }) => problems.push(`${Buffer.from(attribute ?? [])} ${message}`),
    });
    const attributes = [
      { name: name('user.empty'), value: Buffer.alloc(0) },
      { name: Buffer.from('user.b\xff', 'latin1'), value: Buffer.from([0, 255, 10]) },
      { name: name('security.evil'), value: name('no') },
      { name: name('system.nonsense'), value: name('no') },
      { name: name('user.nul\0x'), value: name('no') },
      { name: name(''), value: name('no') },
    ];
    target.apply(target.root, name('f'), { ...plain, attributes });
    target.close();
    const left = readXattrs(name(source)).attributes.map((one) => Buffer.from(one.name).toString('latin1'));
    expect(left).toEqual([...(isRoot ? ['security.kept'] : []), 'user.b\xff', 'user.empty']);
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['system.nonsense', 'user.nul\0x', '']);
  });

  test.runIf(isRoot)('security.* comes when asked for, after the change of owner', () => {
    // cap_net_raw=ep, as setcap writes it (VFS_CAP_REVISION_2).
    const value = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const attributes = [{ name: name('security.capability'), value }];
    expect(restoreOne({ ...plain, uid: 5, gid: 5, attributes }, { securityAttributes: true })).toEqual([]);
    expect(run('getfattr', '-n', 'security.capability', '-e', 'hex', 'target/f')).toContain(value.toString('hex'));
  });
});

describe.each([{ withoutProc: false }, { withoutProc: true }])('whole trees %o', (options) => {
  test('rsync finds no difference', () => {
    const source = path.join(base, 'source');
    makeTree(source);
    const elsewhere = fs.lstatSync(path.join(base, 'elsewhere'), { bigint: true });
    copyTree(source, where, { ...options, devices: true, openFiles: 8 });
    expect(fs.lstatSync(path.join(base, 'elsewhere'), { bigint: true }).ctimeNs).toBe(elsewhere.ctimeNs);
    expect(run('rsync', '-aHAXn', '--checksum', '--itemize-changes', '--delete', 'source/', 'target/')).toBe('');
    const stats = fs.lstatSync(path.join(where, 'sparse'));
    expect(stats.size).toBe(64 * 1024 * 1024);
    expect(stats.blocks * 512).toBeLessThan(1 << 20);
    expect(run('getfacl', '-nR', 'source').replaceAll('source', '')).toBe(
      run('getfacl', '-nR', 'target').replaceAll('target', ''),
    );
    // Again over what is there, changed meanwhile: the same result.
    fs.chmodSync(path.join(where, 'ro'), 0o777);
    fs.rmSync(path.join(where, 'link'));
    fs.mkdirSync(path.join(where, 'link/full'), { recursive: true });
    fs.appendFileSync(path.join(where, 'ro/file'), 'more');
    run('setfattr', '-n', 'user.extra', '-v', '1', 'target/ro');
    copyTree(source, where, { ...options, devices: true, replace: true });
    expect(run('rsync', '-aHAXn', '--checksum', '--itemize-changes', '--delete', 'source/', 'target/')).toBe('');
  });
});

/** One of each kind. */
function makeTree(source: string): void {
  fs.mkdirSync(path.join(source, 'ro/deep/empty'), { recursive: true });
  const at = (text: string): string => path.join(source, text);
  fs.writeFileSync(at('ro/file'), 'content');
  fs.writeFileSync(at('empty'), '');
  fs.writeFileSync(Buffer.concat([name(`${source}/caf`), Buffer.from([0xe9, 0x0a])]), 'latin1');
  fs.writeFileSync(at('x'.repeat(255)), 'long');
  fs.linkSync(at('ro/file'), at('hard'));
  fs.symlinkSync('../nowhere', at('link'));
  fs.linkSync(at('link'), at('hardlink-to-link'));
  // Absolute, and to a directory: a mistake would show there, and only there.
  fs.mkdirSync(path.join(base, 'elsewhere'));
  fs.symlinkSync(path.join(base, 'elsewhere'), at('absolute'));
  fs.mkdirSync(at('shared'));
  run('mkfifo', at('fifo'));
  // truncate and one byte far in: holes around.
  const fd = fs.openSync(at('sparse'), 'w');
  fs.ftruncateSync(fd, 64 * 1024 * 1024);
  fs.writeSync(fd, 'data', 5 * 1024 * 1024);
  fs.closeSync(fd);
  run('setfattr', '-n', 'user.comment', '-v', 'hello', at('empty'));
  run('setfattr', '-n', 'user.dir', '-v', '', at('shared'));
  run('setfacl', '-m', 'u:1234:rwx,d:g:55:rx', at('shared'));
  fs.writeFileSync(at('shared/inherits'), 'x');
  if (isRoot) {
    run('mknod', at('null'), 'c', '1', '3');
    run('mknod', at('loop'), 'b', '7', '300');
    run('setfattr', '-n', 'trusted.t', '-v', '0x00ff', at('empty'));
    run('setfattr', '-h', '-n', 'trusted.l', '-v', 'x', at('absolute'));
    fs.lchownSync(at('absolute'), 7, 8);
    fs.chownSync(at('ro/deep'), 4_000_000, 3_000_000);
    fs.chownSync(at('empty'), 1, 2);
    fs.chmodSync(at('empty'), 0o4751);
  }
  fs.chmodSync(at('shared'), 0o3771);
  fs.chmodSync(at('ro/file'), 0o444);
  fs.lutimesSync(at('link'), 12, 34.5);
  run('touch', '-d', '1999-12-31T23:59:59.999999999Z', at('ro/file'));
  run('touch', '-d', '1960-01-01T00:00:00.000000001Z', at('ro/deep/empty'));
  fs.chmodSync(at('ro/deep'), 0o555);
  fs.chmodSync(at('ro'), 0o555);
}
