/** Ranges of packs, for those who read many blobs in the order in which they lie. */
import { type Backend, readInto } from '../backends/backend.ts';
import { NeoError } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import type { IndexedRepository } from './indexed.ts';
import { packPath } from './pack/pack.ts';

/**
 * Exactly `length` bytes of the pack of that number, in `memory`, which threads may share, or in some of their own.
 * @throws NeoError integrity when the pack is missing, too short or unknown; unreachable
 */
export async function readPackRange(
  repository: Pick<IndexedRepository, 'packs' | 'backend'>,
  pack: number,
  offset: number,
  length: number,
  memory?: Uint8Array,
): Promise<Uint8Array> {
  const info = repository.packs[pack];
  if (info === undefined) throw new NeoError('integrity', 'index names an unknown pack');
  const { backend } = repository;
  const path = packPath(info.name);
  const target = memory?.subarray(0, length);
  const bytes =
    target === undefined
      ? await backend.getRange(path, { offset, length })
      : (await readInto(backend, path, offset, target)) && target;
  if (bytes === undefined || bytes === false) throw new NeoError('integrity', `pack ${info.name} is missing`);
  return bytes;
}

/**
 * Fills `target`, which threads may share, from a pack's start on; false when there is none.
 * @throws NeoError integrity when it is shorter
 */
export function readPackInto(backend: Backend, name: ObjectName, target: Uint8Array): Promise<boolean> {
  return readInto(backend, packPath(name), 0, target);
}
