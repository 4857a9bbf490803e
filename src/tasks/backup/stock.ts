/** What lies in storage when a run begins, asked for in as few ways there and back as there can be. */
import type { ObjectName } from '../../core/ids.ts';
import type { ClientState } from '../../repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../../repo/indexed.ts';
import { askMoment, type Moment } from '../../repo/moment.ts';
import { type ObjectCache, objectCache } from '../../repo/object-cache.ts';
import { listPacks, type StoredPacks } from '../../repo/pack-listing.ts';
import { listRecords, type RecordListing } from '../../repo/record.ts';
import type { Repository } from '../../repo/repository.ts';
import { listTombs, type TombListing } from '../../repo/tomb.ts';
import { type HeadListing, listHeads } from '../../snapshot/listing.ts';
import { listRemovals, type RemovalListing, trashOf } from '../../snapshot/removal.ts';
import { SnapshotCache } from '../../snapshot/snapshot-cache.ts';
import { type Standing, standingOf } from '../commit.ts';

export interface Stock extends Listed {
  readonly repository: IndexedRepository;
  readonly standing: Standing;
}

/** Only what must not be older than another thing waits for that. @throws NeoError unreachable */
export async function takeStock(
  opened: Repository | IndexedRepository,
  state: ClientState,
  { dryRun }: { readonly dryRun: boolean },
): Promise<Stock> {
  if (!dryRun) opened.backend.prepareToPut?.();
  const [listed, { repository, packs }] = await Promise.all([listAll(opened, state), openIndex(opened, state)]);
  return {
    ...listed,
    repository,
    standing: { ...standingOf(repository, listed.moment, { ...listed, packs }), removals: listed.removals },
  };
}

interface Listed {
  /** From before what follows was listed. */
  readonly moment: Moment;
  readonly tombs: TombListing;
  readonly records: RecordListing;
  readonly removals: RemovalListing;
  /** Snapshots in the trash. */
  readonly removed: ReadonlySet<ObjectName>;
  readonly listing: HeadListing;
  readonly cache: SnapshotCache | undefined;
}

async function listAll(repository: Repository, state: ClientState): Promise<Listed> {
  const objects = objectCache(repository, state);
  const [{ removals, ...snapshots }, records, tombs] = await Promise.all([
    listSnapshots(repository, state, objects),
    listRecords(repository, objects),
    listTombsLater(repository, objects),
  ]);
  return { ...tombs, ...snapshots, records, removals, removed: new Set(trashOf(removals).keys()) };
}

/** Removals before snapshots: what is removed meanwhile is then still there, and not missing without a reason. */
async function listSnapshots(
  repository: Repository,
  state: ClientState,
  objects: ObjectCache | undefined,
): Promise<Pick<Listed, 'removals' | 'listing' | 'cache'>> {
  const [removals, cache] = await Promise.all([
    listRemovals(repository, { objects }),
    SnapshotCache.load(repository, state),
  ]);
  return { removals, listing: await listHeads(repository, [], cache, objects), cache };
}

async function listTombsLater(
  repository: Repository,
  objects: ObjectCache | undefined,
): Promise<Pick<Listed, 'moment' | 'tombs'>> {
  const moment = await askMoment(repository);
  return { moment, tombs: await listTombs(repository, undefined, objects) };
}

/** Packs after the index: one that somebody stores meanwhile would be named there, and missing. */
async function openIndex(
  opened: Repository | IndexedRepository,
  state: ClientState,
): Promise<{ readonly repository: IndexedRepository; readonly packs: StoredPacks }> {
  const repository = 'index' in opened ? opened : await loadIndex(opened, undefined, objectCache(opened, state));
  return { repository, packs: await listPacks(repository) };
}
