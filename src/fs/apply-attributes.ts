/** Extended attributes and ACLs of one restored object: exactly those of the snapshot, within what neo manages. */
import { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import { displayBytes } from '../core/bytes.ts';
import type { AppliedObject, ApplyOptions, Attribute } from './apply.ts';
import { errnoName, type Libc, libcMissingReason, loadLibc } from './libc.ts';

/** Set and removed: what users, root and ACLs own. Others in `system.` belong to the file system itself. */
const MANAGED = ['user.', 'trusted.', 'system.posix_acl_access', 'system.posix_acl_default'];
/** XATTR_LIST_MAX of linux/limits.h: no list is longer. */
const listBuffer = Buffer.alloc(65_536);

type Report = (name: Uint8Array, message: string) => void;

/** Sets all of `wanted`, removes the other managed ones; each refusal is reported with the attribute's name. */
export function applyAttributes(object: AppliedObject, wanted: readonly Attribute[], options: ApplyOptions): void {
  const libc = loadLibc();
  const report: Report = (name, message) =>
    options.onProblem({ what: 'attribute', path: object.path, attribute: name, message });
  if (libc === undefined) {
    for (const { name } of wanted) report(name, libcMissingReason());
    return;
  }
  const calls = callsOf(libc, object);
  // Removed first: an ACL that is not wanted must be gone before others are let in.
  const keep = new Set(wanted.map(({ name }) => Buffer.from(name).toString('latin1')));
  for (const name of present(calls)) {
    const text = name.toString('latin1');
    if (!keep.has(text) && isManaged(text, options)) removeOne(calls, name, report);
  }
  for (const attribute of wanted) setOne(calls, attribute, options, report);
}

function removeOne(calls: AttributeCalls, name: Uint8Array, report: Report): void {
  const result = calls.remove(name);
  if (result < 0) report(name, `cannot be removed: ${errnoName(-result)}`);
}

function setOne(calls: AttributeCalls, { name, value }: Attribute, options: ApplyOptions, report: Report): void {
  const text = Buffer.from(name).toString('latin1');
  if (!isManaged(text, options)) {
    const asked = text.startsWith('security.');
    if (!asked) report(name, `not restored: ${displayBytes(name)} is not in a namespace that neo writes`);
    return;
  }
  const result = calls.set(name, value);
  if (result < 0) report(name, errnoName(-result));
}

function isManaged(name: string, options: ApplyOptions): boolean {
  if (name.startsWith('security.')) return options.securityAttributes;
  return MANAGED.some((prefix) => (prefix.endsWith('.') ? name.startsWith(prefix) : name === prefix));
}

/** True if a new file in the directory may get managed attributes from it: a default ACL. `path` is followed. */
export function handsDownAttributes(path: Uint8Array): boolean {
  const libc = loadLibc();
  if (libc === undefined) return true;
  const length = libc.listxattr(path, listBuffer);
  if (length < 0) return length !== -constants.errno.ENOTSUP;
  return length > 0 && listBuffer.subarray(0, length).includes('system.posix_acl_default');
}

/** True of an object that surely has no attribute, whoever manages it. `path` is followed. */
export function hasNoAttributes(path: Uint8Array): boolean {
  const length = loadLibc()?.listxattr(path, listBuffer);
  return length === 0 || length === -constants.errno.ENOTSUP;
}

interface AttributeCalls {
  list(names: Uint8Array): number;
  set(name: Uint8Array, value: Uint8Array): number;
  remove(name: Uint8Array): number;
}

function callsOf(libc: Libc, { handle, plainPath }: AppliedObject): AttributeCalls {
  if (plainPath) {
    return {
      list: (names) => libc.llistxattr(handle, names),
      set: (name, value) => libc.lsetxattr(handle, name, value),
      remove: (name) => libc.lremovexattr(handle, name),
    };
  }
  return {
    list: (names) => libc.listxattr(handle, names),
    set: (name, value) => libc.setxattr(handle, name, value),
    remove: (name) => libc.removexattr(handle, name),
  };
}

/** The names on the object now; none where the file system has no attributes. */
function present(calls: AttributeCalls): readonly Buffer[] {
  const length = calls.list(listBuffer);
  return length > 0 ? splitNames(listBuffer.subarray(0, length)) : [];
}

function splitNames(list: Buffer): readonly Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf(0, start);
    names.push(list.subarray(start, end));
    start = end + 1;
  }
  return names;
}
