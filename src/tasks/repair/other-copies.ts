/** Lost blobs out of another repository that has the same content secrets: there they have the same ids. */
import { NeoError } from '../../core/errors.ts';
import { type BlobCopier, fetchSealed, type NeededBlob } from '../../repo/blob-copier.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import { shareSecrets } from '../../repo/content-epoch.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';

/** @throws NeoError failed when nothing of the other one can fit */
export function requireSameSecrets(repository: IndexedRepository, other: IndexedRepository): void {
  if (shareSecrets(repository.keys.content, other.keys.content)) return;
  throw new NeoError('failed', 'the other repository has other content secrets: nothing of it has the same name here', {
    hint: 'restore from it, and heal with --from-path',
  });
}

/** Told of each that was healed. In the order in which they lie there. @throws NeoError unreachable, no-space */
export async function healFromRepository(
  other: IndexedRepository,
  lost: readonly NeededBlob[],
  copier: BlobCopier,
  onHealed: (blob: NeededBlob) => void,
): Promise<void> {
  const found = lost.map((blob) => ({ blob, places: other.index.places(blob.id) }));
  const order = ({ places: [a] }: Found, { places: [b] }: Found): number =>
    (a?.pack ?? 0) - (b?.pack ?? 0) || (a?.offset ?? 0) - (b?.offset ?? 0);
  for (const { blob, places } of found.sort(order)) {
    for (const place of places) {
      const sealed = await fetchSealed(other, place);
      if (sealed === undefined || !(await copier.add(blob, sealed))) continue;
      onHealed(blob);
      break;
    }
  }
}

interface Found {
  readonly blob: NeededBlob;
  readonly places: readonly BlobPlace[];
}
