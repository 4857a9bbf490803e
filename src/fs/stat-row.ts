/**
 * What lstat says of a file, as a row of words: to see at a tenth of the cost of a whole FileStat that nothing of it has
 * changed. Without the access time, and without what follows from the rest (blocks) or never changes (birth time).
 */
import { constants } from 'node:fs';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, type Libc, STATX_BASIC_STATS, STATX_LENGTH } from './libc.ts';
import { type FileStat, type FileType, splitDevice } from './stat.ts';
import { StatxStat } from './statx.ts';

export const ROW_WORDS = 16;

const TYPE_BITS: Readonly<Record<FileType, number>> = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
  chardev: constants.S_IFCHR,
  blockdev: constants.S_IFBLK,
};

const NANOS = 1_000_000_000n;

function putWide(row: Uint32Array, at: number, value: bigint): void {
  row[at] = Number(value & 0xffff_ffffn);
  row[at + 1] = Number((value >> 32n) & 0xffff_ffffn);
}

function putTime(row: Uint32Array, at: number, time: bigint): void {
  const nanos = ((time % NANOS) + NANOS) % NANOS;
  putWide(row, at, (time - nanos) / NANOS);
  row[at + 2] = Number(nanos);
}

/** mode · links · uid · gid · inode 2 · size 2 · ctime 3 · mtime 3 · device 2 */
export function putStat(row: Uint32Array, at: number, stat: FileStat): void {
  if (stat instanceof StatxStat) {
    putWords(row, at, stat);
    return;
  }
  row[at] = stat.mode | TYPE_BITS[stat.type];
  row[at + 1] = stat.links;
  row[at + 2] = stat.uid;
  row[at + 3] = stat.gid;
  putWide(row, at + 4, stat.inode);
  putWide(row, at + 6, BigInt(stat.size));
  putTime(row, at + 8, stat.ctime);
  putTime(row, at + 11, stat.mtime);
  const { major, minor } = splitDevice(stat.device);
  row[at + 14] = major;
  row[at + 15] = minor;
}

function putHalves(row: Uint32Array, at: number, value: number): void {
  // A typed array keeps the lower 32 bits of whatever whole number it is given.
  row[at] = value;
  row[at + 1] = Math.floor(value / 2 ** 32);
}

function putWords(row: Uint32Array, at: number, stat: StatxStat): void {
  row[at] = stat.fullMode;
  row[at + 1] = stat.links;
  row[at + 2] = stat.uid;
  row[at + 3] = stat.gid;
  row[at + 4] = stat.inodeLow;
  row[at + 5] = stat.inodeHigh;
  putHalves(row, at + 6, stat.size);
  putHalves(row, at + 8, stat.ctimeSeconds);
  row[at + 10] = stat.ctimeNanos;
  putHalves(row, at + 11, stat.mtimeSeconds);
  row[at + 13] = stat.mtimeNanos;
  row[at + 14] = stat.deviceMajor;
  row[at + 15] = stat.deviceMinor;
}

/** Of `struct statx` (linux/stat.h) the words of a row, in its order; mode is half a word. */
const MODE_AT = 0x1c / 4;
const WORDS_AT = [0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x2c, 0x60, 0x64, 0x68, 0x70, 0x74, 0x78, 0x88, 0x8c].map(
  (offset) => offset / 4,
);

const EMPTY_PATH = new Uint8Array(1);

/** Compares files with rows; one buffer for all. Little-endian machines, like all the bindings. */
export class RowReader {
  readonly #libc: Libc;
  readonly #words = new Uint32Array(STATX_LENGTH / 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Is the open file as `rows` has it from `at` on? */
  isOpenAs(fd: number, rows: Uint32Array, at: number): boolean {
    return this.#is(fd, EMPTY_PATH, AT_EMPTY_PATH, rows, at);
  }

  /** The same of a name in an open directory; `name` ends with a NUL. Symlinks are not followed. */
  isAs(directory: number, name: Uint8Array, rows: Uint32Array, at: number): boolean {
    return this.#is(directory, name, AT_SYMLINK_NOFOLLOW, rows, at);
  }

  /** The type bits of its mode; undefined when it cannot be seen. */
  typeOf(directory: number, name: Uint8Array): number | undefined {
    const result = this.#libc.statxTerminated(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#bytes);
    return result < 0 ? undefined : (this.#words[MODE_AT] ?? 0) & constants.S_IFMT;
  }

  #is(directory: number, name: Uint8Array, flags: number, rows: Uint32Array, at: number): boolean {
    if (this.#libc.statxTerminated(directory, name, flags, STATX_BASIC_STATS, this.#bytes) < 0) return false;
    const words = this.#words;
    const mask = words[0] ?? 0;
    if ((mask & STATX_BASIC_STATS) !== STATX_BASIC_STATS) return false;
    if (((words[MODE_AT] ?? 0) & 0xffff) !== rows[at]) return false;
    for (let i = 0; i < WORDS_AT.length; i++) if (words[WORDS_AT[i] ?? 0] !== rows[at + 1 + i]) return false;
    return true;
  }
}
