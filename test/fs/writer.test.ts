import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EntryMetadata } from '../../src/fs/apply.ts';
import { RestoreTarget } from '../../src/fs/writer.ts';

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
});
