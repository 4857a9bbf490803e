/** The short way reads what is just as it was seen, and leaves all else to the long way. */
import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { throwErrno } from '../../src/fs/libc.ts';
import { joinPath, parentPath, pathOf } from '../../src/fs/path.ts';
import { lookAt } from '../../src/fs/statx.ts';
import { type FileRequests, packRequests } from '../../src/tasks/backup/file-requests.ts';
import { PlainFiles } from '../../src/tasks/backup/plain-file.ts';
import { isLinux, libcOrThrow, Scratch } from '../fs/scratch.ts';

const room = new Uint8Array(1000);

function request(path: Buffer): { readonly packed: FileRequests; readonly text: string } {
  const stat = lookAt(path);
  if (stat === undefined) throw new Error('nothing there');
  const text = path.toString('latin1');
  return { packed: packRequests([{ path: text, stat }]), text };
}

/** What is read of a file after something was done to it since the walk. */
function readAfter(scratch: Scratch, change: (path: Buffer) => void): string | undefined {
  const path = scratch.at(Buffer.from([0xff, 0x66]));
  writeFileSync(path, 'content');
  const { packed, text } = request(path);
  change(path);
  const length = new PlainFiles().read(packed, 0, text, room);
  return length === undefined ? undefined : Buffer.from(room.subarray(0, length)).toString();
}

function beside(path: Buffer): Buffer {
  return joinPath(parentPath(path), pathOf('beside'));
}

describe.runIf(isLinux)('a small file', () => {
  const nothing = (): void => undefined;
  const changes: readonly (readonly [string, (path: Buffer) => void])[] = [
    ['grew', (path) => writeFileSync(path, ' and more', { flag: 'a' })],
    ['shrank', (path) => truncateSync(path, 3)],
    ['was written with as many bytes', (path) => writeFileSync(path, 'CONTENT')],
    ['got another mode', (path) => chmodSync(path, 0o600)],
    ['got another time', (path) => utimesSync(path, 1, 1)],
    ['is gone', (path) => rmSync(path)],
    [
      'is another file',
      (path) => {
        writeFileSync(beside(path), 'content');
        renameSync(beside(path), path);
      },
    ],
    [
      'is a symlink to its like',
      (path) => {
        renameSync(path, beside(path));
        symlinkSync(beside(path), path);
      },
    ],
    [
      'is a fifo',
      (path) => {
        execFileSync('mkfifo', [beside(path).toString()]);
        renameSync(beside(path), path);
      },
    ],
  ];

  it('is read when it is as it was seen', () => {
    using scratch = new Scratch();
    expect(readAfter(scratch, nothing)).toBe('content');
  });

  it('may be empty', () => {
    using scratch = new Scratch();
    writeFileSync(scratch.at('empty'), '');
    const { packed, text } = request(scratch.at('empty'));
    expect(new PlainFiles().read(packed, 0, text, room)).toBe(0);
  });

  it.each(changes)('is left to the long way when it %s', (_what, change) => {
    using scratch = new Scratch();
    expect(readAfter(scratch, change)).toBeUndefined();
  });

  it('is left to the long way when it has attributes, holes, or more bytes than there is room for', () => {
    using scratch = new Scratch();
    writeFileSync(scratch.at('attributes'), 'content');
    throwErrno(libcOrThrow().lsetxattr(scratch.at('attributes'), pathOf('user.a'), pathOf('b')), 'lsetxattr');
    writeFileSync(scratch.at('holes'), '');
    truncateSync(scratch.at('holes'), 900);
    writeFileSync(scratch.at('long'), new Uint8Array(1001));
    for (const name of ['attributes', 'holes', 'long']) {
      const { packed, text } = request(scratch.at(name));
      expect(new PlainFiles().read(packed, 0, text, room)).toBeUndefined();
    }
  });
});
