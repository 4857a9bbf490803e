/**
 * Nodes as canonical JSON (RFC 8785), written member by member in the order of their names: A B C D F G K L M R S U X Z
 * c g h i k m n s t u x. A snapshot makes one for each new entry, so it goes into bytes at once.
 */
import type { JsonWriter } from '../core/json-writer.ts';
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

/** A node's type, and the name of what comes behind it. */
const TYPE_MEMBERS: Readonly<Record<NodeType, string>> = {
  file: '"t":"f","u":',
  directory: '"t":"d","u":',
  symlink: '"t":"l","u":',
  fifo: '"t":"p","u":',
  socket: '"t":"s","u":',
  chardev: '"t":"c","u":',
  blockdev: '"t":"b","u":',
};

/** @throws NeoError failed for a number that JSON does not keep */
export function writeNode(out: JsonWriter, node: Node): void {
  out.ascii('{');
  optional(out, '"A":', node.atime, time);
  optional(out, '"B":', node.birthtime, time);
  time(out, '"C":', node.ctime);
  if (node.device !== 0) count(out, '"D":', node.device);
  optional(out, '"F":', node.flags, count);
  optional(out, '"G":', node.group, text);
  optional(out, '"K":', node.contentHash, bytes);
  optional(out, '"L":', node.target, name);
  time(out, '"M":', node.mtime);
  optional(out, '"R":', node.rdev, device);
  optional(out, '"S":', node.extents, extents);
  optional(out, '"U":', node.user, text);
  optional(out, '"X":', node.xattrContent, content);
  optional(out, '"Z":', node.extentContent, content);
  optional(out, '"c":', node.content, content);
  count(out, '"g":', node.gid);
  if (node.links !== 1) count(out, '"h":', node.links);
  time(out, '"i":', node.inode);
  optional(out, '"k":', node.tree, bytes);
  count(out, '"m":', node.mode);
  name(out, '"n":', node.name);
  if (node.type === 'file') count(out, '"s":', node.size);
  out.ascii(TYPE_MEMBERS[node.type]);
  out.integer(node.uid);
  if (node.xattrs !== undefined) {
    out.ascii(',"x":');
    writeXattrs(out, node.xattrs);
  }
  out.ascii('}');
}

/** Nothing for a member that is absent. */
function optional<T>(
  out: JsonWriter,
  member: string,
  value: T | undefined,
  write: (out: JsonWriter, member: string, value: T) => void,
): void {
  if (value !== undefined) write(out, member, value);
}

function time(out: JsonWriter, member: string, value: bigint): void {
  out.ascii(member);
  out.quotedInteger(value);
  out.ascii(',');
}

function count(out: JsonWriter, member: string, value: number): void {
  out.ascii(member);
  out.integer(value);
  out.ascii(',');
}

function text(out: JsonWriter, member: string, value: string): void {
  out.ascii(member);
  out.text(value);
  out.ascii(',');
}

function bytes(out: JsonWriter, member: string, value: Uint8Array): void {
  out.ascii(member);
  out.base64(value);
  out.ascii(',');
}

function name(out: JsonWriter, member: string, value: Uint8Array): void {
  out.ascii(member);
  out.byteString(value);
  out.ascii(',');
}

function device(out: JsonWriter, member: string, { major, minor }: { major: number; minor: number }): void {
  out.ascii(member);
  pair(out, major, minor);
  out.ascii(',');
}

function pair(out: JsonWriter, first: number, second: number): void {
  out.ascii('[');
  out.integer(first);
  out.ascii(',');
  out.integer(second);
  out.ascii(']');
}

function extents(out: JsonWriter, member: string, value: readonly Extent[]): void {
  out.ascii(member);
  out.ascii('[');
  for (const [i, { offset, length }] of value.entries()) {
    if (i > 0) out.ascii(',');
    pair(out, offset, length);
  }
  out.ascii('],');
}

function content(out: JsonWriter, member: string, value: Content): void {
  out.ascii(member);
  switch (value.type) {
    case 'slice':
      out.ascii('{"k":');
      out.base64(value.bundle);
      out.ascii(',"o":');
      out.integer(value.offset);
      out.ascii(',"z":');
      out.integer(value.bundleLength);
      break;
    case 'list':
      out.ascii('{"L":');
      out.base64(value.key);
      break;
    case 'chunks':
      out.ascii('{"l":[');
      for (const [i, { key, length }] of value.chunks.entries()) {
        out.ascii(i > 0 ? ',[' : '[');
        out.base64(key);
        out.ascii(',');
        out.integer(length);
        out.ascii(']');
      }
      out.ascii(']');
      break;
  }
  out.ascii('},');
}

/** Pairs of name and value. */
export function writeXattrs(out: JsonWriter, xattrs: readonly Xattr[]): void {
  out.ascii('[');
  for (const [i, { name, value }] of xattrs.entries()) {
    out.ascii(i > 0 ? ',[' : '[');
    out.byteString(name);
    out.ascii(',');
    out.base64(value);
    out.ascii(']');
  }
  out.ascii(']');
}
