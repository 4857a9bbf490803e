/** What a local file already has of the one to be restored. */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import type { EntryStat } from '../../fs/entry-stat.ts';
import { dataExtents } from '../../fs/sparse.ts';
import { fstatOf } from '../../fs/stat.ts';
import { contentPieces } from '../../snapshot/content.ts';
import type { Extent, Node } from '../../snapshot/node.ts';
import type { Context, Overwrite } from './context.ts';
import type { LocalPiece } from './jobs.ts';
import { Layout } from './layout.ts';

/** Chunks compared in one job. */
const BATCH = 64;
const ZEROS = new Uint8Array(65_536);

/** The policy says that what is there stays, whatever it is. */
export function isKept(overwrite: Overwrite, node: Node, existing: EntryStat): boolean {
  if (overwrite === 'never') return true;
  return overwrite === 'if-newer' && existing.mtimeNs >= node.mtime;
}

/** True if the open file's bytes and holes are those of the node. */
export async function hasContent(context: Context, node: Node, layout: Layout, fd: number): Promise<boolean> {
  if (fstatOf(fd).size !== node.size) return false;
  if (layout.isSparse(node.size) && !isEmptyOutside(fd, layout)) return false;
  return hasData(context, node, layout, fd);
}

/** True if the open file reads as the node does; where the file system keeps no holes, there may be zeros for them. */
export async function readsRight(context: Context, node: Node, layout: Layout, fd: number): Promise<boolean> {
  if (fstatOf(fd).size !== node.size) return false;
  if (layout.isSparse(node.size) && !isZeroOutside(fd, layout)) return false;
  return hasData(context, node, layout, fd);
}

async function hasData(context: Context, node: Node, layout: Layout, fd: number): Promise<boolean> {
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

function isZeroOutside(fd: number, layout: Layout): boolean {
  const stat = fstatOf(fd);
  const local = dataExtents(fd, stat) ?? [{ offset: 0, length: stat.size }];
  let first = 0;
  for (const hole of holesOf(layout, stat.size)) {
    while (endOf(local[first]) <= hole.offset) first += 1;
    for (let i = first; (local[i]?.offset ?? Number.POSITIVE_INFINITY) < endOf(hole); i++) {
      const from = Math.max(hole.offset, local[i]?.offset ?? 0);
      if (!readsZeros(fd, from, Math.min(endOf(hole), endOf(local[i])))) return false;
    }
  }
  return true;
}

function* holesOf(layout: Layout, size: number): Generator<Extent> {
  let at = 0;
  for (const { offset, length } of [...layout.extents, { offset: size, length: 0 }]) {
    if (offset > at) yield { offset: at, length: offset - at };
    at = offset + length;
  }
}

function endOf(extent: Extent | undefined): number {
  return extent === undefined ? Number.POSITIVE_INFINITY : extent.offset + extent.length;
}

function readsZeros(fd: number, from: number, to: number): boolean {
  const buffer = Buffer.alloc(Math.min(ZEROS.length, to - from));
  for (let at = from; at < to; ) {
    const got = fs.readSync(fd, buffer, 0, Math.min(buffer.length, to - at), at);
    if (got === 0 || !equalBytes(buffer.subarray(0, got), ZEROS.subarray(0, got))) return false;
    at += got;
  }
  return true;
}

export function closeQuietly(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {
    // Nothing was written through it.
  }
}
