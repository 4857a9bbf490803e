/** Which files a worker is to read, and how the walk saw them: in few arrays, for objects are dear to hand to a thread. */
import type { FileStat } from '../../fs/stat.ts';
import type { FileRequest } from './jobs.ts';

/** Cannot be in a path. */
const SEPARATOR = '\0';
const TIMES = 4;
const NUMBERS = 5;

export interface FileRequests {
  readonly count: number;
  /** Whole paths on disk, their bytes as latin1, with a NUL between them. */
  readonly paths: string;
  /** Inode, device, mtime, ctime of each. */
  readonly times: BigInt64Array;
  /** Size, mode, uid, gid, links of each. */
  readonly numbers: Float64Array;
}

export type SeenFile = Pick<
  FileStat,
  'inode' | 'device' | 'mtime' | 'ctime' | 'size' | 'mode' | 'uid' | 'gid' | 'links'
>;

/** `path`: as in {@link FileRequest}. */
export function packRequests(files: readonly { readonly path: string; readonly stat: SeenFile }[]): FileRequests {
  const times = new BigInt64Array(files.length * TIMES);
  const numbers = new Float64Array(files.length * NUMBERS);
  for (const [i, { stat }] of files.entries()) {
    times[i * TIMES] = stat.inode;
    times[i * TIMES + 1] = stat.device;
    times[i * TIMES + 2] = stat.mtime;
    times[i * TIMES + 3] = stat.ctime;
    numbers[i * NUMBERS] = stat.size;
    numbers[i * NUMBERS + 1] = stat.mode;
    numbers[i * NUMBERS + 2] = stat.uid;
    numbers[i * NUMBERS + 3] = stat.gid;
    numbers[i * NUMBERS + 4] = stat.links;
  }
  return { count: files.length, paths: files.map(({ path }) => path).join(SEPARATOR), times, numbers };
}

/** Node gives inodes and devices as signed numbers of 64 bits, too. */
export function requestsOf({ count, paths, times }: FileRequests): FileRequest[] {
  if (count === 0) return [];
  return paths.split(SEPARATOR).map((path, i) => ({
    path,
    inode: times[i * TIMES] ?? 0n,
    device: times[i * TIMES + 1] ?? 0n,
  }));
}

/** True if the open file is in all as the walk saw it (its access time alone does not count). */
export function isAsSeen({ times, numbers }: FileRequests, i: number, stat: SeenFile): boolean {
  return (
    times[i * TIMES + 2] === stat.mtime &&
    times[i * TIMES + 3] === stat.ctime &&
    numbers[i * NUMBERS] === stat.size &&
    numbers[i * NUMBERS + 1] === stat.mode &&
    numbers[i * NUMBERS + 2] === stat.uid &&
    numbers[i * NUMBERS + 3] === stat.gid &&
    numbers[i * NUMBERS + 4] === stat.links
  );
}
