/** Blobs of packs that go, copied into new ones. Nothing is deleted here. */
import { copyOf, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { BlobId, ObjectName } from '../../core/ids.ts';
import { BlobCopier } from '../../repo/blob-copier.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { packPath } from '../../repo/pack-check.ts';
import type { BlobTable } from '../check/blob-table.ts';
import { needed } from '../reachable.ts';
import type { View } from './look.ts';

export interface Copied {
  readonly blobs: number;
  /** Bytes of new packs and segments. */
  readonly written: number;
  /** That tell where the copies are. */
  readonly segments: readonly ObjectName[];
  /** Packs with something that is needed and could not be copied: they must stay. */
  readonly failed: ReadonlySet<ObjectName>;
}

export interface CopyHooks {
  /** Told of each pack that was read, with its bytes. */
  readonly onPack: (bytes: number) => void;
  readonly throwIfStopped: () => void;
}

/** A copy that may be relied on when the packs of `leaving` are gone. */
export function standsWithout(view: View, leaving: ReadonlySet<ObjectName>): (place: BlobPlace) => boolean {
  const { repository, packs, packCount, tombs } = view;
  return ({ pack, trusted }) => {
    // What was stored since is this run's own.
    if (!trusted || pack >= packCount) return trusted;
    const name = repository.packs[pack]?.name;
    return name !== undefined && packs.has(name) && !tombs.packs.has(name) && !leaving.has(name);
  };
}

/**
 * Everything in the packs of `leaving` that is needed and has no trusted copy elsewhere that stays. Packs are read whole,
 * one after the other. When this is done, the copies are durable and in the index.
 * @throws NeoError no-space, unreachable
 */
export async function copyOut(
  view: View,
  live: BlobTable,
  leaving: ReadonlySet<ObjectName>,
  hooks: CopyHooks,
): Promise<Copied> {
  const { repository } = view;
  const copier = new BlobCopier(repository);
  const progress: Progress = { copied: new Set(), failed: new Map() };
  try {
    for (const [number, places] of wantedPlaces(view, live, leaving)) {
      hooks.throwIfStopped();
      hooks.onPack(await copyPack(view, live, copier, number, places, progress));
    }
    await copier.finish();
    const { storedBytes: written, segments } = copier.session;
    const lost = [...progress.failed].filter(([hex]) => !progress.copied.has(hex));
    const failed = new Set(lost.flatMap(([, packs]) => [...packs]));
    return { blobs: progress.copied.size, written, segments, failed };
  } finally {
    await copier.close();
  }
}

interface Progress {
  /** Ids in hex. */
  readonly copied: Set<string>;
  /** Of which a copy was no good, and in which packs. */
  readonly failed: Map<string, Set<ObjectName>>;
}

export interface Wanted {
  readonly id: BlobId;
  readonly place: BlobPlace;
}

/** The bytes that were read. */
async function copyPack(
  { repository }: View,
  live: BlobTable,
  copier: BlobCopier,
  number: number,
  places: readonly Wanted[],
  { copied, failed }: Progress,
): Promise<number> {
  const name = repository.packs[number]?.name;
  if (name === undefined) return 0;
  const bytes = await repository.backend.get(packPath(name));
  for (const { id, place } of places) {
    const hex = toHex(id);
    const entry = live.find(id);
    if (entry === undefined || copied.has(hex)) continue;
    const sealed = bytes?.subarray(place.offset, place.offset + place.length);
    const isGood = sealed !== undefined && (await copier.add(needed(repository, entry), sealed));
    if (isGood) copied.add(hex);
    else failed.set(hex, (failed.get(hex) ?? new Set()).add(name));
  }
  return bytes?.length ?? 0;
}

/** Blobs in packs of `leaving` that are needed and stand nowhere else, by pack, in the order in which they lie there. */
export function wantedPlaces(view: View, live: BlobTable, leaving: ReadonlySet<ObjectName>): Map<number, Wanted[]> {
  const { repository } = view;
  const stands = standsWithout(view, leaving);
  const wanted = new Map<number, Wanted[]>();
  repository.index.eachPlace((id, place) => {
    const name = repository.packs[place.pack]?.name;
    if (name === undefined || !leaving.has(name) || !live.has(id)) return;
    if (repository.index.places(id).some(stands)) return;
    const own = wanted.get(place.pack) ?? [];
    own.push({ id: copyOf(id) as BlobId, place });
    wanted.set(place.pack, own);
  });
  for (const places of wanted.values()) places.sort((a, b) => a.place.offset - b.place.offset);
  return wanted;
}

/** @throws NeoError failed when something that is needed has no copy that stays: a fault of this program */
export function demandCopies(
  { repository }: { readonly repository: IndexedRepository },
  live: BlobTable,
  leaving: ReadonlySet<ObjectName>,
  stands: (place: BlobPlace) => boolean,
): void {
  repository.index.eachPlace((id, { pack }) => {
    const name = repository.packs[pack]?.name;
    if (name === undefined || !leaving.has(name) || !live.has(id)) return;
    if (!repository.index.places(id).some(stands)) {
      throw new NeoError(
        'failed',
        `pack ${name.slice(0, 8)} was to go, and something in it is needed: nothing was marked`,
      );
    }
  });
}
