/** Where a sparse file has data, so that its holes need not be read. */
import { constants } from 'node:os';
import { errnoError, type Libc, loadLibc, SEEK_DATA, SEEK_HOLE } from './libc.ts';
import type { FileStat } from './stat.ts';

export interface Extent {
  readonly offset: number;
  readonly length: number;
}

const { EINVAL, ENXIO, EOPNOTSUPP } = constants.errno;

/** Less space than bytes: there are holes (or the file system compresses). Known everywhere, without a call. */
export function maySparse(stat: FileStat): boolean {
  return stat.type === 'file' && stat.blocks * 512 < stat.size;
}

/**
 * The parts of the first `stat.size` bytes that are not holes, in order, apart from each other. One extent, the whole
 * file, when it takes all its space; undefined where the system does not tell (then look for zeros while reading).
 * The extents are rounded outwards to the file system's blocks. A file that shrinks or is written meanwhile gives some
 * extents within the size: whether they were right, only SourceFile.finish() says.
 * @throws the system's error (EIO)
 */
export function dataExtents(fd: number, stat: FileStat): Extent[] | undefined {
  const { size } = stat;
  if (!maySparse(stat)) return size === 0 ? [] : [{ offset: 0, length: size }];
  const libc = loadLibc();
  return libc === undefined ? undefined : askExtents(libc, fd, size);
}

function askExtents(libc: Libc, fd: number, size: number): Extent[] | undefined {
  const extents: Extent[] = [];
  for (let at = 0; at < size; ) {
    const start = seek(libc, fd, at, SEEK_DATA);
    if (start === 'unknown') return undefined;
    if (start === 'past the end' || start >= size) break;
    const hole = seek(libc, fd, start, SEEK_HOLE);
    // No hole after it, or one where data had just been (punched meanwhile): all the rest counts as data.
    const end = typeof hole === 'number' && hole > start ? Math.min(hole, size) : size;
    extents.push({ offset: start, length: end - start });
    at = end;
  }
  return extents;
}

/** 'past the end': no data from there on, or the file has shrunk to less. @throws the system's error */
function seek(libc: Libc, fd: number, at: number, whence: number): number | 'past the end' | 'unknown' {
  const found = libc.lseek(fd, at, whence);
  if (found >= 0) return found;
  if (found === -ENXIO) return 'past the end';
  if (found === -EINVAL || found === -EOPNOTSUPP) return 'unknown';
  throw errnoError(-found, 'lseek');
}
