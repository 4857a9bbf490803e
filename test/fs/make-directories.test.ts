/** Directories down to a place, and places where none can be. */
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openLocal } from '../../src/backends/local.ts';
import { makeDirectories } from '../../src/fs/make-directories.ts';

const folder = mkdtempSync(join(tmpdir(), 'neo-make-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('makes all that is missing, through links, and minds nothing that is there', () => {
  const path = join(folder, 'a', 'b', 'c');
  makeDirectories(Buffer.from(path));
  makeDirectories(Buffer.from(path));
  symlinkSync(path, join(folder, 'link'));
  makeDirectories(Buffer.from(join(folder, 'link', 'd')));
  expect(statSync(join(path, 'd')).isDirectory()).toBe(true);
});

it('fails at a file', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeDirectories(Buffer.from(join(folder, 'file')))).toThrow('EEXIST');
  expect(() => makeDirectories(Buffer.from(join(folder, 'file', 'x')))).toThrow('ENOTDIR');
});

it.runIf(existsSync('/proc/self'))('comes to an end where the system says that nothing is there', async () => {
  expect(() => makeDirectories(Buffer.from('/proc/neo/x'))).toThrow('ENOENT');
  await expect(openLocal('/proc/neo/x', { create: true })).rejects.toThrow();
});
