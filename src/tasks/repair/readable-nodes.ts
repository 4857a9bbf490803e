/** Every node of some trees that can be read; each part of a tree once, in no order. */
import { isNeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Node } from '../../snapshot/node.ts';
import { BlobTable } from '../check/blob-table.ts';
import { decodePart, type Part, type Reference } from '../check/parts.ts';

/** @throws NeoError unreachable */
export async function* readableNodes(repository: IndexedRepository, roots: Iterable<ContentKey>): AsyncGenerator<Node> {
  const reader = new BlobReader(repository);
  const seen = new BlobTable(false);
  const open: Reference[] = [...roots].map((key) => ({ kind: 'tree', key, level: undefined }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind !== 'tree' || !seen.add(blobIdOf(repository.engine, next.key), 'tree', next.key)) continue;
    const part = await readPart(reader, next);
    open.push(...(part?.parts ?? []));
    for (const node of part?.nodes ?? []) {
      if (node.tree !== undefined) open.push({ kind: 'tree', key: node.tree, level: undefined });
      yield node;
    }
  }
}

/** Undefined when it cannot be had, or is malformed. @throws NeoError unreachable */
export async function readPart(
  reader: BlobReader,
  { kind, key, level }: Exclude<Reference, { kind: 'data' }>,
): Promise<Part | undefined> {
  try {
    return decodePart(kind, await reader.load(kind, key), level);
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}
