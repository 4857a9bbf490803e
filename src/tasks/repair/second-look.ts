/** Before anything is called lost: a prune may have moved it since the index was read. */
import { isNeoError, NeoError } from '../../core/errors.ts';
import type { NeededBlob } from '../../repo/blob-copier.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import { type IndexedRepository, loadIndex } from '../../repo/indexed.ts';
import type { Repository } from '../../repo/repository.ts';

/** Times that everything is looked at again. */
export const LOOKS = 3;

/** Those that can be read where this index says, and are what their keys say. @throws NeoError unreachable */
export async function readableOf(repository: IndexedRepository, blobs: readonly NeededBlob[]): Promise<NeededBlob[]> {
  // Whether they are elsewhere by now is another question.
  const reader = new BlobReader({ ...repository, newer: async () => undefined });
  const found: NeededBlob[] = [];
  for (const blob of blobs) {
    try {
      await reader.load(blob.kind, blob.key);
      found.push(blob);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
    }
  }
  return found;
}

/** True if the index as it is by now has a good copy of one of them. @throws NeoError unreachable */
export async function hasMoved(repository: Repository, lost: readonly NeededBlob[]): Promise<boolean> {
  if (lost.length === 0) return false;
  return (await readableOf(await loadIndex(repository, 0), lost)).length > 0;
}

export function movedMeanwhile(): NeoError {
  return new NeoError('failed', 'a prune moved data while it was looked at: nothing was changed', {
    hint: 'run it again when no prune is running',
  });
}
