/** What a local file already has of the one to be restored. */
import fs from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import { dataExtents } from '../../fs/sparse.ts';
import { fstatOf } from '../../fs/stat.ts';
import { contentPieces } from '../../snapshot/content.ts';
import type { Node } from '../../snapshot/node.ts';
import type { Context } from './context.ts';
import type { LocalPiece } from './jobs.ts';
import { Layout } from './layout.ts';

/** Chunks compared in one job. */
const BATCH = 64;

/** True if the open file's bytes and holes are those of the node. */
export async function hasContent(context: Context, node: Node, layout: Layout, fd: number): Promise<boolean> {
  if (fstatOf(fd).size !== node.size) return false;
  if (layout.isSparse(node.size) && !isEmptyOutside(fd, layout)) return false;
  if (node.contentHash !== undefined) {
    const { hash } = await context.pool.run<'hash'>({ type: 'hash', fd, ranges: layout.extents });
    return equalBytes(hash, node.contentHash);
  }
  for await (const pieces of pieceBatches(context, node, layout)) {
    const { equal } = await context.pool.run<'match'>({ type: 'match', from: fd, pieces });
    if (equal.includes(false)) return false;
  }
  return true;
}

/** Chunks of a file with the places of their bytes; nothing for slices, which cannot be compared alone. */
export async function* pieceBatches(context: Context, node: Node, layout: Layout): AsyncGenerator<LocalPiece[]> {
  const { extents, length } = layout;
  const again = new Layout(node.size, extents);
  let batch: LocalPiece[] = [];
  for await (const piece of contentPieces(context.load, node.content, length)) {
    batch.push({ key: piece.key, length: piece.length, segments: again.take(0, piece.length) });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** True if the local file has no data where the node has holes. */
function isEmptyOutside(fd: number, layout: Layout): boolean {
  const local = dataExtents(fd, fstatOf(fd));
  if (local === undefined) return false;
  let at = 0;
  return local.every(({ offset, length }) => {
    while (at < layout.extents.length) {
      const extent = layout.extents[at];
      if (extent === undefined || extent.offset + extent.length > offset) break;
      at += 1;
    }
    const extent = layout.extents[at];
    return extent !== undefined && extent.offset <= offset && offset + length <= extent.offset + extent.length;
  });
}

export function closeQuietly(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {
    // Nothing was written through it.
  }
}
