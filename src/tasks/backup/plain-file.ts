/**
 * The way that nearly all small files go: one that is just as the walk saw it, and of which there is nothing to say but
 * its content. It is read without making an object of what the system says; whatever is different goes the long way.
 */
import { closeSync, readSync } from 'node:fs';
import { readFileFlags } from '../../fs/flags.ts';
import { loadLibc } from '../../fs/libc.ts';
import { openForReading } from '../../fs/open-reading.ts';
import { pathOfLatin1 } from '../../fs/path.ts';
import { REACH_LIMIT } from '../../fs/reach.ts';
import { ROW_WORDS, RowReader } from '../../fs/stat-row.ts';
import { hasNoXattrs } from '../../fs/xattr.ts';
import type { FileRequests } from './file-requests.ts';

const SIZE_AT = 6;

export class PlainFiles {
  readonly #rows: RowReader | undefined;

  constructor() {
    const libc = loadLibc();
    this.#rows = libc === undefined ? undefined : new RowReader(libc);
  }

  /** Reads file `i` to the front of `into`; its length, or undefined if it must be looked at closely. Never throws. */
  read(requests: FileRequests, i: number, path: string, into: Uint8Array): number | undefined {
    if (this.#rows === undefined) return undefined;
    const size = requests.rows[i * ROW_WORDS + SIZE_AT] ?? 0;
    const high = requests.rows[i * ROW_WORDS + SIZE_AT + 1];
    if (high !== 0 || size > into.length || requests.sparse[i] !== 0 || path.length > REACH_LIMIT) return undefined;
    try {
      const fd = openForReading(pathOfLatin1(path));
      try {
        return this.#isPlain(this.#rows, fd, requests.rows, i * ROW_WORDS, into, size) ? size : undefined;
      } finally {
        closeSync(fd);
      }
    } catch {
      return undefined;
    }
  }

  /** Looked at before and after, so that the bytes between belong to what was seen. */
  #isPlain(seen: RowReader, fd: number, rows: Uint32Array, at: number, into: Uint8Array, size: number): boolean {
    return (
      seen.isOpenAs(fd, rows, at) &&
      hasNoXattrs(fd) &&
      readFileFlags(fd) === 0 &&
      readWhole(fd, into, size) &&
      seen.isOpenAs(fd, rows, at)
    );
  }
}

function readWhole(fd: number, into: Uint8Array, size: number): boolean {
  for (let at = 0; at < size; ) {
    const got = readSync(fd, into, at, size - at, at);
    if (got === 0) return false;
    at += got;
  }
  return true;
}
