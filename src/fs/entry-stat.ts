/** One look at an entry of an open directory: by descriptor and name, without the way through /proc. */
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { AT_SYMLINK_NOFOLLOW, loadLibc, makeDevice, throwErrno } from './libc.ts';

type Wanted =
  | 'isFile'
  | 'isDirectory'
  | 'isSymbolicLink'
  | 'isFIFO'
  | 'isSocket'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'nlink'
  | 'size'
  | 'mtimeNs'
  | 'ino'
  | 'dev';

/** What is asked of an entry that may be in the way; node's own stats have it too. */
export type EntryStat = Pick<BigIntStats, Wanted>;

const SECOND = 1_000_000_000n;
const { ENOENT, ENOTDIR, ENOSYS } = system.errno;
/** Of linux/stat.h: STATX_BASIC_STATS. */
const BASIC = 0x7ff;

/** `struct statx` of linux/stat.h: the last one asked for. */
const record = new Uint8Array(256);
const view = new DataView(record.buffer);
const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

class StatxEntry implements EntryStat {
  readonly nlink = BigInt(view.getUint32(16, little));
  readonly uid = BigInt(view.getUint32(20, little));
  readonly gid = BigInt(view.getUint32(24, little));
  readonly mode = BigInt(view.getUint16(28, little));
  readonly ino = view.getBigUint64(32, little);
  readonly size = view.getBigUint64(40, little);
  readonly mtimeNs = view.getBigInt64(112, little) * SECOND + BigInt(view.getUint32(120, little));
  readonly dev = makeDevice(view.getUint32(136, little), view.getUint32(140, little));
  readonly #type = view.getUint16(28, little) & constants.S_IFMT;

  isFile(): boolean {
    return this.#type === constants.S_IFREG;
  }

  isDirectory(): boolean {
    return this.#type === constants.S_IFDIR;
  }

  isSymbolicLink(): boolean {
    return this.#type === constants.S_IFLNK;
  }

  isFIFO(): boolean {
    return this.#type === constants.S_IFIFO;
  }

  isSocket(): boolean {
    return this.#type === constants.S_IFSOCK;
  }
}

/** Does not follow a symlink. 'missing' when nothing is there; undefined where the call is not to be had. @throws system errors */
export function statEntry(directoryFd: number, name: Uint8Array): EntryStat | 'missing' | undefined {
  const libc = loadLibc();
  if (libc === undefined) return undefined;
  const result = libc.statx(directoryFd, name, AT_SYMLINK_NOFOLLOW, BASIC, record);
  if (result === -ENOENT || result === -ENOTDIR) return 'missing';
  if (result === -ENOSYS) return undefined;
  throwErrno(result, 'statx', name);
  return new StatxEntry();
}
