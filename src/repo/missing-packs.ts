/** Packs that nothing new may rest on: storage does not have them, or a tomb names them. */
import type { ObjectName } from '../core/ids.ts';
import type { IndexedRepository, PackInfo } from './indexed.ts';
import type { StoredPacks } from './pack-listing.ts';

/**
 * Takes packs that are not there, or have another length, out of the index, and distrusts those that are marked, so that
 * a writer stores their blobs again where it still has them. For writers alone, before they begin: readers try everything.
 * @param marked by any tomb
 * @param packs all that storage has
 * @returns how many trusted ones are missing that nobody has marked
 */
export function dropUnreliablePacks(
  repository: IndexedRepository,
  marked: ReadonlySet<ObjectName>,
  packs: StoredPacks,
): number {
  const missing = new Set<number>();
  const distrusted = new Set<number>();
  for (const [number, pack] of repository.packs.entries()) {
    if (pack === undefined) continue;
    if (packs.get(pack.name)?.size !== pack.size) missing.add(number);
    else if (marked.has(pack.name)) distrusted.add(number);
  }
  if (missing.size > 0) repository.index.dropClaims(missing);
  if (distrusted.size > 0) repository.index.distrust(distrusted);
  return [...missing].filter((number) => isLost(repository.packs[number], marked)).length;
}

function isLost(pack: PackInfo | undefined, marked: ReadonlySet<ObjectName>): boolean {
  return pack?.trusted === true && !marked.has(pack.name);
}
