/**
 * Extended attributes, symlinks not followed; POSIX ACLs (system.posix_acl_access, system.posix_acl_default) and file
 * capabilities (security.capability) are among them, raw.
 *
 * Who may read what (xattr(7)): `user.*` as the content; `trusted.*` only CAP_SYS_ADMIN, and for all others the system
 * does not even list them ({@link hiddenNamespaces} says so); `system.*` and most of `security.*` everybody.
 */
import { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import { compareBytes, decodeUtf8 } from '../core/bytes.ts';
import { messageOf } from '../core/errors.ts';
import { errnoName, type Libc, loadLibc } from './libc.ts';
import { loadNapiXattr, type NapiXattr } from './napi-xattr.ts';
import { asBuffer } from './path.ts';

export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** An attribute (or, without a name, the list of them) that is there and could not be read. */
export interface XattrProblem {
  readonly name?: Uint8Array;
  /** The system's code, or `UNAVAILABLE`: this platform has no way to ask. */
  readonly code: string;
}

export interface Xattrs {
  /** Sorted by the bytes of their names. */
  readonly attributes: readonly Xattr[];
  readonly problems: readonly XattrProblem[];
}

const NONE: Xattrs = { attributes: [], problems: [] };
const { ENODATA, ENOENT, ENOTDIR, EOPNOTSUPP, ERANGE } = constants.errno;

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h: no list and no value is longer on Linux. */
const room = 64 * 1024;
const listBuffer = Buffer.alloc(room);
const valueBuffer = Buffer.alloc(room);

/** One way to ask: by path or by descriptor. */
interface Source {
  list(into: Uint8Array): number;
  get(name: Uint8Array, into: Uint8Array): number;
}

/**
 * All attributes of what `access` names (a path no longer than the kernel takes: WalkEvent.access, or reachPath).
 * Never throws: refusals are problems. What vanished has no attributes. About 2 µs when there are none.
 */
export function readXattrs(access: Uint8Array): Xattrs {
  const libc = loadLibc();
  if (libc === undefined) return readByText(access);
  return read(byPath(libc, access));
}

/** The same of an open file or directory: cheaper, and surely of the same inode. */
export function readXattrsOf(fd: number): Xattrs {
  const libc = loadLibc();
  if (libc === undefined) return { attributes: [], problems: [{ code: 'UNAVAILABLE' }] };
  return read({
    list: (into) => libc.flistxattr(fd, into),
    get: (name, into) => libc.fgetxattr(fd, name, into),
  });
}

/** No list of attributes is that short: only nothing fits. */
const NO_ROOM = new Uint8Array(1);

/** True of an open file that surely has no attributes: in one call, and without an object. */
export function hasNoXattrs(fd: number): boolean {
  const count = loadLibc()?.flistxattr(fd, NO_ROOM);
  return count !== undefined && (count === 0 || isAbsence(count));
}

/** Namespaces that this process cannot see at all, because the system leaves them out of its lists. */
export function hiddenNamespaces(): readonly string[] {
  if (process.platform !== 'linux') return [];
  // CAP_SYS_ADMIN usually goes with uid 0; a root without it in a container is told by no cheap call.
  return process.geteuid?.() === 0 ? [] : ['trusted'];
}

function byPath(libc: Libc, path: Uint8Array): Source {
  return {
    list: (into) => libc.llistxattr(path, into),
    get: (name, into) => libc.lgetxattr(path, name, into),
  };
}

function read(source: Source): Xattrs {
  const list = whole((into) => source.list(into), listBuffer);
  if (typeof list === 'number') {
    if (list === 0 || isAbsence(list)) return NONE;
    return { attributes: [], problems: [{ code: errnoName(-list) }] };
  }
  const attributes: Xattr[] = [];
  const problems: XattrProblem[] = [];
  for (const name of namesOf(list)) {
    const value = whole((into) => source.get(name, into), valueBuffer);
    if (typeof value !== 'number') attributes.push({ name, value });
    else if (value === 0) attributes.push({ name, value: Buffer.alloc(0) });
    // ENODATA: removed since it was listed, or listed by a file system that has no value for it.
    else if (!isAbsence(value)) problems.push({ name, code: errnoName(-value) });
  }
  return { attributes: attributes.sort((a, b) => compareBytes(a.name, b.name)), problems };
}

/** Nothing there: the file, the attribute, or the very idea of attributes. */
function isAbsence(result: number): boolean {
  return [ENODATA, ENOENT, ENOTDIR, EOPNOTSUPP].includes(-result);
}

/** A copy of all the bytes; 0 when there are none, or −errno. Grows its room when the system says so (not on Linux). */
function whole(call: (into: Uint8Array) => number, shared: Buffer): Buffer | number {
  let into = shared;
  for (;;) {
    const count = call(into);
    if (count === -ERANGE && into.length < 1 << 26) into = Buffer.alloc(into.length * 4);
    else return count > 0 ? Buffer.from(into.subarray(0, count)) : count;
  }
}

/** The names of a list: each ends with a NUL. */
function namesOf(list: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let at = 0; at < list.length; ) {
    const end = list.indexOf(0, at);
    const stop = end < 0 ? list.length : end;
    if (stop > at) names.push(list.subarray(at, stop));
    at = stop + 1;
  }
  return names;
}

/** Without bindings: the package @napi-rs/xattr, which takes text only. */
function readByText(access: Uint8Array): Xattrs {
  const napi = loadNapiXattr();
  const path = decodeUtf8(access);
  if (napi === undefined || path === undefined) return { attributes: [], problems: [{ code: 'UNAVAILABLE' }] };
  try {
    return readAll(napi, path);
  } catch (error) {
    if (/not supported|ENOTSUP|ENOENT|No such file/i.test(messageOf(error))) return NONE;
    return { attributes: [], problems: [{ code: 'UNKNOWN' }] };
  }
}

function readAll(napi: NapiXattr, path: string): Xattrs {
  const attributes: Xattr[] = [];
  const problems: XattrProblem[] = [];
  for (const text of napi.listAttributesSync(path)) {
    const name = Buffer.from(text);
    try {
      const value = napi.getAttributeSync(path, text);
      if (value !== null) attributes.push({ name, value: asBuffer(value) });
    } catch {
      problems.push({ name, code: 'UNKNOWN' });
    }
  }
  return { attributes: attributes.sort((a, b) => compareBytes(a.name, b.name)), problems };
}
