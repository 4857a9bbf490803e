/** Nodes to JSON and back. Everything read is checked: it comes from storage. */
import { type ByteString, fromBase64, fromByteString, toBase64, toByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ContentKey, contentKey } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import type { Chunk, Content, Extent, Node, NodeType, Xattr } from './node.ts';

const LETTERS: Readonly<Record<NodeType, string>> = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  chardev: 'c',
  blockdev: 'b',
};
const TYPES: ReadonlyMap<unknown, NodeType> = new Map(
  Object.entries(LETTERS).map(([type, letter]) => [letter, type as NodeType]),
);

export function nodeToJson(node: Node): Json {
  return {
    n: toByteString(node.name) as Json,
    t: LETTERS[node.type],
    m: node.mode,
    u: node.uid,
    g: node.gid,
    U: node.user,
    G: node.group,
    M: String(node.mtime),
    C: String(node.ctime),
    A: node.atime === undefined ? undefined : String(node.atime),
    B: node.birthtime === undefined ? undefined : String(node.birthtime),
    i: String(node.inode),
    D: node.device === 0 ? undefined : node.device,
    h: node.links === 1 ? undefined : node.links,
    s: node.type === 'file' ? node.size : undefined,
    L: node.target === undefined ? undefined : (toByteString(node.target) as Json),
    R: node.rdev === undefined ? undefined : [node.rdev.major, node.rdev.minor],
    x: node.xattrs === undefined ? undefined : xattrsToJson(node.xattrs),
    X: contentToJson(node.xattrContent),
    S: node.extents?.map(({ offset, length }) => [offset, length]),
    Z: contentToJson(node.extentContent),
    F: node.flags,
    c: contentToJson(node.content),
    K: node.contentHash === undefined ? undefined : toBase64(node.contentHash),
    k: node.tree === undefined ? undefined : toBase64(node.tree),
  };
}

export function xattrsToJson(xattrs: readonly Xattr[]): Json {
  return xattrs.map(({ name, value }) => [toByteString(name) as Json, toBase64(value)]);
}

function contentToJson(content: Content | undefined): Json | undefined {
  if (content === undefined) return undefined;
  if (content.type === 'slice') return { k: toBase64(content.bundle), o: content.offset, z: content.bundleLength };
  if (content.type === 'list') return { L: toBase64(content.key) };
  return { l: content.chunks.map(({ key, length }) => [toBase64(key), length]) };
}

type Members = Readonly<Record<string, unknown>>;

function refuse(what: string): never {
  throw new NeoError('integrity', `tree has a malformed entry: ${what}`);
}

export function asObject(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(what);
  return value as Members;
}

export function asArray(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(what);
}

export function asCount(value: unknown, what: string, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) return refuse(what);
  return value;
}

function asText(value: unknown, what: string): string {
  return typeof value === 'string' ? value : refuse(what);
}

export function asKey(value: unknown): ContentKey {
  return contentKey(fromBase64(asText(value, 'key')));
}

export function asByteString(value: unknown, what: string): Uint8Array {
  if (typeof value === 'string') return fromByteString(value);
  return fromByteString({ b: asText(asObject(value, what)['b'], what) } satisfies ByteString);
}

function asNanoseconds(value: unknown, what: string): bigint {
  const text = asText(value, what);
  return /^-?\d{1,20}$/.test(text) ? BigInt(text) : refuse(what);
}

/** A single component: never a way out of its directory. */
export function asName(value: unknown): Uint8Array {
  const name = asByteString(value, 'name');
  const [first, second] = name;
  const dots = first === 0x2e && (name.length === 1 || (name.length === 2 && second === 0x2e));
  if (name.length === 0 || dots || name.includes(0x2f) || name.includes(0)) return refuse('name');
  return name;
}

/** @throws NeoError integrity */
export function nodeFromJson(value: unknown): Node {
  const json = asObject(value, 'not an object');
  const type = TYPES.get(json['t']) ?? refuse('type');
  return {
    name: asName(json['n']),
    type,
    mode: asCount(json['m'], 'mode', 0o7777),
    uid: asCount(json['u'], 'uid'),
    gid: asCount(json['g'], 'gid'),
    mtime: asNanoseconds(json['M'], 'mtime'),
    ctime: asNanoseconds(json['C'], 'ctime'),
    inode: asNanoseconds(json['i'], 'inode'),
    device: asCount(json['D'] ?? 0, 'device'),
    links: asCount(json['h'] ?? 1, 'links'),
    size: type === 'file' ? asCount(json['s'], 'size') : 0,
    ...optional(json, 'U', 'user', (user) => asText(user, 'user')),
    ...optional(json, 'G', 'group', (group) => asText(group, 'group')),
    ...optional(json, 'A', 'atime', (time) => asNanoseconds(time, 'atime')),
    ...optional(json, 'B', 'birthtime', (time) => asNanoseconds(time, 'birth time')),
    ...optional(json, 'L', 'target', (target) => asByteString(target, 'target')),
    ...optional(json, 'R', 'rdev', deviceFromJson),
    ...optional(json, 'x', 'xattrs', xattrsFromJson),
    ...optional(json, 'X', 'xattrContent', contentFromJson),
    ...optional(json, 'S', 'extents', (extents) => extentsFromJson(extents)),
    ...optional(json, 'Z', 'extentContent', contentFromJson),
    ...optional(json, 'F', 'flags', (flags) => asCount(flags, 'flags')),
    ...optional(json, 'c', 'content', contentFromJson),
    ...optional(json, 'K', 'contentHash', asKey),
    ...optional(json, 'k', 'tree', asKey),
  };
}

function optional<K extends string, T>(
  json: Members,
  member: string,
  name: K,
  read: (value: unknown) => T,
): { [P in K]?: T } {
  const value = json[member];
  return value === undefined ? {} : ({ [name]: read(value) } as { [P in K]: T });
}

function deviceFromJson(value: unknown): { major: number; minor: number } {
  const [major, minor] = asArray(value, 'device number');
  return { major: asCount(major, 'device number'), minor: asCount(minor, 'device number') };
}

export function xattrsFromJson(value: unknown): Xattr[] {
  return asArray(value, 'attributes').map((pair) => {
    const [name, bytes] = asArray(pair, 'attribute');
    return { name: asByteString(name, 'attribute'), value: fromBase64(asText(bytes, 'attribute')) };
  });
}

function extentsFromJson(value: unknown): Extent[] {
  return checkExtents(
    asArray(value, 'extents').map((pair) => {
      const [offset, length] = asArray(pair, 'extent');
      return { offset: asCount(offset, 'extent'), length: asCount(length, 'extent') };
    }),
  );
}

/** @throws NeoError integrity unless extents are in order and apart */
export function checkExtents(extents: Extent[]): Extent[] {
  let end = 0;
  for (const { offset, length } of extents) {
    if (offset < end || !Number.isSafeInteger(offset + length)) return refuse('extents overlap');
    end = offset + length;
  }
  return extents;
}

function contentFromJson(value: unknown): Content {
  const json = asObject(value, 'content');
  if (json['k'] !== undefined) {
    const offset = asCount(json['o'], 'slice', 1 << 24);
    return { type: 'slice', bundle: asKey(json['k']), offset, bundleLength: asCount(json['z'], 'slice', 1 << 24) };
  }
  if (json['L'] !== undefined) return { type: 'list', key: asKey(json['L']) };
  return { type: 'chunks', chunks: asArray(json['l'], 'chunks').map(chunkFromJson) };
}

/** Empty chunks would make lists without end and without content. */
export function chunkFromJson(value: unknown): Chunk {
  const [key, length] = asArray(value, 'chunk');
  if (length === 0) return refuse('chunk of no bytes');
  return { key: asKey(key), length: asCount(length, 'chunk') };
}
