/**
 * Paths are bytes, as the kernel has them: no encoding, `/` between names, no NUL. Everything here is lexical; nothing
 * touches the disk. Results are Buffers, which node:fs takes as they are.
 */
import { Buffer } from 'node:buffer';

const SLASH = 0x2f;
const DOT = 0x2e;

/** The path of text, in UTF-8. */
export function pathOf(text: string): Buffer {
  return Buffer.from(text);
}

/** The same memory, as the class that node:fs wants. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `parent/name` with one slash between; an empty parent gives the name alone. */
export function joinPath(parent: Uint8Array, name: Uint8Array): Buffer {
  if (parent.length === 0) return asBuffer(name);
  const gap = parent[parent.length - 1] === SLASH ? 0 : 1;
  const joined = Buffer.allocUnsafe(parent.length + gap + name.length);
  joined.set(parent);
  if (gap === 1) joined[parent.length] = SLASH;
  joined.set(name, parent.length + gap);
  return joined;
}

export function isAbsolutePath(path: Uint8Array): boolean {
  return path[0] === SLASH;
}

/** The names between the slashes; empty ones are left out, `.` and `..` stay. */
export function splitPath(path: Uint8Array): Buffer[] {
  const bytes = asBuffer(path);
  const names: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = bytes.indexOf(SLASH, at);
    const end = next < 0 ? bytes.length : next;
    if (end > at) names.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return names;
}

/** The last name; empty for `/` and for nothing. */
export function baseName(path: Uint8Array): Buffer {
  return splitPath(path).at(-1) ?? Buffer.alloc(0);
}

/** Everything before the last name, without a slash at its end: `/` for `/a` and `/`, `.` for `a`. */
export function parentPath(path: Uint8Array): Buffer {
  const bytes = asBuffer(path);
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === SLASH) end -= 1;
  if (end === 1 && bytes[0] === SLASH) return bytes.subarray(0, 1);
  while (end > 0 && bytes[end - 1] !== SLASH) end -= 1;
  while (end > 1 && bytes[end - 1] === SLASH) end -= 1;
  return end === 0 ? pathOf('.') : bytes.subarray(0, end);
}

/**
 * Without `.`, double and closing slashes, and with `name/..` taken away: as text, not as the disk has it (`a/..` is
 * wrong where `a` is a symlink, so it is for what people type and for comparisons, not for what a tree says).
 * `..` above the root vanishes, above a relative beginning it stays; nothing left is `.`.
 */
export function normalisePath(path: Uint8Array): Buffer {
  const absolute = isAbsolutePath(path);
  const kept: Buffer[] = [];
  for (const name of splitPath(path)) {
    if (isDotDot(name)) climb(kept, name, absolute);
    else if (!isDot(name)) kept.push(name);
  }
  if (kept.length === 0) return pathOf(absolute ? '/' : '.');
  return joinNames(kept, absolute);
}

function climb(kept: Buffer[], dotDot: Buffer, absolute: boolean): void {
  const last = kept.at(-1);
  if (last !== undefined && !isDotDot(last)) kept.pop();
  else if (!absolute) kept.push(dotDot);
}

/** The absolute, normalised path of `path` as seen from `directory` (absolute itself). */
export function resolvePath(directory: Uint8Array, path: Uint8Array): Buffer {
  return normalisePath(isAbsolutePath(path) ? path : joinPath(directory, path));
}

/** The names with slashes between; `absolute` puts one in front. */
export function joinNames(names: readonly Uint8Array[], absolute: boolean): Buffer {
  const slash = Buffer.from([SLASH]);
  const parts = names.flatMap((name, index) => (index > 0 || absolute ? [slash, name] : [name]));
  return parts.length === 0 && absolute ? slash : Buffer.concat(parts);
}

/** True for the directory itself and for all below it; both normalised. */
export function isWithin(directory: Uint8Array, path: Uint8Array): boolean {
  const [outer, inner] = [asBuffer(directory), asBuffer(path)];
  if (inner.length < outer.length || !inner.subarray(0, outer.length).equals(outer)) return false;
  return inner.length === outer.length || outer.at(-1) === SLASH || inner[outer.length] === SLASH;
}

export function isDot(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === DOT;
}

export function isDotDot(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === DOT && name[1] === DOT;
}

/** A path from its own text form: one character a byte, which sorts as the bytes do and is half the memory. */
export function pathOfLatin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
