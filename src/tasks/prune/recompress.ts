/** Packs whose blobs are smaller at another level, written anew. Nothing is deleted here. */
import { isNeoError } from '../../core/errors.ts';
import type { ObjectName } from '../../core/ids.ts';
import { sealBlob } from '../../engine/aead.ts';
import { encodePayload } from '../../engine/codec.ts';
import { BlobCopier, type NeededBlob } from '../../repo/blob-copier.ts';
import { BLOB_KINDS } from '../../repo/blob-entry.ts';
import { openVerified } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { packPath } from '../../repo/pack-check.ts';
import type { BlobTable } from '../check/blob-table.ts';
import { needed } from '../reachable.ts';
import { type CopyHooks, type Wanted, wantedPlaces } from './copy.ts';
import type { View } from './look.ts';
import type { PackUse } from './options.ts';

/** Part of a pack that must be gained: less is not worth writing it anew, and a second run must find nothing to do. */
const LEAST_GAIN = 0.02;
/** Packs whose blobs are held in memory as a list. */
const BATCH = 256;

export interface Recompressed {
  /** Nothing in them is needed any more. */
  readonly packs: readonly PackUse[];
  /** Bytes of the blobs that stand for theirs. */
  readonly written: number;
  /** That tell where those are. */
  readonly segments: readonly ObjectName[];
}

export interface RecompressOptions {
  /** zstd level. */
  readonly level: number;
  readonly packs: readonly PackUse[];
  /** Bytes of packs that are written anew. Those that turn out to be small enough do not count. */
  readonly most: number;
  /** That go anyway: no copy in them counts. */
  readonly leaving: ReadonlySet<ObjectName>;
  /** Nothing is stored; it is compressed all the same, to know what would come of it. */
  readonly dryRun: boolean;
}

/**
 * A pack of which something cannot be read stays as it is. When this is done, what was written is durable and in the index.
 * @throws NeoError no-space, unreachable, interrupted
 */
export async function recompress(
  view: View,
  live: BlobTable,
  options: RecompressOptions,
  hooks: CopyHooks,
): Promise<Recompressed> {
  const copier = new BlobCopier(view.repository, options.dryRun);
  const run = new Run(view.repository, copier, options, hooks);
  try {
    const gone = new Set(options.leaving);
    for (let at = 0; at < options.packs.length; at += BATCH) {
      const batch = new Map(options.packs.slice(at, at + BATCH).map((pack) => [pack.name, pack]));
      const places = wantedPlaces(view, live, new Set([...gone, ...batch.keys()]));
      for (const [name, wanted] of byName(view.repository, places)) {
        const pack = batch.get(name);
        if (pack !== undefined && (await run.pack(pack, wanted, live))) gone.add(name);
      }
    }
    await copier.finish();
    return { packs: run.packs, written: run.written, segments: copier.session.segments };
  } finally {
    await copier.close();
  }
}

/** Several numbers of the index may be one pack. */
function byName({ packs }: IndexedRepository, places: ReadonlyMap<number, Wanted[]>): Map<ObjectName, Wanted[]> {
  const found = new Map<ObjectName, Wanted[]>();
  for (const [number, wanted] of places) {
    const name = packs[number]?.name;
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), ...wanted]);
  }
  return found;
}

interface Fresh {
  readonly blob: NeededBlob;
  readonly sealed: Uint8Array;
}

class Run {
  readonly #repository: IndexedRepository;
  readonly #copier: BlobCopier;
  readonly #options: RecompressOptions;
  readonly #hooks: CopyHooks;
  readonly packs: PackUse[] = [];
  written = 0;
  #bytes = 0;

  constructor(repository: IndexedRepository, copier: BlobCopier, options: RecompressOptions, hooks: CopyHooks) {
    this.#repository = repository;
    this.#copier = copier;
    this.#options = options;
    this.#hooks = hooks;
  }

  /** False if it stays. */
  async pack(pack: PackUse, wanted: readonly Wanted[], live: BlobTable): Promise<boolean> {
    this.#hooks.throwIfStopped();
    if (this.#bytes + pack.size > this.#options.most) return false;
    const bytes = await this.#repository.backend.get(packPath(pack.name));
    this.#hooks.onPack(bytes?.length ?? 0);
    const fresh = bytes === undefined ? undefined : this.#fresh(bytes, wanted, live);
    if (fresh === undefined) return false;
    const before = wanted.reduce((sum, { place }) => sum + place.length, 0);
    const after = fresh.reduce((sum, { sealed }) => sum + sealed.length, 0);
    if (after > before * (1 - LEAST_GAIN)) return false;
    if (!this.#options.dryRun) {
      for (const { blob, sealed } of fresh) if (!(await this.#copier.add(blob, sealed))) return false;
    }
    this.packs.push(pack);
    this.#bytes += pack.size;
    this.written += after;
    return true;
  }

  #fresh(bytes: Uint8Array, wanted: readonly Wanted[], live: BlobTable): Fresh[] | undefined {
    const fresh: Fresh[] = [];
    for (const { id, place } of wanted) {
      const entry = live.find(id);
      if (entry === undefined) return undefined;
      const blob = needed(this.#repository, entry);
      const sealed = this.#smaller(blob, bytes.subarray(place.offset, place.offset + place.length));
      if (sealed === undefined) return undefined;
      fresh.push({ blob, sealed });
    }
    return fresh;
  }

  /** As it is where the level makes it no smaller; undefined when it is not what its key says. */
  #smaller({ kind, key }: NeededBlob, sealed: Uint8Array): Uint8Array | undefined {
    const { engine, config, random } = this.#repository;
    const plain = openOrNone(this.#repository, kind, key, sealed);
    if (plain === undefined) return undefined;
    const { codec, payload } = encodePayload(engine, plain, Math.min(this.#options.level, engine.maxCompressionLevel));
    const made = sealBlob(engine, config.blobSuite, BLOB_KINDS[kind], key, payload, codec, plain.length, random);
    return made.length < sealed.length ? made : sealed;
  }
}

function openOrNone(
  repository: IndexedRepository,
  kind: NeededBlob['kind'],
  key: NeededBlob['key'],
  sealed: Uint8Array,
): Uint8Array | undefined {
  try {
    return openVerified(repository, kind, key, sealed);
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}
