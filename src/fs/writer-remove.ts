/** Removing and listing inside a restore target, never through a symlink. */
import type { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../core/bytes.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import { type Confinement, type EntryPath, TargetDirectory } from './writer-directory.ts';
import { failWrite } from './writer-errors.ts';

/** Names of the directory's entries, in no order. */
export function listEntries(directory: TargetDirectory): readonly Buffer[] {
  return directory.use((_at, self) => fs.readdirSync(self, { encoding: 'buffer' }));
}

/** An entry, with all below it; a missing one is no error. @throws NeoError permission-denied, failed */
export function removeEntry(within: Confinement, directory: TargetDirectory, name: Uint8Array): void {
  try {
    if (directory.use((at) => removed(() => fs.unlinkSync(at(name)), at, name))) return;
    removeTree(within, new TargetDirectory(within, directory, name));
  } catch (error) {
    failWrite(error, directory.pathOf(name), 'remove');
  }
}

/** False when it is a directory (Linux says EISDIR, POSIX EPERM). */
function removed(unlink: () => void, at: EntryPath, name: Uint8Array): boolean {
  try {
    unlink();
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return true;
    if (code === 'EISDIR') return false;
    if (code === 'EPERM' && fs.lstatSync(at(name)).isDirectory()) return false;
    throw error;
  }
}

/** Without recursion: a tree may be deeper than the stack. */
function removeTree(within: Confinement, top: TargetDirectory): void {
  const stack: { readonly directory: TargetDirectory; readonly names: Buffer[] }[] = [];
  const device = deviceOf(top.parent ?? top);
  const enter = (directory: TargetDirectory): void => {
    if (deviceOf(directory) !== device) {
      throw new NeoError('failed', `${displayBytes(directory.path)} is a mount point: not emptied`);
    }
    makeWritable(directory);
    stack.push({ directory, names: [...listEntries(directory)] });
  };
  enter(top);
  for (let last = stack.at(-1); last !== undefined; last = stack.at(-1)) {
    const { directory, names } = last;
    const name = names.pop();
    if (name === undefined) {
      stack.pop();
      within.pool.close(directory);
      directory.parent?.use((at) => fs.rmdirSync(at(directory.name)));
    } else if (!directory.use((at) => removed(() => fs.unlinkSync(at(name)), at, name))) {
      enter(new TargetDirectory(within, directory, name));
    }
  }
}

/** Of the file system that the directory is on. */
export function deviceOf(directory: TargetDirectory): number {
  return directory.use((_at, self) => fs.statSync(self).dev);
}

/** A read-only directory keeps its owner from emptying it; root needs nothing. */
export function makeWritable(directory: TargetDirectory): number | undefined {
  return directory.use((_at, self) => {
    const mode = fs.statSync(self).mode & 0o7777;
    if ((mode & 0o700) === 0o700) return undefined;
    try {
      fs.chmodSync(self, mode | 0o700);
      return mode;
    } catch {
      // Someone else's: the next call says what is not allowed.
      return undefined;
    }
  });
}
