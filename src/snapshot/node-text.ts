/**
 * Nodes as canonical JSON (RFC 8785), written member by member in the order of their names: A B C D F G K L M R S U X Z
 * c g h i k m n s t u x. A snapshot makes one for each new entry, so nothing general is built on the way.
 */
import { decodeUtf8, toBase64 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Content, Extent, Node, NodeType, Xattr } from './node.ts';

export const TYPE_LETTERS: Readonly<Record<NodeType, string>> = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  chardev: 'c',
  blockdev: 'b',
};

/** @throws NeoError failed for a number that JSON does not keep */
export function nodeText(node: Node): string {
  const { xattrs } = node;
  return (
    '{' +
    member('A', node.atime, quoted) +
    member('B', node.birthtime, quoted) +
    `"C":"${node.ctime}",` +
    member('D', node.device === 0 ? undefined : node.device, count) +
    member('F', node.flags, count) +
    member('G', node.group, JSON.stringify) +
    member('K', node.contentHash, keyText) +
    member('L', node.target, byteStringText) +
    `"M":"${node.mtime}",` +
    member('R', node.rdev, ({ major, minor }) => `[${count(major)},${count(minor)}]`) +
    member('S', node.extents, (extents) => `[${extents.map(extentText).join(',')}]`) +
    member('U', node.user, JSON.stringify) +
    member('X', node.xattrContent, contentText) +
    member('Z', node.extentContent, contentText) +
    member('c', node.content, contentText) +
    `"g":${count(node.gid)},` +
    member('h', node.links === 1 ? undefined : node.links, count) +
    `"i":"${node.inode}",` +
    member('k', node.tree, keyText) +
    `"m":${count(node.mode)},"n":${byteStringText(node.name)},` +
    member('s', node.type === 'file' ? node.size : undefined, count) +
    `"t":"${TYPE_LETTERS[node.type]}","u":${count(node.uid)}` +
    (xattrs === undefined ? '' : `,"x":${xattrsText(xattrs)}`) +
    '}'
  );
}

/** Nothing for a member that is absent. */
function member<T>(name: string, value: T | undefined, text: (value: T) => string): string {
  return value === undefined ? '' : `"${name}":${text(value)},`;
}

function quoted(value: bigint): string {
  return `"${value}"`;
}

function keyText(key: Uint8Array): string {
  return `"${toBase64(key)}"`;
}

function count(value: number): string {
  if (!Number.isSafeInteger(value)) throw new NeoError('failed', `not a safe integer: ${value}`);
  return `${value}`;
}

/** Bytes as text, or escaped where they are none (core/bytes.ts). */
export function byteStringText(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  return text === undefined ? `{"b":"${toBase64(bytes)}"}` : JSON.stringify(text);
}

export function xattrsText(xattrs: readonly Xattr[]): string {
  return `[${xattrs.map(({ name, value }) => `[${byteStringText(name)},"${toBase64(value)}"]`).join(',')}]`;
}

function extentText({ offset, length }: Extent): string {
  return `[${count(offset)},${count(length)}]`;
}

function contentText(content: Content): string {
  switch (content.type) {
    case 'slice':
      return `{"k":"${toBase64(content.bundle)}","o":${count(content.offset)},"z":${count(content.bundleLength)}}`;
    case 'list':
      return `{"L":"${toBase64(content.key)}"}`;
    case 'chunks':
      return `{"l":[${content.chunks.map(({ key, length }) => `["${toBase64(key)}",${count(length)}]`).join(',')}]}`;
  }
}
