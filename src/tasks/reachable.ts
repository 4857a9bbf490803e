/** All that some trees refer to, with content keys: what prune keeps, and what a new snapshot rests on. */
import type { BlobId, ContentKey } from '../core/ids.ts';
import { blobIdOf } from '../engine/keys.ts';
import type { NeededBlob } from '../repo/blob-copier.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { BlobTable } from './check/blob-table.ts';
import { makePool } from './check/pool.ts';
import { Reach } from './check/reach.ts';

export interface ReachableOptions {
  /** Threads that read trees; 0 does it in this one. */
  readonly workers: number;
  /** Told how many parts of trees were read. */
  readonly onTrees?: (trees: number) => void;
  readonly throwIfStopped?: () => void;
}

export interface Reachable<Root> {
  /** Blobs that are referred to, those that cannot be had among them. */
  readonly table: BlobTable;
  /** Trees under which something cannot be read, so that nobody knows what they refer to. */
  readonly unreadable: readonly Root[];
  /** Chunks that no segment names. */
  readonly missing: readonly NeededBlob[];
}

/** Walks what is below `roots`. @throws NeoError interrupted, unreachable; what cannot be read is in the result */
export async function reachable<Root extends { readonly tree: ContentKey }>(
  repository: IndexedRepository,
  roots: readonly Root[],
  { workers, onTrees = () => undefined, throwIfStopped = () => undefined }: ReachableOptions,
): Promise<Reachable<Root>> {
  const table = new BlobTable(true);
  const missing: NeededBlob[] = [];
  const unreadable: Root[] = [];
  let trees = 0;
  let faults = 0;
  const pool = makePool(repository, workers);
  const walk = new Reach({
    repository,
    pool,
    table,
    report: {
      missing(id: BlobId): void {
        const found = table.find(id);
        if (found?.kind === 'data') missing.push(needed(repository, found));
        else faults += 1;
      },
      badCopy(): void {
        faults += 1;
      },
    },
    onTree: () => onTrees(++trees),
    throwIfStopped,
  });
  try {
    for (const root of roots) {
      const before = faults + walk.malformed.size;
      await walk.from(root.tree);
      if (faults + walk.malformed.size > before) unreadable.push(root);
    }
  } finally {
    walk.end();
    await pool.close();
  }
  return { table, missing, unreadable };
}

/** The blob that an entry of a table with keys stands for. */
export function needed(
  { engine }: Pick<IndexedRepository, 'engine'>,
  { kind, key }: { readonly kind: NeededBlob['kind']; readonly key: ContentKey },
): NeededBlob {
  return { id: blobIdOf(engine, key), kind, key };
}
