/** A naive copy through RestoreTarget: what a restore does, without a repository. */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import type { EntryMetadata } from '../../src/fs/apply.ts';
import { dataExtents } from '../../src/fs/sparse.ts';
import { type FileStat, lstatPath } from '../../src/fs/stat.ts';
import { RestoreTarget, type RestoreTargetOptions } from '../../src/fs/writer.ts';
import type { TargetDirectory } from '../../src/fs/writer-directory.ts';
import type { SpecialEntry } from '../../src/fs/writer-place.ts';
import { readXattrs } from '../../src/fs/xattr.ts';

interface Copy {
  readonly target: RestoreTarget;
  readonly first: Map<bigint, { readonly to: TargetDirectory; readonly toName: Buffer }>;
}

export function copyTree(from: string, to: string, options: RestoreTargetOptions): void {
  const problems: unknown[] = [];
  const target = RestoreTarget.open(to, { ...options, onProblem: (problem) => problems.push(problem) });
  copyDirectory({ target, first: new Map() }, Buffer.from(from), target.root);
  target.finishDirectories();
  target.close();
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
}

function metadataOf(path: Buffer, stat: FileStat): EntryMetadata {
  const { mode, uid, gid, mtime } = stat;
  const attributes = readXattrs(path).attributes.filter(({ name }) => !Buffer.from(name).toString().startsWith('sec'));
  return { mode, uid, gid, mtime, attributes };
}

function statOf(path: Buffer): FileStat {
  const stat = lstatPath(path);
  if (stat === undefined) throw new Error(`gone: ${path}`);
  return stat;
}

function copyDirectory(copy: Copy, path: Buffer, into: TargetDirectory): void {
  copy.target.deferDirectory(into, metadataOf(path, statOf(path)));
  for (const name of fs.readdirSync(path, { encoding: 'buffer' })) {
    copyEntry(copy, Buffer.concat([path, Buffer.from('/'), name]), into, name);
  }
  into.release();
}

function copyEntry(copy: Copy, path: Buffer, into: TargetDirectory, name: Buffer): void {
  const { target, first } = copy;
  const stat = statOf(path);
  const linked = stat.links > 1 ? first.get(stat.inode) : undefined;
  if (stat.type === 'directory') copyDirectory(copy, path, target.directory(into, name));
  else if (stat.type === 'file' && linked === undefined) copyFile(target, path, stat, into, name);
  else target.place(into, name, linked === undefined ? special(path, stat) : { type: 'hardlink', ...linked });
  first.set(stat.inode, { to: into, toName: name });
}

function special(path: Buffer, stat: FileStat): SpecialEntry {
  const metadata = metadataOf(path, stat);
  switch (stat.type) {
    case 'symlink':
      return { type: 'symlink', target: fs.readlinkSync(path, { encoding: 'buffer' }), metadata };
    case 'fifo':
    case 'socket':
      return { type: stat.type, metadata };
    case 'chardev':
    case 'blockdev':
      return { type: stat.type, rdev: stat.rdev, metadata };
    default:
      throw new Error(`not special: ${stat.type}`);
  }
}

function copyFile(target: RestoreTarget, path: Buffer, stat: FileStat, into: TargetDirectory, name: Buffer): void {
  const fd = fs.openSync(path, 'r');
  const file = target.createFile(into, name, stat.size);
  const whole = [{ offset: 0, length: stat.size }];
  // Backwards: the order of pieces does not matter.
  for (const { offset, length } of [...(dataExtents(fd, stat) ?? whole)].reverse()) {
    const bytes = Buffer.alloc(length);
    fs.readSync(fd, bytes, 0, length, offset);
    file.write(bytes, offset);
  }
  fs.closeSync(fd);
  file.complete(metadataOf(path, stat));
}
