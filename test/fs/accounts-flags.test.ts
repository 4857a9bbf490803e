import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CAPABILITIES, fsCapabilities } from '../../src/fs/capabilities.ts';
import { fileSystemOf } from '../../src/fs/file-system.ts';
import { describeFlags, FILE_FLAGS, readFileFlags } from '../../src/fs/flags.ts';
import { cachedAccounts, fileAccounts, systemAccounts } from '../../src/fs/owners.ts';
import { pathOf } from '../../src/fs/path.ts';
import { isLinux, Scratch } from './scratch.ts';

test.runIf(isLinux)('names of users and groups are those of getent(1), both ways', () => {
  const accounts = systemAccounts();
  const lines = (database: string) => execFileSync('getent', [database]).toString().trim().split('\n').slice(0, 30);
  for (const line of lines('passwd')) {
    const [name = '', , uid] = line.split(':');
    expect(accounts.userId(name)).toBe(Number(uid));
  }
  for (const line of lines('group')) {
    const [name = '', , gid] = line.split(':');
    expect(accounts.groupId(name)).toBe(Number(gid));
  }
  expect(accounts.userName(0)).toBe('root');
  expect(accounts.groupName(0)).toBe('root');
  expect(accounts.userName(4_000_000_000)).toBeUndefined();
  expect(accounts.userId('no such user')).toBeUndefined();
  expect(accounts.groupId('root\0x')).toBeUndefined();
});

test('accounts of files: the first line counts, nonsense does not', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('passwd'), 'root:x:0:0::/:\ntoor:x:0:0::/:\n# note\nann:x:1000:\nann:x:1001:\nbad:x:-1:\n');
  const accounts = fileAccounts(scratch.at('passwd').toString(), scratch.at('none').toString());
  expect(accounts.userName(0)).toBe('root');
  expect(accounts.userId('toor')).toBe(0);
  expect(accounts.userId('ann')).toBe(1000);
  expect(accounts.userId('bad')).toBeUndefined();
  expect(accounts.groupName(0)).toBeUndefined();
});

test('each account is asked for once, also one that is not there', () => {
  const asked: unknown[] = [];
  const look = (key: unknown) => {
    asked.push(key);
    return undefined;
  };
  const accounts = cachedAccounts({ userName: look, groupName: look, userId: look, groupId: look });
  for (let round = 0; round < 3; round += 1) {
    accounts.userName(1);
    accounts.groupName(1);
    accounts.userId('a');
  }
  expect(asked).toEqual([1, 1, 'a']);
});

test.runIf(isLinux)('flags are those of lsattr(1)', ({ skip }) => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), '');
  try {
    execFileSync('chattr', ['+dA', scratch.at('f').toString()], { stdio: 'pipe' });
  } catch {
    return skip('no chattr here');
  }
  const fd = openSync(scratch.at('f'), 'r');
  const flags = readFileFlags(fd);
  closeSync(fd);
  expect(flags).toBe(FILE_FLAGS.d | FILE_FLAGS.A);
  expect(describeFlags(FILE_FLAGS.d | FILE_FLAGS.A)).toBe('dA');
});

test.runIf(isLinux)('a file system without flags has none, and that is no error', () => {
  const fd = openSync('/proc/self/status', 'r');
  expect(readFileFlags(fd)).toBe(0);
  closeSync(fd);
});

test.runIf(isLinux)('file systems have names, and the made-up ones are known', () => {
  expect(fileSystemOf(pathOf('/proc'))).toEqual({ type: 'proc', synthetic: true });
  expect(fileSystemOf(pathOf('/'))?.synthetic).toBe(false);
  expect(fileSystemOf(pathOf('/no such folder'))).toBeUndefined();
});

test('what is not available has a reason', () => {
  const all = fsCapabilities();
  expect(all.map(({ name }) => name)).toEqual([...CAPABILITIES]);
  for (const { available, reason } of all) expect(reason === '').toBe(available);
});
