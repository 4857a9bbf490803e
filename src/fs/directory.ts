/** The names in a directory, read without touching its atime. */
import { Buffer } from 'node:buffer';
import { constants, readdirSync } from 'node:fs';
import { errnoError, loadLibc } from './libc.ts';
import { openForReading } from './open-reading.ts';
import { asBuffer } from './path.ts';
import { descriptorPath } from './reach.ts';

/** @throws the system's error (ENOTDIR or ELOOP: no directory any more) */
export function openDirectory(path: Uint8Array): number {
  return openForReading(path, constants.O_DIRECTORY ?? 0);
}

export interface DirectoryNames {
  /** One character a byte (latin1), sorted: that is the order of the bytes. Without `.` and `..`. */
  readonly names: string[];
  /** Set when reading broke off; the names up to there are good. */
  readonly error: unknown;
}

/** One call of getdents64 gives up to this much, about 8,000 names. */
const records = Buffer.alloc(256 * 1024);
/** `struct linux_dirent64`: inode 8, offset 8, record length 2, type 1, name and NUL. */
const RECORD_LENGTH_AT = 16;
const NAME_AT = 19;

/**
 * All names of the directory open as `fd`. Node's readdir opens the directory anew, without O_NOATIME, and takes twice
 * as long; it is the way where there are no bindings (`path` is used there when there is no /proc).
 */
export function readNames(fd: number, path: Uint8Array): DirectoryNames {
  const libc = loadLibc();
  const names: string[] = [];
  if (libc === undefined) {
    try {
      const place = process.platform === 'linux' ? descriptorPath(fd) : asBuffer(path);
      return { names: readdirSync(place, { encoding: 'latin1' }).sort(), error: undefined };
    } catch (error) {
      return { names, error };
    }
  }
  let count = libc.getdents64(fd, records);
  for (; count > 0; count = libc.getdents64(fd, records)) takeNames(count, names);
  return { names: names.sort(), error: count < 0 ? errnoError(-count, 'getdents64', path) : undefined };
}

function takeNames(count: number, names: string[]): void {
  for (let at = 0; at < count; at += records.readUInt16LE(at + RECORD_LENGTH_AT)) {
    const start = at + NAME_AT;
    const name = records.toString('latin1', start, records.indexOf(0, start));
    if (name !== '.' && name !== '..') names.push(name);
  }
}

/** Is `name` among the names of {@link readNames}? */
export function hasName(names: readonly string[], name: Uint8Array): boolean {
  return findName(names, asBuffer(name).toString('latin1')) !== undefined;
}

/** Where `wanted` stands among the names of {@link readNames}. */
export function findName(names: readonly string[], wanted: string): number | undefined {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return names[low] === wanted ? low : undefined;
}
