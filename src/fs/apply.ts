/**
 * Metadata onto one restored object, in the only safe order: owner → extended attributes (ACLs among them) → mode →
 * times. Attributes come before the mode because an ACL must hold before the group bits open the file (they are its mask),
 * and because a user attribute cannot be set on a read-only file; the mode comes after the owner because a change of owner
 * clears setuid, and must, when the owner is the wrong one.
 *
 * The object is named by a path that leads to it and cannot be swapped: `/proc/self/fd/<n>` of a descriptor opened with
 * O_NOFOLLOW. Without /proc it is a plain path, and calls that do not follow symlinks are used.
 */
import type { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { messageOf, systemCode } from '../core/errors.ts';
import { applyAttributes } from './apply-attributes.ts';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, errnoName, loadLibc, UTIME_OMIT } from './libc.ts';

const SETUID_SETGID = 0o6000;

export interface Attribute {
  /** With its namespace: `user.comment`, `system.posix_acl_access`. */
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** What a restored object shall have. */
export interface EntryMetadata {
  /** Permission bits with setuid, setgid, sticky (07777); others are ignored. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Left as it is when absent. */
  readonly atime?: bigint;
  /** All that the object shall have; those of the managed namespaces that are not listed are removed. Absent: left alone. */
  readonly attributes?: readonly Attribute[];
}

/** One thing that could not be applied. */
export interface ApplyProblem {
  /** 'directory': a whole directory's metadata. */
  readonly what: 'directory' | 'mode' | 'attribute' | 'times';
  /** Of the object, relative to the target. */
  readonly path: Uint8Array;
  readonly attribute?: Uint8Array;
  readonly message: string;
}

export interface ApplyOptions {
  /** False: the owner stays whoever runs this; then setuid and setgid are kept only where the owner is right by chance. */
  readonly owners: boolean;
  /** `security.*` attributes (file capabilities, labels) are set and removed only when true. */
  readonly securityAttributes: boolean;
  readonly onProblem: (problem: ApplyProblem) => void;
  /** The owner could not be set: called for every object; the caller says it once. */
  readonly onOwnerRefused: (path: Uint8Array, message: string) => void;
}

export interface AppliedObject {
  /** Leads to the object for good, see above. */
  readonly handle: Buffer;
  /** True when `handle` is a plain path, whose last component must not be followed. */
  readonly plainPath: boolean;
  /** Relative to the target, for reports. */
  readonly path: Uint8Array;
}

/** Never throws for what the system refuses: each refusal is reported, the rest is still applied. */
export function applyMetadata(object: AppliedObject, metadata: EntryMetadata, options: ApplyOptions): void {
  const now = lookAt(object);
  const rightOwner = applyOwner(object, now, metadata, options);
  if (metadata.attributes !== undefined) applyAttributes(object, metadata.attributes, options);
  if (!now.isSymbolicLink()) applyMode(object, rightOwner ? metadata.mode : metadata.mode & ~SETUID_SETGID, options);
  applyTimes(object, metadata, options);
}

function lookAt(object: AppliedObject): fs.Stats {
  return object.plainPath ? fs.lstatSync(object.handle) : fs.statSync(object.handle);
}

/** True when the object now has the owner and group it shall have; looked at, as some file systems map owners silently. */
function applyOwner(object: AppliedObject, now: fs.Stats, metadata: EntryMetadata, options: ApplyOptions): boolean {
  const { uid, gid } = metadata;
  if (now.uid === uid && now.gid === gid) return true;
  if (!options.owners) return false;
  const change = object.plainPath ? fs.lchownSync : fs.chownSync;
  try {
    change(object.handle, uid, gid);
  } catch (error) {
    options.onOwnerRefused(object.path, systemCode(error) ?? messageOf(error));
    // The group alone may be allowed: anyone may give a file to a group he is in.
    if (now.gid !== gid) attempt(() => change(object.handle, now.uid, gid));
    return false;
  }
  const then = lookAt(object);
  if (then.uid === uid && then.gid === gid) return true;
  options.onOwnerRefused(object.path, 'the file system keeps another owner');
  return false;
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // The refusal was reported with the first call.
  }
}

function applyMode(object: AppliedObject, mode: number, options: ApplyOptions): void {
  try {
    fs.chmodSync(object.handle, mode & 0o7777);
  } catch (error) {
    options.onProblem({ what: 'mode', path: object.path, message: systemCode(error) ?? messageOf(error) });
  }
}

function applyTimes(object: AppliedObject, metadata: EntryMetadata, options: ApplyOptions): void {
  const refusal = setTimes(object, metadata);
  if (refusal !== undefined) options.onProblem({ what: 'times', path: object.path, message: refusal });
}

/** The refusal, if any. Without the C library the time is a double: up to some hundred ns off. */
function setTimes(object: AppliedObject, metadata: EntryMetadata): string | undefined {
  const libc = loadLibc();
  if (libc !== undefined) {
    const flags = object.plainPath ? AT_SYMLINK_NOFOLLOW : 0;
    const result = libc.utimensat(AT_FDCWD, object.handle, metadata.atime ?? UTIME_OMIT, metadata.mtime, flags);
    return result < 0 ? errnoName(-result) : undefined;
  }
  const seconds = (time: bigint): number => Number(time) / 1e9;
  const atime = metadata.atime === undefined ? lookAt(object).atimeMs / 1e3 : seconds(metadata.atime);
  try {
    (object.plainPath ? fs.lutimesSync : fs.utimesSync)(object.handle, atime, seconds(metadata.mtime));
    return undefined;
  } catch (error) {
    return systemCode(error) ?? messageOf(error);
  }
}
