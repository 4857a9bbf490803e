import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { throwErrno } from '../../src/fs/libc.ts';
import { joinPath, pathOf } from '../../src/fs/path.ts';
import { reachPath } from '../../src/fs/reach.ts';
import { hiddenNamespaces, readXattrs, readXattrsOf, type Xattrs } from '../../src/fs/xattr.ts';
import { hasProgram, isLinux, isRoot, libcOrThrow, makeDeep, Scratch } from './scratch.ts';

function set(path: Uint8Array, name: string, value: Uint8Array): void {
  throwErrno(libcOrThrow().lsetxattr(path, pathOf(name), value), 'lsetxattr', path);
}

/** The attributes that the test has set: others may come from the machine (security.selinux). */
function own(xattrs: Xattrs): [string, string][] {
  return xattrs.attributes
    .map(({ name, value }): [string, string] => [Buffer.from(name).toString(), Buffer.from(value).toString('hex')])
    .filter(([name]) => name !== 'security.selinux');
}

const suite = test.runIf(isLinux);

suite('none, one, and many, sorted', () => {
  using scratch = new Scratch();
  const path = scratch.at('f');
  writeFileSync(path, '');
  expect(own(readXattrs(path))).toEqual([]);
  set(path, 'user.b', Buffer.from([0, 255]));
  set(path, 'user.a', Buffer.alloc(0));
  const expected = [
    ['user.a', ''],
    ['user.b', '00ff'],
  ];
  expect(own(readXattrs(path))).toEqual(expected);
  const fd = openSync(path, 'r');
  expect(own(readXattrsOf(fd))).toEqual(expected);
  closeSync(fd);
});

suite('values of any bytes and sizes come back', () => {
  using scratch = Scratch.inMemory();
  writeFileSync(scratch.at('f'), '');
  const key = fc.stringMatching(/^[a-z]{1,20}$/);
  fc.assert(
    fc.property(fc.dictionary(key, fc.uint8Array({ maxLength: 600 }), { maxKeys: 6 }), (wanted) => {
      const path = scratch.at(`f${Math.random()}`);
      writeFileSync(path, '');
      for (const [name, value] of Object.entries(wanted)) set(path, `user.${name}`, value);
      const sorted = Object.entries(wanted).sort(([a], [b]) => (a < b ? -1 : 1));
      expect(own(readXattrs(path))).toEqual(
        sorted.map(([name, value]) => [`user.${name}`, Buffer.from(value).toString('hex')]),
      );
    }),
    { numRuns: 30 },
  );
});

suite('the largest value that Linux takes', ({ skip }) => {
  using scratch = Scratch.inMemory();
  writeFileSync(scratch.at('f'), '');
  const value = Buffer.alloc(65_536, 3);
  if (libcOrThrow().lsetxattr(scratch.at('f'), pathOf('user.large'), value) < 0) {
    return skip('this file system takes no value of 64 KiB');
  }
  expect(own(readXattrs(scratch.at('f')))).toEqual([['user.large', value.toString('hex')]]);
});

suite('names of files that are no UTF-8, and paths beyond 4,096 bytes', () => {
  using scratch = new Scratch();
  const name = Buffer.alloc(200, 0xfe);
  const deep = makeDeep(scratch.path, name, 30, (bottom) => {
    const path = joinPath(bottom, Buffer.from([0xff]));
    writeFileSync(path, '');
    set(path, 'user.deep', pathOf('v'));
  });
  using reached = reachPath(joinPath(deep, Buffer.from([0xff])));
  expect(own(readXattrs(reached.path))).toEqual([['user.deep', '76']]);
});

test.runIf(isLinux && isRoot)("a symlink's own attributes, not its target's", () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), '');
  set(scratch.at('f'), 'user.target', pathOf('t'));
  symlinkSync('f', scratch.at('l'));
  set(scratch.at('l'), 'trusted.link', pathOf('l'));
  expect(own(readXattrs(scratch.at('l')))).toEqual([['trusted.link', '6c']]);
});

test.runIf(isLinux && hasProgram('setfacl'))('ACLs are among them', () => {
  using scratch = new Scratch();
  mkdirSync(scratch.at('d'));
  execFileSync('setfacl', ['-m', 'u:1234:rwx', '-d', '-m', 'g:99:r', scratch.at('d').toString()]);
  const names = readXattrs(scratch.at('d')).attributes.map(({ name }) => Buffer.from(name).toString());
  expect(names).toContain('system.posix_acl_default');
  execFileSync('setfacl', ['-m', 'u:1234:rwx', scratch.at('d').toString()]);
  const acl = readXattrs(scratch.at('d')).attributes.find(
    ({ name }) => Buffer.from(name).toString() === 'system.posix_acl_access',
  );
  // Version 2, then entries of tag, permissions, id (linux/posix_acl_xattr.h); user 1234 is among them.
  expect(Buffer.from(acl?.value ?? []).readUInt32LE(0)).toBe(2);
  expect(Buffer.from(acl?.value ?? []).includes(Buffer.from([2, 0, 7, 0, 0xd2, 4, 0, 0]))).toBe(true);
});

test.runIf(isLinux && isRoot)('what may not be read is a problem with a name, not silence', () => {
  using scratch = new Scratch();
  chmodSync(scratch.path, 0o755);
  writeFileSync(scratch.at('f'), '', { mode: 0o600 });
  set(scratch.at('f'), 'user.secret', pathOf('s'));
  set(scratch.at('f'), 'trusted.hidden', pathOf('h'));
  expect(hiddenNamespaces()).toEqual([]);
  process.seteuid?.(65_534);
  try {
    const { attributes, problems } = readXattrs(scratch.at('f'));
    expect(attributes.map(({ name }) => Buffer.from(name).toString())).not.toContain('user.secret');
    expect(problems).toEqual([{ name: pathOf('user.secret'), code: 'EACCES' }]);
    expect(hiddenNamespaces()).toEqual(['trusted']);
  } finally {
    process.seteuid?.(0);
  }
});

suite('what has vanished has none', () => {
  using scratch = new Scratch();
  expect(readXattrs(scratch.at('none'))).toEqual({ attributes: [], problems: [] });
});
