/** Packs that segments name and storage does not have: nothing new may rest on them. */
import type { IndexedRepository } from './indexed.ts';
import { packPath } from './pack/pack.ts';

/**
 * Takes packs that are not there, or have another length, out of the index, so that a writer stores their blobs again
 * where it still has them. For writers alone, before they begin: readers try everything.
 * @returns how many trusted ones are missing
 */
export async function dropMissingPacks(repository: IndexedRepository): Promise<number> {
  const sizes = new Map<string, number>();
  for await (const { path, size } of repository.backend.list('packs')) sizes.set(path, size);
  const missing = new Set<number>();
  let trusted = 0;
  for (const [number, pack] of repository.packs.entries()) {
    if (pack === undefined || sizes.get(packPath(pack.name)) === pack.size) continue;
    missing.add(number);
    if (pack.trusted) trusted += 1;
  }
  if (missing.size > 0) repository.index.dropClaims(missing);
  return trusted;
}
