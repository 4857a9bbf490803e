/** Entries without content (links, fifos, sockets, devices), and the last step of every entry: its final name. */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../core/bytes.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import type { EntryMetadata } from './apply.ts';
import { AT_FDCWD, type Libc, libcMissingReason, loadLibc, makeDevice, RENAME_NOREPLACE, throwErrno } from './libc.ts';
import type { TargetDirectory } from './writer-directory.ts';
import { failWrite } from './writer-errors.ts';
import { checkName } from './writer-name.ts';

const { S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK } = fs.constants;

/** What can be placed beside files and directories. */
export type SpecialEntry =
  /** `target` is stored as it is, and never followed. */
  | { readonly type: 'symlink'; readonly target: Uint8Array; readonly metadata: EntryMetadata }
  /** To an entry of this target that was placed before; metadata is the first one's. */
  | { readonly type: 'hardlink'; readonly to: TargetDirectory; readonly toName: Uint8Array }
  | { readonly type: 'fifo' | 'socket'; readonly metadata: EntryMetadata }
  | {
      readonly type: 'chardev' | 'blockdev';
      readonly rdev: { readonly major: number; readonly minor: number };
      readonly metadata: EntryMetadata;
    };

/** The part of a target that is needed here. */
export interface Placement {
  readonly devices: boolean;
  temporaryName(): Buffer;
  applyTo(directory: TargetDirectory, stored: Uint8Array, path: Uint8Array, metadata: EntryMetadata): void;
  /** Removes what is in the way, or throws already-exists. */
  makePlace(directory: TargetDirectory, name: Uint8Array, cause?: unknown): void;
}

/**
 * Made under a temporary name, metadata applied, then renamed, so the final name never shows it half done.
 * @throws NeoError integrity (device without asking, unsafe name or target), already-exists, permission-denied, failed
 */
export function placeEntry(
  target: Placement,
  directory: TargetDirectory,
  name: Uint8Array,
  entry: SpecialEntry,
  overwrite: boolean,
): void {
  const path = directory.pathOf(name);
  refuse(target, entry, path);
  const stored = target.temporaryName();
  try {
    directory.use((at) => make(entry, at(stored)));
    if (entry.type !== 'hardlink') target.applyTo(directory, stored, path, entry.metadata);
    moveIntoPlace(target, directory, stored, name, overwrite);
  } catch (error) {
    failWrite(error, path, `create ${entry.type}`);
  } finally {
    sweep(directory, stored);
  }
}

/** A temporary name stays after a failure; also when both names were the same inode: then rename(2) leaves both. */
function sweep(directory: TargetDirectory, stored: Uint8Array): void {
  try {
    directory.use((at) => fs.unlinkSync(at(stored)));
  } catch {
    // Gone as it should be; or the directory is, and the error on its way says so.
  }
}

function refuse(target: Placement, entry: SpecialEntry, path: Uint8Array): void {
  const shown = displayBytes(path);
  if ((entry.type === 'chardev' || entry.type === 'blockdev') && !target.devices) {
    throw new NeoError('integrity', `the snapshot holds a device node, refused: ${shown}`, {
      hint: 'allow devices only for snapshots that you trust',
    });
  }
  if (entry.type === 'hardlink') checkName(entry.toName);
  if (entry.type === 'symlink' && (entry.target.length === 0 || entry.target.includes(0))) {
    throw new NeoError('integrity', `the snapshot holds a symlink without a possible target: ${shown}`);
  }
}

function make(entry: SpecialEntry, at: Buffer): void {
  switch (entry.type) {
    case 'symlink':
      fs.symlinkSync(Buffer.from(entry.target), at);
      return;
    case 'hardlink':
      // link(2) on Linux does not follow a symlink in the last component.
      entry.to.use((from) => fs.linkSync(from(entry.toName), at));
      return;
    case 'fifo':
    case 'socket':
      makeNode(at, entry.type === 'fifo' ? S_IFIFO : S_IFSOCK, 0n);
      return;
    case 'chardev':
    case 'blockdev':
      makeNode(at, entry.type === 'chardev' ? S_IFCHR : S_IFBLK, makeDevice(entry.rdev.major, entry.rdev.minor));
  }
}

function makeNode(at: Buffer, type: number, device: bigint): void {
  throwErrno(needLibc().mknodat(AT_FDCWD, at, type | 0o600, device), 'mknod');
}

function needLibc(): Libc {
  const libc = loadLibc();
  if (libc === undefined) throw new NeoError('failed', `special files cannot be created here: ${libcMissingReason()}`);
  return libc;
}

/**
 * Gives a finished entry its final name, in one step. An existing file of any kind but a directory is replaced.
 * @throws NeoError already-exists; system errors as they are
 */
export function moveIntoPlace(
  target: Placement,
  directory: TargetDirectory,
  stored: Uint8Array,
  name: Uint8Array,
  overwrite: boolean,
): void {
  directory.use((at) =>
    renameInto(at(stored), at(name), overwrite, (cause) => target.makePlace(directory, name, cause)),
  );
}

/** @param makePlace removes a directory that is in the way, or throws. @throws as {@link moveIntoPlace} */
export function renameInto(from: Buffer, to: Buffer, overwrite: boolean, makePlace: (cause: unknown) => void): void {
  if (!overwrite) {
    moveWithoutReplacing(from, to);
    return;
  }
  try {
    fs.renameSync(from, to);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'EISDIR' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    makePlace(error);
    fs.renameSync(from, to);
  }
}

function moveWithoutReplacing(from: Buffer, to: Buffer): void {
  const result = loadLibc()?.renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) ?? -1;
  if (result >= 0) return;
  // A file system without RENAME_NOREPLACE: link(2) refuses an existing name too.
  fs.linkSync(from, to);
  fs.unlinkSync(from);
}
