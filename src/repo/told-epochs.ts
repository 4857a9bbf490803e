/** Content epochs of blobs, as far as those tell of them who are believed. */
import type { BlobId } from '../core/ids.ts';
import { eachSegment } from './indexed.ts';
import { eachEpoch } from './pack/entry.ts';
import type { Repository } from './repository.ts';

/**
 * Of all blobs in packs by role full; what a writer says of the epoch of its own blobs nobody has verified, be they verified
 * otherwise. `id` is a view, and good until the next one. @throws NeoError unreachable
 */
export async function eachToldEpoch(
  repository: Repository,
  tell: (id: BlobId, contentEpoch: number) => void,
): Promise<void> {
  await eachSegment(repository, ({ segment, signer }) => {
    if (signer.role !== 'full') return;
    for (const pack of segment.packs) if (pack.authorRole === 'full') eachEpoch(pack.packed, tell);
  });
}
