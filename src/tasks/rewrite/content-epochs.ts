/** Which blobs are of the content secrets in force, and which of earlier ones. */
import type { IndexedRepository } from '../../repo/indexed.ts';
import { eachToldEpoch } from '../../repo/told-epochs.ts';
import { BlobTable } from '../check/blob-table.ts';

export interface KnownEpochs {
  readonly current: BlobTable;
  readonly older: BlobTable;
}

/** Of the blobs in `wanted`. Those that only writers tell of are in neither. @throws NeoError unreachable */
export async function knownEpochs(repository: IndexedRepository, wanted: BlobTable): Promise<KnownEpochs> {
  const { contentEpoch } = repository.config;
  const known = { current: new BlobTable(false), older: new BlobTable(false) };
  await eachToldEpoch(repository, (id, epoch) => {
    const entry = wanted.find(id);
    if (entry !== undefined) (epoch === contentEpoch ? known.current : known.older).add(id, entry.kind, entry.key);
  });
  return known;
}
