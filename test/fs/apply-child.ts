/** Restores as an ordinary user; run by apply.test.ts as `node apply-child.ts DIR`, prints what happened as JSON. */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../src/core/errors.ts';
import type { EntryMetadata } from '../../src/fs/apply.ts';
import { RestoreTarget } from '../../src/fs/writer.ts';

const where = process.argv[2] ?? '';
const name = (text: string): Buffer => Buffer.from(text);
const notes: string[] = [];
const problems: string[] = [];
const target = RestoreTarget.open(where, {
  replace: true,
  devices: true,
  onNote: (message) => notes.push(message),
  onProblem: ({ what, attribute, message }) =>
    problems.push(`${what} ${Buffer.from(attribute ?? []).toString()} ${message}`),
});
const foreign: EntryMetadata = {
  mode: 0o6755,
  uid: 0,
  gid: 0,
  mtime: 7n,
  attributes: [
    { name: name('user.mine'), value: name('1') },
    { name: name('trusted.notmine'), value: name('2') },
  ],
};
const own = { ...foreign, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, attributes: [] };

// A read-only directory with a read-only file is there already, from an earlier restore.
fs.mkdirSync(path.join(where, 'closed'));
fs.writeFileSync(path.join(where, 'closed/old'), 'old', { mode: 0o400 });
fs.mkdirSync(path.join(where, 'closed/gone'));
fs.writeFileSync(path.join(where, 'closed/gone/x'), 'x');
fs.chmodSync(path.join(where, 'closed/gone'), 0o500);
fs.chmodSync(path.join(where, 'closed'), 0o500);

const closed = target.directory(target.root, name('closed'));
const inPlace = target.updateFile(closed, name('old'), 3) !== undefined;
target.remove(closed, name('gone'));
for (const [file, metadata] of [
  ['foreign', foreign],
  ['own', own],
  ['old', { ...own, mode: 0o400 }],
] as const) {
  const made = target.createFile(closed, name(file), 3);
  made.write(name('new'), 0);
  made.complete(metadata);
}
target.place(closed, name('link'), { type: 'symlink', target: name('x'), metadata: { ...foreign, attributes: [] } });
let device = 'made';
try {
  const rdev = { major: 1, minor: 3 };
  target.place(closed, name('device'), { type: 'chardev', rdev, metadata: own });
} catch (error) {
  device = messageOf(error);
}
const locked = target.directory(closed, name('locked'));
target.deferDirectory(target.root, { ...own, mode: 0o755 });
target.deferDirectory(locked, { ...own, mode: 0o000 });
target.deferDirectory(closed, { ...foreign, mode: 0o2500, attributes: [] });
target.finishDirectories();
target.close();
process.stdout.write(JSON.stringify({ inPlace, device, notes, problems }));
