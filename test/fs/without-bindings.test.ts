import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { throwErrno } from '../../src/fs/libc.ts';
import { pathOf } from '../../src/fs/path.ts';
import { isLinux, libcOrThrow, Scratch } from './scratch.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

test.runIf(isLinux)('without koffi the walk goes on, and says what it cannot tell', () => {
  using scratch = new Scratch();
  const odd = scratch.at(Buffer.from([0xff]));
  writeFileSync(odd, '');
  writeFileSync(scratch.at('a'), 'x');
  const fd = openSync(scratch.at('holes'), 'w');
  ftruncateSync(fd, 1 << 20);
  closeSync(fd);
  const set = libcOrThrow().lsetxattr(scratch.at('a'), pathOf('user.k'), pathOf('v'));
  throwErrno(set, 'lsetxattr');
  const args = ['--import', here('hide-koffi.ts'), here('without-bindings.ts'), scratch.text];
  const said = JSON.parse(execFileSync(process.execPath, args).toString());
  expect(said.entries.map((entry: { name: string }) => entry.name)).toEqual(['61', '686f6c6573', 'ff']);
  expect(said.entries[0]).toMatchObject({ attributes: [['user.k', 'v']], problems: [] });
  expect(said.entries[1]).toMatchObject({ extents: 'unknown' });
  expect(said.entries[2]).toMatchObject({ attributes: [], problems: ['UNAVAILABLE'] });
  expect(said.root).toBe('root');
  expect(said.missing).toEqual(
    expect.arrayContaining(['xattrs-of-any-name', 'file-flags', 'holes', 'account-names', 'special-files']),
  );
  expect(said.missing).not.toContain('xattrs');
});
