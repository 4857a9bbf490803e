/**
 * A file of the user's, open for reading: never for writing, its atime left alone where the system allows (O_NOATIME is
 * for the owner and for root), and never waiting for a fifo that has taken the file's place.
 */
import { closeSync, readSync } from 'node:fs';
import { systemCode } from '../core/errors.ts';
import { openForReading } from './open-reading.ts';
import { reachPath } from './reach.ts';
import { changeBetween, type FileIdentity, type FileStat, fstatOf, isSameFile } from './stat.ts';

export class SourceFile implements Disposable {
  /** As it was when it was opened: the metadata that belongs to the bytes, if {@link finish} says 'none'. */
  readonly stat: FileStat;
  readonly #fd: number;
  #open = true;

  constructor(fd: number, stat: FileStat) {
    this.#fd = fd;
    this.stat = stat;
  }

  /** For calls that want a descriptor (extents, extended attributes, flags); closed with the file. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Reads at `position` until `into` is full or the file ends; the count read.
   * @throws the system's error (EIO, ESTALE …)
   */
  read(into: Uint8Array, position: number): number {
    let count = 0;
    while (count < into.length) {
      const got = readSync(this.#fd, into, count, into.length - count, position + count);
      if (got === 0) break;
      count += got;
    }
    return count;
  }

  /**
   * Closes it, and says what changed since it was opened ({@link changeBetween}): anything but 'none' means that the
   * bytes read may be a mixture, and that `stat` may not belong to them.
   */
  finish(): { readonly change: 'none' | 'ctime' | 'content'; readonly stat: FileStat } {
    try {
      const stat = fstatOf(this.#fd);
      return { change: changeBetween(this.stat, stat), stat };
    } finally {
      this.close();
    }
  }

  /** Twice is harmless. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a regular file that lstat has seen; 'changed' when something else is there by now (another inode, a symlink, a
 * directory, a fifo). Its size and times may differ already: take them from `stat` of the result, not from `expected`.
 * Paths of any length.
 * @throws the system's error (ENOENT: vanished, EACCES, EIO …)
 */
export function openSource(path: Uint8Array, expected: FileIdentity): SourceFile | 'changed' {
  using reached = reachPath(path);
  let fd: number;
  try {
    fd = openForReading(reached.path);
  } catch (error) {
    // A symlink with O_NOFOLLOW; a socket, or a device without a driver.
    if (['ELOOP', 'EMLINK', 'ENXIO'].includes(systemCode(error) ?? '')) return 'changed';
    throw error;
  }
  try {
    const stat = fstatOf(fd);
    if (stat.type === 'file' && isSameFile(stat, expected)) return new SourceFile(fd, stat);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return 'changed';
}
