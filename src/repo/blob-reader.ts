/** Blobs out of a repository: looked up, fetched, opened, and compared with their content key. */
import type { ChunkerParameters } from '../chunker/chunker.ts';
import { equalBytes } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import type { BlobId, ContentKey } from '../core/ids.ts';
import { type BlobRoom, openBlob } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { blobIdOf } from '../engine/keys.ts';
import { BLOB_KINDS, type BlobKind } from './blob-entry.ts';
import type { BlobPlace } from './blob-index.ts';
import { contentEpochOf } from './content-epoch.ts';
import type { IndexedRepository, PackInfo } from './indexed.ts';
import type { ContentSecrets, RepositoryKeys } from './keyring.ts';
import { keptOr } from './object-cache.ts';
import { packPath } from './pack/pack.ts';

/** Packs of trees are read whole and kept: a directory's neighbours are wanted next. */
const CACHE_BYTES = 64 << 20;

/** Indexes in which a blob is looked for, where others go on writing. */
const ATTEMPTS = 3;

/** BLAKE3 of a sealed blob; undefined for one that is not there. */
export type SealedHash = (id: BlobId) => Uint8Array | undefined;

/**
 * Where blobs are read from: a repository, which recomputes content keys; or a share of one, which has no secret to do so
 * and knows the sealed bytes.
 */
export type BlobSource = Pick<
  IndexedRepository,
  'engine' | 'clock' | 'random' | 'backend' | 'index' | 'packs' | 'kept'
> & {
  /** As it is by now: a prune may have moved what is looked for. */
  readonly newer?: () => Promise<BlobSource | undefined>;
} & (
    | {
        readonly keys: { readonly content: ContentSecrets; readonly chunker: Uint8Array };
        readonly config: { readonly chunker: ChunkerParameters };
        readonly sealedHash?: undefined;
      }
    | { readonly keys: { readonly content: Pick<ContentSecrets, 'file'> }; readonly sealedHash: SealedHash }
  );

export class BlobReader {
  #repository: BlobSource;
  /** Whole packs by name, least recently used first. */
  readonly #cache = new Map<string, Promise<Uint8Array | undefined>>();
  #cached = 0;

  constructor(repository: BlobSource) {
    this.#repository = repository;
  }

  /** True if some copy is in the index. */
  has(key: ContentKey): boolean {
    return this.#repository.index.places(blobIdOf(this.#repository.engine, key)).length > 0;
  }

  /**
   * The plaintext of a blob, verified. A copy that cannot be read or opened is passed over for the next one; when there is
   * none, the index may be older than what a prune did.
   * @throws NeoError integrity when no copy can be had
   */
  async load(kind: BlobKind, key: ContentKey): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      const source = this.#repository;
      try {
        return await this.#loadFrom(source, kind, key);
      } catch (error) {
        if (!isNeoError(error, 'integrity')) throw error;
        const newer = attempt < ATTEMPTS ? await source.newer?.() : undefined;
        if (newer === undefined) throw error;
        this.#repository = newer;
      }
    }
  }

  async #loadFrom(source: BlobSource, kind: BlobKind, key: ContentKey): Promise<Uint8Array> {
    const places = source.index.places(blobIdOf(source.engine, key));
    let failure: unknown;
    for (const place of places) {
      try {
        return openFrom(source, kind, key, await this.#fetch(source, kind, place));
      } catch (error) {
        if (!isNeoError(error, 'integrity')) throw error;
        failure = error;
      }
    }
    const why = failure === undefined ? 'it is in no index' : messageOf(failure);
    throw new NeoError('integrity', `a ${kind} blob cannot be read: ${why}`, { cause: failure });
  }

  async #fetch(source: BlobSource, kind: BlobKind, place: BlobPlace): Promise<Uint8Array> {
    const pack = source.packs[place.pack];
    if (pack === undefined) throw new NeoError('integrity', 'index names an unknown pack');
    if (kind === 'data' || isExact(source)) {
      const range = await source.backend.getRange(packPath(pack.name), place);
      if (range === undefined) throw new NeoError('integrity', `pack ${pack.name} is missing`);
      return range;
    }
    const whole = await this.#wholePack(source, pack);
    if (whole === undefined) throw new NeoError('integrity', `pack ${pack.name} is missing`);
    if (place.offset + place.length > whole.length) throw new NeoError('integrity', `pack ${pack.name} is too short`);
    return whole.subarray(place.offset, place.offset + place.length);
  }

  /** As long as the index says: whatever lies under that path may be longer than memory. */
  async #wholePack(source: BlobSource, { name, size }: PackInfo): Promise<Uint8Array | undefined> {
    // One of the same name and another size is somebody's claim.
    const id = `${name} ${size}`;
    const cached = this.#cache.get(id);
    if (cached !== undefined) {
      this.#cache.delete(id);
      this.#cache.set(id, cached);
      return cached;
    }
    const whole = { offset: 0, length: size };
    const loading = keptOr(source, source.kept, { name, size }, () => source.backend.getRange(packPath(name), whole));
    this.#cache.set(id, loading);
    loading.catch(() => this.#cache.delete(id));
    const bytes = await loading;
    this.#cached += bytes?.length ?? 0;
    for (const [oldest, pending] of this.#cache) {
      if (this.#cached <= CACHE_BYTES || oldest === id) break;
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

/** Of a share on a server that guards it nothing beside its blobs can be read. */
export function isExact({ sealedHash, backend }: Pick<BlobSource, 'sealedHash' | 'backend'>): boolean {
  return sealedHash !== undefined && backend.isGuarded === true;
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
  return openWithEpoch(repository, kind, key, sealed, room).plaintext;
}

/** The same, and the content epoch that its key is of. @throws NeoError integrity */
export function openWithEpoch(
  { engine, keys: { content } }: BlobOpener,
  kind: BlobKind,
  key: ContentKey,
  sealed: Uint8Array,
  room?: BlobRoom,
): { readonly plaintext: Uint8Array; readonly epoch: number } {
  const plaintext = openBlob(engine, BLOB_KINDS[kind], key, sealed, room);
  const epoch = contentEpochOf(engine, content, kind, plaintext, key);
  if (epoch === undefined) throw new NeoError('integrity', `a ${kind} blob is not what its key says`);
  return { plaintext, epoch };
}
