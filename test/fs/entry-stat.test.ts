import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { statEntry } from '../../src/fs/entry-stat.ts';
import { loadLibc, O_PATH } from '../../src/fs/libc.ts';
import { Scratch } from './scratch.ts';

test.runIf(loadLibc() !== undefined)('what node says of an entry', () => {
  using scratch = Scratch.inMemory();
  const at = (name: string): string => join(scratch.text, name);
  fs.writeFileSync(at('file'), 'hello', { mode: 0o4751 });
  fs.linkSync(at('file'), at('again'));
  fs.mkdirSync(at('directory'));
  fs.symlinkSync('nowhere', at('link'));
  execFileSync('mkfifo', [at('fifo')]);
  for (const time of [0, 1.5, -2.25, 4_102_444_800]) {
    fs.lutimesSync(at('link'), time, time);
    const fd = fs.openSync(scratch.text, O_PATH | fs.constants.O_DIRECTORY);
    for (const name of ['file', 'directory', 'link', 'fifo']) {
      const found = statEntry(fd, Buffer.from(name));
      if (found === undefined || found === 'missing') throw new Error(name);
      const known = fs.lstatSync(at(name), { bigint: true });
      const { nlink, uid, gid, mode, ino, size, mtimeNs, dev } = known;
      expect({ ...found, mode: found.mode }).toEqual({ nlink, uid, gid, mode, ino, size, mtimeNs, dev });
      for (const is of ['isFile', 'isDirectory', 'isSymbolicLink', 'isFIFO', 'isSocket'] as const) {
        expect([name, is, found[is]()]).toEqual([name, is, known[is]()]);
      }
    }
    expect(statEntry(fd, Buffer.from('none'))).toBe('missing');
    expect(statEntry(fd, Buffer.from('file/below'))).toBe('missing');
    expect(() => statEntry(fd, Buffer.from('x'.repeat(300)))).toThrow('ENAMETOOLONG');
    fs.closeSync(fd);
  }
});
