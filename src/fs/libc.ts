/**
 * The C library's file calls that Node lacks, through koffi. Linux with 64-bit `long` only; elsewhere, or where koffi
 * has no binary, {@link loadLibc} gives undefined and callers say which capability is missing (capabilities.ts).
 *
 * Every call returns its C result (≥ 0) or the negative errno, and never throws for what the system refuses: refusals
 * are ordinary here (one lgetxattr in a million files), and exceptions cost more than the calls. {@link throwErrno} turns
 * one into the error that Node would have thrown.
 *
 * Paths are bytes without a NUL at the end; one with a NUL inside is −EINVAL, never a shorter path.
 */
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { bindAccounts } from './libc-accounts.ts';
import { binder, cString, type Koffi, type Native } from './libc-call.ts';

type Path = Uint8Array;

/** `dirFd` for paths relative to the working directory. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_LENGTH = 256;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
/** `openat` flags that node:fs does not name. */
export const O_PATH = 0o10000000;
/** The same number on all Linux machines that koffi knows. */
export const O_CLOEXEC = 0o2000000;
/** A time for {@link Libc.utimensat} that leaves what is there (linux/stat.h). */
export const UTIME_OMIT = 'omit';
/** `_IOR('f', 1, long)` and `_IOW('f', 2, long)` on 64-bit machines, little-endian (linux/fs.h). */
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;

/** Nanoseconds since 1970 (may be negative), or leave it. */
export type FileTime = bigint | typeof UTIME_OMIT;

/** What is called here; see the manual pages of section 2 (getpwuid_r and its kin: 3). Results: ≥ 0 or −errno. */
export interface Libc {
  /** With an empty `list`, the size that is needed. */
  llistxattr(path: Path, list: Uint8Array): number;
  flistxattr(fd: number, list: Uint8Array): number;
  lgetxattr(path: Path, name: Uint8Array, value: Uint8Array): number;
  fgetxattr(fd: number, name: Uint8Array, value: Uint8Array): number;
  lsetxattr(path: Path, name: Uint8Array, value: Uint8Array, flags?: number): number;
  fsetxattr(fd: number, name: Uint8Array, value: Uint8Array, flags?: number): number;
  lremovexattr(path: Path, name: Uint8Array): number;
  /** These follow symlinks: only for `/proc/self/fd/<n>`, which leads to exactly the object that was opened. */
  listxattr(path: Path, list: Uint8Array): number;
  setxattr(path: Path, name: Uint8Array, value: Uint8Array, flags?: number): number;
  removexattr(path: Path, name: Uint8Array): number;
  fremovexattr(fd: number, name: Uint8Array): number;
  lseek(fd: number, offset: number, whence: number): number;
  /** Fills `records` with `struct linux_dirent64`s; 0 at the end of the directory. */
  getdents64(fd: number, records: Uint8Array): number;
  /** Punches holes or reserves space. */
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  /** Fills `record`, 256 bytes, with a `struct statx`. */
  statx(dirFd: number, path: Path, flags: number, mask: number, record: Uint8Array): number;
  /** The same without a copy of the path: it ends with a NUL of its own (and is nothing else with AT_EMPTY_PATH). */
  statxTerminated(dirFd: number, path: Path, flags: number, mask: number, record: Uint8Array): number;
  /** Exact to the nanosecond; flags: AT_SYMLINK_NOFOLLOW. */
  utimensat(dirFd: number, path: Path, atime: FileTime, mtime: FileTime, flags: number): number;
  futimens(fd: number, atime: FileTime, mtime: FileTime): number;
  /** `mode` with the type bits (S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFREG); `device` from {@link makeDevice}. */
  mknodat(dirFd: number, path: Path, mode: number, device: bigint): number;
  mkfifoat(dirFd: number, path: Path, mode: number): number;
  mkdirat(dirFd: number, path: Path, mode: number): number;
  linkat(oldDirFd: number, oldPath: Path, newDirFd: number, newPath: Path, flags: number): number;
  symlinkat(target: Uint8Array, dirFd: number, path: Path): number;
  /** Not terminated, cut at the length of `target`. */
  readlinkat(dirFd: number, path: Path, target: Uint8Array): number;
  /** Flags: RENAME_NOREPLACE, RENAME_EXCHANGE; −ENOSYS or −EINVAL where the file system cannot. */
  renameat2(oldDirFd: number, oldPath: Path, newDirFd: number, newPath: Path, flags: number): number;
  renameat(oldDirFd: number, oldPath: Path, newDirFd: number, newPath: Path): number;
  unlinkat(dirFd: number, path: Path, flags: number): number;
  /** A descriptor, close-on-exec; close it with fs.closeSync. */
  openat(dirFd: number, path: Path, flags: number, mode?: number): number;
  /** Follows a symlink: Linux has no lchmod. */
  fchmodat(dirFd: number, path: Path, mode: number): number;
  fchownat(dirFd: number, path: Path, uid: number, gid: number, flags: number): number;
  syncfs(fd: number): number;
  /** The attributes of lsattr(1) as a bit set, or −errno (−ENOTTY: this file system has none). */
  getFileFlags(fd: number): number;
  setFileFlags(fd: number, flags: number): number;
  /** Name of a user or group, by NSS; undefined when there is none. */
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
}

/** Device number of the C library from its halves (glibc's gnu_dev_makedev). */
export function makeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffn) << 8n) | ((a & ~0xfffn) << 32n) | (b & 0xffn) | ((b & ~0xffn) << 12n);
}

/** Gives a good result back; a negative one becomes an error with Node's `code`, `errno`, `syscall` and `path`. */
export function throwErrno(result: number, syscall: string, path?: Uint8Array): number {
  if (result >= 0) return result;
  throw errnoError(-result, syscall, path);
}

/** The error that Node would have made for this errno (positive). */
export function errnoError(errno: number, syscall: string, path?: Uint8Array): Error {
  const code = errnoName(errno);
  const where = path === undefined ? '' : ` '${Buffer.from(path).toString()}'`;
  const fields = { errno: -errno, code, syscall, ...(path === undefined ? {} : { path }) };
  return Object.assign(new Error(`${code}: ${syscall}${where}`), fields);
}

/** `ENOENT` for 2. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

let loaded: { readonly libc: Libc | undefined; readonly reason: string } | undefined;

/** The bindings, made once a thread (about 10 ms, at the first call); undefined where there are none. */
export function loadLibc(): Libc | undefined {
  return load().libc;
}

/** Why {@link loadLibc} gives undefined; empty when it does not. */
export function libcMissingReason(): string {
  return load().reason;
}

function load(): { readonly libc: Libc | undefined; readonly reason: string } {
  loaded ??= tryLoad();
  return loaded;
}

function tryLoad(): { readonly libc: Libc | undefined; readonly reason: string } {
  const wide = ['x64', 'arm64', 'riscv64', 'loong64'];
  if (process.platform !== 'linux' || !wide.includes(process.arch)) {
    return { libc: undefined, reason: `no bindings for ${process.platform} on ${process.arch}` };
  }
  try {
    // require, not import(): the first caller may be in the middle of synchronous work.
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    return { libc: bind(koffi), reason: '' };
  } catch (error) {
    return { libc: undefined, reason: `koffi does not load: ${error instanceof Error ? error.message : error}` };
  }
}

const { EINVAL } = constants.errno;

const SECOND = 1_000_000_000n;
const OMIT = (1n << 30n) - 2n;

/** Two `struct timespec` of 64-bit halves: the last ones asked for. */
const timeWords = new BigInt64Array(4);
const timeBytes = new Uint8Array(timeWords.buffer);

function timespecs(atime: FileTime, mtime: FileTime): Uint8Array {
  putTime(atime, 0);
  putTime(mtime, 2);
  return timeBytes;
}

function putTime(time: FileTime, at: number): void {
  if (time === UTIME_OMIT) {
    timeWords[at] = 0n;
    timeWords[at + 1] = OMIT;
    return;
  }
  // Rounded down, so that the nanoseconds are never negative: −1 ns is second −1 and 999,999,999.
  const rest = time % SECOND;
  const nanos = rest < 0n ? rest + SECOND : rest;
  timeWords[at] = (time - nanos) / SECOND;
  timeWords[at + 1] = nanos;
}

function bind(koffi: Koffi): Libc {
  const native = binder(koffi);
  return {
    ...bindAttributes(native),
    ...bindFollowing(native),
    ...bindDescriptors(native),
    ...bindNodes(native),
    ...bindNames(native),
    ...bindAccounts(koffi, native),
  };
}

type Attributes = 'llistxattr' | 'flistxattr' | 'lgetxattr' | 'fgetxattr';
type AttributeWrites = 'lsetxattr' | 'fsetxattr' | 'lremovexattr' | 'fremovexattr';
type FollowingAttributes = 'listxattr' | 'setxattr' | 'removexattr';

function bindFollowing(native: (signature: string) => Native): Pick<Libc, FollowingAttributes> {
  const list = native('int64_t listxattr(const void *path, void *list, size_t size)');
  const set = native('int setxattr(const void *path, const void *name, const void *value, size_t size, int flags)');
  const remove = native('int removexattr(const void *path, const void *name)');
  return {
    listxattr: (path, names) => withPath(path, (p) => list(p, names, names.length)),
    setxattr: (path, name, value, flags = 0) => withPaths(path, name, (p, n) => set(p, n, value, value.length, flags)),
    removexattr: (path, name) => withPaths(path, name, (p, n) => remove(p, n)),
  };
}

function bindAttributes(native: (signature: string) => Native): Pick<Libc, Attributes | AttributeWrites> {
  const llist = native('int64_t llistxattr(const void *path, void *list, size_t size)');
  const flist = native('int64_t flistxattr(int fd, void *list, size_t size)');
  const lget = native('int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)');
  const fget = native('int64_t fgetxattr(int fd, const void *name, void *value, size_t size)');
  const lset = native('int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)');
  const fset = native('int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)');
  const lremove = native('int lremovexattr(const void *path, const void *name)');
  const fremove = native('int fremovexattr(int fd, const void *name)');
  return {
    llistxattr: (path, list) => withPath(path, (p) => llist(p, list, list.length)),
    flistxattr: (fd, list) => flist(fd, list, list.length),
    lgetxattr: (path, name, value) => withPaths(path, name, (p, n) => lget(p, n, value, value.length)),
    fgetxattr: (fd, name, value) => withPath(name, (n) => fget(fd, n, value, value.length)),
    lsetxattr: (path, name, value, flags = 0) =>
      withPaths(path, name, (p, n) => lset(p, n, value, value.length, flags)),
    fsetxattr: (fd, name, value, flags = 0) => withPath(name, (n) => fset(fd, n, value, value.length, flags)),
    lremovexattr: (path, name) => withPaths(path, name, (p, n) => lremove(p, n)),
    fremovexattr: (fd, name) => withPath(name, (n) => fremove(fd, n)),
  };
}

function withPath(path: Uint8Array, call: (path: Buffer) => number): number {
  const text = cString(path);
  return text === undefined ? -EINVAL : call(text);
}

function withPaths(a: Uint8Array, b: Uint8Array, call: (a: Buffer, b: Buffer) => number): number {
  const first = cString(a);
  const second = cString(b);
  return first === undefined || second === undefined ? -EINVAL : call(first, second);
}

type Descriptors = 'lseek' | 'getdents64' | 'fallocate' | 'futimens' | 'syncfs' | 'getFileFlags' | 'setFileFlags';

/** The request says long, the kernel writes an int: the second half stays zero on little-endian machines. */
const flagWords = new Int32Array(2);
const flagBytes = new Uint8Array(flagWords.buffer);

function bindDescriptors(native: (signature: string) => Native): Pick<Libc, Descriptors> {
  const lseek = native('int64_t lseek(int fd, int64_t offset, int whence)');
  const getdents64 = native('int64_t getdents64(int fd, void *records, size_t size)');
  const fallocate = native('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
  const futimens = native('int futimens(int fd, const void *times)');
  const syncfs = native('int syncfs(int fd)');
  const ioctl = native('int ioctl(int fd, unsigned long request, ...)');
  return {
    lseek: (fd, offset, whence) => lseek(fd, offset, whence),
    getdents64: (fd, records) => getdents64(fd, records, records.length),
    fallocate: (fd, mode, offset, length) => fallocate(fd, mode, offset, length),
    futimens: (fd, atime, mtime) => futimens(fd, timespecs(atime, mtime)),
    syncfs: (fd) => syncfs(fd),
    getFileFlags(fd) {
      flagWords[0] = 0;
      const result = ioctl(fd, FS_IOC_GETFLAGS, 'void *', flagBytes);
      return result < 0 ? result : (flagWords[0] ?? 0) >>> 0;
    },
    setFileFlags: (fd, flags) => ioctl(fd, FS_IOC_SETFLAGS, 'void *', new Uint8Array(Int32Array.of(flags, 0).buffer)),
  };
}

type Nodes =
  | 'mknodat'
  | 'mkfifoat'
  | 'mkdirat'
  | 'symlinkat'
  | 'readlinkat'
  | 'openat'
  | 'fchmodat'
  | 'fchownat'
  | 'statx'
  | 'statxTerminated';

function bindNodes(native: (signature: string) => Native): Pick<Libc, Nodes | 'utimensat'> {
  const mknodat = native('int mknodat(int dir, const void *path, uint32_t mode, uint64_t device)');
  const mkfifoat = native('int mkfifoat(int dir, const void *path, uint32_t mode)');
  const mkdirat = native('int mkdirat(int dir, const void *path, uint32_t mode)');
  const symlinkat = native('int symlinkat(const void *target, int dir, const void *path)');
  const readlinkat = native('int64_t readlinkat(int dir, const void *path, void *target, size_t size)');
  const openat = native('int openat(int dir, const void *path, int flags, ...)');
  const fchmodat = native('int fchmodat(int dir, const void *path, uint32_t mode, int flags)');
  const fchownat = native('int fchownat(int dir, const void *path, uint32_t uid, uint32_t gid, int flags)');
  const statx = native('int statx(int dir, const void *path, int flags, unsigned int mask, void *record)');
  const utimensat = native('int utimensat(int dir, const void *path, const void *times, int flags)');
  return {
    mknodat: (dir, path, mode, device) => withPath(path, (p) => mknodat(dir, p, mode, device)),
    mkfifoat: (dir, path, mode) => withPath(path, (p) => mkfifoat(dir, p, mode)),
    mkdirat: (dir, path, mode) => withPath(path, (p) => mkdirat(dir, p, mode)),
    symlinkat: (target, dir, path) => withPaths(target, path, (t, p) => symlinkat(t, dir, p)),
    readlinkat: (dir, path, target) => withPath(path, (p) => readlinkat(dir, p, target, target.length)),
    openat: (dir, path, flags, mode = 0) => withPath(path, (p) => openat(dir, p, flags | O_CLOEXEC, 'uint32_t', mode)),
    fchmodat: (dir, path, mode) => withPath(path, (p) => fchmodat(dir, p, mode, 0)),
    fchownat: (dir, path, uid, gid, flags) => withPath(path, (p) => fchownat(dir, p, uid, gid, flags)),
    statx: (dir, path, flags, mask, record) => withPath(path, (p) => statx(dir, p, flags, mask, record)),
    statxTerminated: (dir, path, flags, mask, record) => statx(dir, path, flags, mask, record),
    utimensat: (dir, path, atime, mtime, flags) =>
      withPath(path, (p) => utimensat(dir, p, timespecs(atime, mtime), flags)),
  };
}

function bindNames(
  native: (signature: string) => Native,
): Pick<Libc, 'linkat' | 'renameat' | 'renameat2' | 'unlinkat'> {
  const linkat = native('int linkat(int from, const void *old, int to, const void *new_, int flags)');
  const renameat = native('int renameat(int from, const void *old, int to, const void *new_)');
  const renameat2 = native('int renameat2(int from, const void *old, int to, const void *new_, unsigned int flags)');
  const unlinkat = native('int unlinkat(int dir, const void *path, int flags)');
  return {
    linkat: (from, old, to, name, flags) => withPaths(old, name, (o, n) => linkat(from, o, to, n, flags)),
    renameat: (from, old, to, name) => withPaths(old, name, (o, n) => renameat(from, o, to, n)),
    renameat2: (from, old, to, name, flags) => withPaths(old, name, (o, n) => renameat2(from, o, to, n, flags)),
    unlinkat: (dir, path, flags) => withPath(path, (p) => unlinkat(dir, p, flags)),
  };
}
