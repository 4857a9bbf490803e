/** When two entries are the same: by content, and by what else is kept of them. */
import { toBase64 } from '../core/bytes.ts';
import { canonicalText } from '../core/json.ts';
import type { Content, Node } from './node.ts';

/**
 * One text for all entries with the same content, whatever their names, times and owners. Of a directory: that it is one.
 * Two files are the same when their bytes are; how they are cut and where they lie does not matter.
 */
export function contentIdentity({ type, size, contentHash, extents, extentContent, target, rdev }: Node): string {
  switch (type) {
    case 'file': {
      const holes = extents?.map(({ offset, length }) => [offset, length]) ?? contentKeyOf(extentContent);
      return `file ${size} ${contentHash === undefined ? '' : toBase64(contentHash)} ${canonicalText(holes)}`;
    }
    case 'symlink':
      return `symlink ${target === undefined ? '' : toBase64(target)}`;
    case 'chardev':
    case 'blockdev':
      return `${type} ${rdev?.major}:${rdev?.minor}`;
    default:
      return type;
  }
}

function contentKeyOf(content: Content | undefined): string | readonly string[] | null {
  if (content === undefined) return null;
  if (content.type === 'chunks') return content.chunks.map(({ key }) => toBase64(key));
  return content.type === 'list' ? toBase64(content.key) : toBase64(content.bundle);
}

/** What is kept of an entry beside its content, and may differ. */
export type MetadataPart = 'mode' | 'owner' | 'mtime' | 'xattrs' | 'flags';

/** In a fixed order; empty when all is the same. */
export function metadataDifferences(a: Node, b: Node): MetadataPart[] {
  const differs: readonly [MetadataPart, boolean][] = [
    ['mode', a.mode !== b.mode],
    ['owner', a.uid !== b.uid || a.gid !== b.gid || a.user !== b.user || a.group !== b.group],
    ['mtime', a.mtime !== b.mtime],
    ['xattrs', xattrText(a) !== xattrText(b)],
    ['flags', (a.flags ?? 0) !== (b.flags ?? 0)],
  ];
  return differs.flatMap(([part, isDifferent]) => (isDifferent ? [part] : []));
}

function xattrText({ xattrs = [], xattrContent }: Node): string {
  const values = xattrs.map(({ name, value }) => [toBase64(name), toBase64(value)]);
  return canonicalText([values, contentKeyOf(xattrContent)]);
}
