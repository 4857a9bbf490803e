/** Metadata as its node keeps it: within it, or as blobs where it is large. */
import { JsonWriter } from '../core/json-writer.ts';
import { INLINE_CHUNKS } from './content.ts';
import { encodeExtents } from './extents.ts';
import type { Content, Extent, Node, Xattr } from './node.ts';
import { writeXattrs } from './node-text.ts';

const LARGE_XATTRS = 4096;

/** Makes blobs of bytes; undefined for none. */
export type StoreMetadata = (bytes: Uint8Array) => Content | undefined;

export function packXattrs(
  xattrs: readonly Xattr[],
  store: StoreMetadata,
): { xattrs?: readonly Xattr[]; xattrContent?: Content } {
  if (xattrs.length === 0) return {};
  const out = new JsonWriter();
  writeXattrs(out, xattrs);
  const json = out.view();
  const content = json.length > LARGE_XATTRS ? store(json) : undefined;
  if (content !== undefined) return { xattrContent: content };
  return { xattrs: xattrs.map(({ name, value }) => ({ name: name.slice(), value: value.slice() })) };
}

/** @param extents data of a file of `size` bytes; nothing where there are no holes */
export function packExtents(
  extents: readonly Extent[],
  size: number,
  store: StoreMetadata,
): { extents?: readonly Extent[]; extentContent?: Content } {
  const [first] = extents;
  if (size === 0 || (extents.length === 1 && first?.offset === 0 && first.length === size)) return {};
  const content = extents.length > INLINE_CHUNKS ? store(encodeExtents(extents)) : undefined;
  return content === undefined ? { extents } : { extentContent: content };
}

const ACL = Buffer.from('system.posix_acl_access');

export function hasAcl({ xattrs }: Pick<Node, 'xattrs'>): boolean {
  return xattrs?.some(({ name }) => ACL.equals(name)) ?? false;
}
