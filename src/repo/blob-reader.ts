/** Blobs out of a repository: looked up, fetched, opened, and compared with their content key. */
import { equalBytes } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import type { BlobId, ContentKey } from '../core/ids.ts';
import { type BlobRoom, openBlob } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { blobIdOf, contentKeyOf } from '../engine/keys.ts';
import { BLOB_KINDS, type BlobKind } from './blob-entry.ts';
import type { BlobPlace } from './blob-index.ts';
import type { IndexedRepository } from './indexed.ts';
import type { ContentSecrets, RepositoryKeys } from './keyring.ts';
import { packPath } from './pack/pack.ts';

/** Packs of trees are read whole and kept: a directory's neighbours are wanted next. */
const CACHE_BYTES = 64 << 20;

/** BLAKE3 of a sealed blob; undefined for one that is not there. */
export type SealedHash = (id: BlobId) => Uint8Array | undefined;

/**
 * Where blobs are read from: a repository, which recomputes content keys; or a share of one, which has no secret to do so
 * and knows the sealed bytes.
 */
export type BlobSource = Pick<IndexedRepository, 'engine' | 'clock' | 'random' | 'backend' | 'index' | 'packs'> &
  (
    | { readonly keys: { readonly content: ContentSecrets }; readonly sealedHash?: undefined }
    | { readonly keys: { readonly content: Pick<ContentSecrets, 'file'> }; readonly sealedHash: SealedHash }
  );

export class BlobReader {
  readonly #repository: BlobSource;
  /** Whole packs, least recently used first. */
  readonly #cache = new Map<number, Promise<Uint8Array | undefined>>();
  #cached = 0;

  constructor(repository: BlobSource) {
    this.#repository = repository;
  }

  /** True if some copy is in the index. */
  has(key: ContentKey): boolean {
    return this.#repository.index.places(blobIdOf(this.#repository.engine, key)).length > 0;
  }

  /**
   * The plaintext of a blob, verified. A copy that cannot be read or opened is passed over for the next one.
   * @throws NeoError integrity when no copy can be had
   */
  async load(kind: BlobKind, key: ContentKey): Promise<Uint8Array> {
    const { engine, index } = this.#repository;
    const places = index.places(blobIdOf(engine, key));
    let failure: unknown;
    for (const place of places) {
      try {
        const sealed = await this.#fetch(kind, place);
        return openFrom(this.#repository, kind, key, sealed);
      } catch (error) {
        if (!isNeoError(error, 'integrity')) throw error;
        failure = error;
      }
    }
    const why = failure === undefined ? 'it is in no index' : messageOf(failure);
    throw new NeoError('integrity', `a ${kind} blob cannot be read: ${why}`, { cause: failure });
  }

  async #fetch(kind: BlobKind, place: BlobPlace): Promise<Uint8Array> {
    const pack = this.#repository.packs[place.pack];
    if (pack === undefined) throw new NeoError('integrity', 'index names an unknown pack');
    const path = packPath(pack.name);
    if (kind === 'data') {
      const range = await this.#repository.backend.getRange(path, place);
      if (range === undefined) throw new NeoError('integrity', `pack ${pack.name} is missing`);
      return range;
    }
    const whole = await this.#wholePack(place.pack, path, pack.size);
    if (whole === undefined) throw new NeoError('integrity', `pack ${pack.name} is missing`);
    if (place.offset + place.length > whole.length) throw new NeoError('integrity', `pack ${pack.name} is too short`);
    return whole.subarray(place.offset, place.offset + place.length);
  }

  /** As long as the index says: whatever lies under that path may be longer than memory. */
  async #wholePack(number: number, path: string, length: number): Promise<Uint8Array | undefined> {
    const cached = this.#cache.get(number);
    if (cached !== undefined) {
      this.#cache.delete(number);
      this.#cache.set(number, cached);
      return cached;
    }
    const loading = this.#repository.backend.getRange(path, { offset: 0, length });
    this.#cache.set(number, loading);
    loading.catch(() => this.#cache.delete(number));
    const bytes = await loading;
    this.#cached += bytes?.length ?? 0;
    for (const [oldest, pending] of this.#cache) {
      if (this.#cached <= CACHE_BYTES || oldest === number) break;
      this.#cache.delete(oldest);
      // Its own failure is for who asked for it.
      this.#cached -= (await pending.catch(() => undefined))?.length ?? 0;
    }
    return bytes;
  }
}

/** Opens a sealed blob of a source. @throws NeoError integrity unless it is what its key says */
function openFrom(source: BlobSource, kind: BlobKind, key: ContentKey, sealed: Uint8Array): Uint8Array {
  if (source.sealedHash === undefined) return openVerified(source, kind, key, sealed);
  if (!isAsShared(source, key, sealed))
    throw new NeoError('integrity', `a ${kind} blob is not the one that was shared`);
  return openBlob(source.engine, BLOB_KINDS[kind], key, sealed);
}

/** Of a share: whether the sealed bytes are those that its maker saw. Always true of a repository. */
export function isAsShared({ engine, sealedHash }: BlobSource, key: ContentKey, sealed: Uint8Array): boolean {
  if (sealedHash === undefined) return true;
  const hash = sealedHash(blobIdOf(engine, key));
  return hash !== undefined && equalBytes(engine.blake3(sealed), hash);
}

/** What it takes to tell whether a blob is what its key says. */
export interface BlobOpener {
  readonly engine: Engine;
  readonly keys: Pick<RepositoryKeys, 'content'>;
}

/** Opens a sealed blob and recomputes its content key. With `room` see {@link openBlob}. @throws NeoError integrity */
export function openVerified(
  repository: BlobOpener,
  kind: BlobKind,
  key: ContentKey,
  sealed: Uint8Array,
  room?: BlobRoom,
): Uint8Array {
  const plaintext = openBlob(repository.engine, BLOB_KINDS[kind], key, sealed, room);
  if (!equalBytes(contentKeyOf(repository.engine, repository.keys.content[kind], plaintext), key)) {
    throw new NeoError('integrity', `a ${kind} blob is not what its key says`);
  }
  return plaintext;
}
