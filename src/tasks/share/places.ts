/** Where the blobs of a share lie by now. */
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { SharedPlace } from '../../repo/share-writer.ts';
import { needed, reachable } from '../reachable.ts';

/** Whether readers may be sent there. */
export type IsUsable = (place: BlobPlace) => boolean;

/**
 * One place of each blob below `tree`.
 * @throws NeoError integrity when something of it cannot be had; unreachable
 */
export async function placesOf(
  repository: IndexedRepository,
  tree: ContentKey,
  isUsable: IsUsable,
): Promise<SharedPlace[]> {
  const { table, unreadable, missing } = await reachable(repository, [{ tree }], { workers: 0 });
  if (unreadable.length + missing.length > 0)
    throw new NeoError('integrity', 'a part of what is shared cannot be read');
  return [...table.entries()].map((entry) => {
    const blob = needed(repository, entry);
    const places = repository.index.places(blob.id).filter(isUsable);
    const place = places.find(({ trusted }) => trusted) ?? places[0];
    if (place === undefined) throw new NeoError('integrity', 'a part of what is shared has no copy that stays');
    return { blob, place };
  });
}
