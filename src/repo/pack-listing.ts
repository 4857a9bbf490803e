/** Which packs storage has. */
import { type ObjectName, objectName } from '../core/ids.ts';
import type { Repository } from './repository.ts';

export interface StoredPack {
  /** Bytes. */
  readonly size: number;
  /** When storage received it, by its clock, milliseconds. */
  readonly modified: number;
}

export type StoredPacks = ReadonlyMap<ObjectName, StoredPack>;

/** One listing of `packs/`; what lies there under other paths is none of ours. @throws NeoError unreachable */
export async function listPacks({ backend }: Pick<Repository, 'backend'>): Promise<Map<ObjectName, StoredPack>> {
  const packs = new Map<ObjectName, StoredPack>();
  for await (const { path, size, modified } of backend.list('packs')) {
    const name = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/.exec(path)?.[2];
    if (name !== undefined) packs.set(objectName(name), { size, modified });
  }
  return packs;
}
