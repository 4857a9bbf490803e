/** Nodes out of JSON (into it: node-text.ts). Everything read is checked: it comes from storage. */
import { type ByteString, fromBase64, fromByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ContentKey, contentKey } from '../core/ids.ts';
import type { Chunk, Content, Extent, Node, NodeType, Xattr } from './node.ts';
import { TYPE_LETTERS } from './node-text.ts';

const TYPES: ReadonlyMap<unknown, NodeType> = new Map(
  Object.entries(TYPE_LETTERS).map(([type, letter]) => [letter, type as NodeType]),
);

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

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** @throws NeoError integrity */
export function nodeFromJson(value: unknown): Node {
  const json = asObject(value, 'not an object');
  const type = TYPES.get(json['t']) ?? refuse('type');
  const node: Mutable<Node> = {
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
  };
  readNames(json, node);
  readContents(json, node);
  readRare(json, node);
  return node;
}

// One assignment a member, rather than objects to be merged: a listing decodes a node for each of a million files.

function readNames(json: Members, node: Mutable<Node>): void {
  if (json['U'] !== undefined) node.user = asText(json['U'], 'user');
  if (json['G'] !== undefined) node.group = asText(json['G'], 'group');
  if (json['B'] !== undefined) node.birthtime = asNanoseconds(json['B'], 'birth time');
  if (json['L'] !== undefined) node.target = asByteString(json['L'], 'target');
  if (json['F'] !== undefined) node.flags = asCount(json['F'], 'flags');
}

function readContents(json: Members, node: Mutable<Node>): void {
  if (json['c'] !== undefined) node.content = contentFromJson(json['c']);
  if (json['K'] !== undefined) node.contentHash = asKey(json['K']);
  if (json['k'] !== undefined) node.tree = asKey(json['k']);
}

function readRare(json: Members, node: Mutable<Node>): void {
  if (json['A'] !== undefined) node.atime = asNanoseconds(json['A'], 'atime');
  if (json['R'] !== undefined) node.rdev = deviceFromJson(json['R']);
  if (json['x'] !== undefined) node.xattrs = xattrsFromJson(json['x']);
  if (json['X'] !== undefined) node.xattrContent = contentFromJson(json['X']);
  if (json['S'] !== undefined) node.extents = extentsFromJson(json['S']);
  if (json['Z'] !== undefined) node.extentContent = contentFromJson(json['Z']);
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
