/** Which files a worker is to read, and how the walk saw them: in few arrays, for objects are dear to hand to a thread. */
import { makeDevice } from '../../fs/libc.ts';
import { maySparse } from '../../fs/sparse.ts';
import type { FileStat } from '../../fs/stat.ts';
import { putStat, ROW_WORDS } from '../../fs/stat-row.ts';
import type { FileRequest } from './jobs.ts';

/** Cannot be in a path. */
const SEPARATOR = '\0';

export interface FileRequests {
  readonly count: number;
  /** Whole paths on disk, their bytes as latin1, with a NUL between them. */
  readonly paths: string;
  /** How each looked (fs/stat-row.ts). */
  readonly rows: Uint32Array;
  /** Of each, 1 if it may have holes. */
  readonly sparse: Uint8Array;
}

/** `path`: as in {@link FileRequest}. */
export function packRequests(files: readonly { readonly path: string; readonly stat: FileStat }[]): FileRequests {
  const rows = new Uint32Array(files.length * ROW_WORDS);
  const sparse = new Uint8Array(files.length);
  const paths: string[] = [];
  for (const { path, stat } of files) {
    const i = paths.length;
    paths.push(path);
    putStat(rows, i * ROW_WORDS, stat);
    if (maySparse(stat)) sparse[i] = 1;
  }
  return { count: files.length, paths: paths.join(SEPARATOR), rows, sparse };
}

/** Node gives inodes and devices as signed numbers of 64 bits. */
function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

/** One of them, as it is asked for alone. */
export function requestOf({ rows }: FileRequests, i: number, path: string): FileRequest {
  const at = i * ROW_WORDS;
  const inode = (BigInt(rows[at + 5] ?? 0) << 32n) | BigInt(rows[at + 4] ?? 0);
  return { path, inode: signed(inode), device: signed(makeDevice(rows[at + 14] ?? 0, rows[at + 15] ?? 0)) };
}

export function pathsOf({ count, paths }: FileRequests): string[] {
  return count === 0 ? [] : paths.split(SEPARATOR);
}

const row = new Uint32Array(ROW_WORDS);

/** True if the open file is in all as the walk saw it (its access time alone does not count). */
export function isAsSeen({ rows }: FileRequests, i: number, stat: FileStat): boolean {
  putStat(row, 0, stat);
  return row.every((word, k) => word === rows[i * ROW_WORDS + k]);
}
