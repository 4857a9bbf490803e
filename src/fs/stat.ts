/** What the system says of one file: one lstat, all of it, times in nanoseconds. */
import type { Buffer } from 'node:buffer';
import { type BigIntStats, constants, fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { NeoError, systemCode } from '../core/errors.ts';
import { asBuffer } from './path.ts';

export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'chardev' | 'blockdev';

export interface FileStat {
  readonly type: FileType;
  /** The 12 bits of chmod(1): permissions, set-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; of a symlink, those of its target. */
  readonly size: number;
  /** Nanoseconds since 1970, UTC; negative before. */
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly atime: bigint;
  /** When the file was made, or 0 where the file system does not say; it cannot be set. */
  readonly birthtime: bigint;
  readonly inode: bigint;
  readonly device: bigint;
  readonly links: number;
  /** The device that a chardev or blockdev stands for; both 0 for all others. */
  readonly rdev: { readonly major: number; readonly minor: number };
  /** Space taken, in units of 512 bytes. */
  readonly blocks: number;
}

const TYPES: ReadonlyMap<number, FileType> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
  [constants.S_IFCHR, 'chardev'],
  [constants.S_IFBLK, 'blockdev'],
]);

/** Asking for no exception saves the cost of one where nothing is there. */
const LSTAT = { bigint: true, throwIfNoEntry: false } as const;
const FSTAT = { bigint: true } as const;
const NO_DEVICE = { major: 0, minor: 0 } as const;

/**
 * Does not follow a symlink. Undefined when nothing is there (ENOENT, ENOTDIR).
 * @throws the system's error (EACCES, ENAMETOOLONG, EIO …); NeoError failed for a type of file unknown to POSIX
 */
export function lstatPath(path: Uint8Array): FileStat | undefined {
  let stats: BigIntStats | undefined;
  try {
    stats = lstatSync(asBuffer(path), LSTAT);
  } catch (error) {
    if (systemCode(error) !== 'ENOTDIR') throw error;
  }
  return stats === undefined ? undefined : toFileStat(stats);
}

/** @throws as {@link lstatPath} */
export function fstatOf(fd: number): FileStat {
  return toFileStat(fstatSync(fd, FSTAT));
}

/** @throws NeoError failed for one unknown to POSIX */
export function typeOfMode(mode: number): FileType {
  const type = TYPES.get(mode & constants.S_IFMT);
  if (type === undefined) throw new NeoError('failed', `unknown type of file (mode ${mode.toString(8)})`);
  return type;
}

function toFileStat(stats: BigIntStats): FileStat {
  const mode = Number(stats.mode);
  const type = typeOfMode(mode);
  return {
    type,
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtime: stats.mtimeNs,
    ctime: stats.ctimeNs,
    atime: stats.atimeNs,
    birthtime: stats.birthtimeNs,
    inode: stats.ino,
    device: stats.dev,
    links: Number(stats.nlink),
    rdev: type === 'chardev' || type === 'blockdev' ? splitDevice(stats.rdev) : NO_DEVICE,
    blocks: Number(stats.blocks),
  };
}

/** The halves of a device number (glibc's gnu_dev_major and gnu_dev_minor). */
export function splitDevice(device: bigint): { readonly major: number; readonly minor: number } {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

/** What stays as long as it is the same file. */
export type FileIdentity = Pick<FileStat, 'inode' | 'device' | 'type'>;

/** The same file: still the same inode with the same kind of content. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.inode === b.inode && a.device === b.device && a.type === b.type;
}

/**
 * What changed between two looks at one file: its content (size, mtime), or only its ctime. A ctime alone may be a chmod
 * or a new hard link, but also content written through a mapping with the mtime put back: not to be believed blindly.
 */
export function changeBetween(before: FileStat, after: FileStat): 'none' | 'ctime' | 'content' {
  if (!isSameFile(before, after) || before.size !== after.size || before.mtime !== after.mtime) return 'content';
  return before.ctime === after.ctime ? 'none' : 'ctime';
}

/** Kernels stamp files with a clock that ticks every 1 to 10 ms; networks and FAT are coarser (up to 2 s). */
const STAMP_TICK_NS = 2_000_000_000n;

/**
 * True when a file was changed so shortly before `now` (ns since 1970) that another change could bear the same times:
 * equal times later on then do not prove equal content, and the next run must read it again (git calls it racily clean).
 */
export function mayChangeUnseen(stat: FileStat, now: bigint): boolean {
  const settled = now - STAMP_TICK_NS;
  return stat.ctime > settled || stat.mtime > settled;
}

/** The target's bytes. @throws the system's error (EINVAL: no symlink) */
export function readLink(path: Uint8Array): Buffer {
  return readlinkSync(asBuffer(path), { encoding: 'buffer' });
}
