/**
 * Objects of remote storage that lie on this machine, too: sealed, as they are there, and named by their bytes, which are
 * compared with the name whenever they are taken from here. Whoever reads for a user or saves may do so, for what the
 * listing says is there. What looks for damage, repairs or frees space asks storage.
 */
import { toHex } from '../core/bytes.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ClientState } from './client-state.ts';
import type { Repository } from './repository.ts';

export interface ObjectCache {
  /** Undefined for what is not there, or cannot be read. Nobody has looked at the bytes. */
  read(name: ObjectName): Promise<Uint8Array | undefined>;
  /** Rejects never: what cannot be kept costs time alone. */
  write(name: ObjectName, bytes: Uint8Array): Promise<void>;
}

/** Undefined where storage is as near as the cache. */
export function objectCache({ backend }: Pick<Repository, 'backend'>, state: ClientState): ObjectCache | undefined {
  return backend.isRemote === true ? state.objects : undefined;
}

export interface WantedObject {
  readonly name: ObjectName;
  /** As a listing or the index says. */
  readonly size: number;
}

/** Bytes that give the name, or whatever storage has. @throws what `fetch` throws */
export async function keptOr(
  { engine }: Pick<Repository, 'engine'>,
  cache: ObjectCache | undefined,
  { name, size }: WantedObject,
  fetch: () => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  if (cache === undefined) return fetch();
  const isWhole = (bytes: Uint8Array): boolean => bytes.length === size && toHex(engine.blake3(bytes)) === name;
  const kept = await cache.read(name);
  if (kept !== undefined && isWhole(kept)) return kept;
  const bytes = await fetch();
  if (bytes !== undefined && isWhole(bytes)) await cache.write(name, bytes);
  return bytes;
}
