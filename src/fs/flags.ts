/** The attributes of chattr(1): `i` immutable, `a` append only, `d` no dump, `C` no copy on write, … */
import { constants } from 'node:os';
import { errnoName, loadLibc } from './libc.ts';

/**
 * The ones that somebody sets (linux/fs.h, FS_*_FL), by their letters in lsattr(1). All others tell how the file system
 * keeps the file (extents, inline data, encryption …) and mean nothing elsewhere.
 */
export const FILE_FLAGS = {
  s: 0x1,
  u: 0x2,
  c: 0x4,
  S: 0x8,
  i: 0x10,
  a: 0x20,
  d: 0x40,
  A: 0x80,
  m: 0x400,
  j: 0x4000,
  t: 0x8000,
  D: 0x10000,
  T: 0x20000,
  C: 0x800000,
} as const;

/** All of {@link FILE_FLAGS}. */
export const FILE_FLAGS_MASK = Object.values(FILE_FLAGS).reduce((all, bit) => all | bit, 0);

const { EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP } = constants.errno;

/**
 * Bits of {@link FILE_FLAGS} of an open regular file or directory; 0 where the file system has no such thing; the
 * system's code when it has and does not tell; 'UNAVAILABLE' without bindings.
 */
export function readFileFlags(fd: number): number | string {
  const libc = loadLibc();
  if (libc === undefined) return 'UNAVAILABLE';
  const flags = libc.getFileFlags(fd);
  if (flags >= 0) return flags & FILE_FLAGS_MASK;
  return [EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP].includes(-flags) ? 0 : errnoName(-flags);
}

/** `ia` for immutable and append only. */
export function describeFlags(flags: number): string {
  return Object.entries(FILE_FLAGS)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
}
