/** What there is, listed in one go: everything that a prune decides and deletes rests on it. */
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ObjectName } from '../../core/ids.ts';
import type { ClientState } from '../../repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../../repo/indexed.ts';
import { listPacks, type StoredPack } from '../../repo/pack-listing.ts';
import { type Repository, refuseRotated, requireFull } from '../../repo/repository.ts';
import type { ShareId } from '../../repo/share.ts';
import { listTombs, type TombListing } from '../../repo/tomb.ts';
import { findRollback } from '../../snapshot/heads.ts';
import { listSnapshots, type Snapshot, type SnapshotListing } from '../../snapshot/listing.ts';
import { endedShares, listRemovals, trashOf } from '../../snapshot/removal.ts';
import { listShareObjects, type ShareObjectPath } from '../share/refresh.ts';

export interface View {
  /** By the storage's clock, before the first listing, milliseconds. */
  readonly time: number;
  /** By this machine's clock at the same moment, milliseconds. */
  readonly localTime: number;
  readonly tombs: TombListing;
  /** Listed before the snapshots. */
  readonly shareObjects: readonly ShareObjectPath[];
  readonly snapshots: readonly Snapshot[];
  /** Those whose trash has ended. */
  readonly ended: ReadonlySet<ObjectName>;
  /** Those that were taken back. */
  readonly endedShares: ReadonlySet<ShareId>;
  readonly repository: IndexedRepository;
  /** Numbers of packs that the index knew; what this run stores has higher ones. */
  readonly packCount: number;
  readonly packs: ReadonlyMap<ObjectName, StoredPack>;
  /** When storage received the newest of all these, milliseconds; 0 when there is nothing. */
  readonly newest: { readonly path: string; readonly modified: number };
}

/**
 * Tombs first, packs last: what is in the index was there before the packs were listed, and who deletes what had marked
 * it before the tombs were.
 * @throws NeoError integrity when a snapshot cannot be opened or is gone, so that nobody knows what it needs;
 * needs-newer-neo for a snapshot of a later version; permission-denied without role full; failed when keys were rotated
 * meanwhile: what is sealed to the new ones is needed, too
 */
export async function look(repository: Repository, state: ClientState, events: EventSink): Promise<View> {
  const { epochs } = requireFull(repository, 'free space');
  const localTime = repository.clock.now();
  const time = await repository.backend.now();
  const tombs = await listTombs(repository);
  for (const { path, reason } of tombs.faults) {
    events({ type: 'warning', message: `${path} does not count: ${reason}`, code: 'integrity' });
  }
  const shareObjects = await listShareObjects(repository);
  const listing = await listSnapshots(repository, epochs);
  const removals = await listRemovals(repository);
  const trash = trashOf(removals);
  refuseUnknown(listing, trash, events);
  const [alarm] = await findRollback(repository, state, listing.heads, trash.keys());
  if (alarm !== undefined) throw unsure(alarm.message);
  const indexed = await loadIndex(repository, FEW);
  const packs = await listPacks(repository);
  await refuseRotated(repository);
  const ended = new Set([...trash].filter(([, { trashEnds }]) => trashEnds <= time).map(([name]) => name));
  const objects = [
    ...[...packs].map(([name, { modified }]) => ({ path: `packs/${name.slice(0, 2)}/${name}`, modified })),
    ...listing.heads.map(({ name, received }) => ({ path: `snapshots/${name}`, modified: received })),
    ...tombs.tombs.map(({ path, since }) => ({ path, modified: since })),
  ];
  const none = { path: '', modified: 0 };
  const newest = objects.reduce((latest, object) => (object.modified > latest.modified ? object : latest), none);
  return {
    time,
    localTime,
    tombs,
    shareObjects,
    snapshots: listing.snapshots,
    ended,
    endedShares: endedShares(removals),
    repository: indexed,
    packCount: indexed.packs.length,
    packs,
    newest,
  };
}

/** Whatever a client of this repository signed counts until it is removed; what nobody signed is only told. */
function refuseUnknown(
  { heads, snapshots, faults }: SnapshotListing,
  trash: ReadonlyMap<ObjectName, unknown>,
  events: EventSink,
): void {
  const opened = new Set(snapshots.map(({ name }) => name));
  const signed = new Set(heads.map(({ name }) => name));
  for (const { name, reason, newer } of faults) {
    if (newer === true) throw new NeoError('needs-newer-neo', `snapshot ${name.slice(0, 8)} is of a later version`);
    if (signed.has(name) && !opened.has(name) && !trash.has(name)) {
      throw unsure(`snapshot ${name.slice(0, 8)} cannot be opened (${reason})`);
    }
    events({ type: 'warning', message: `snapshot ${name.slice(0, 8)} does not count: ${reason}`, code: 'integrity' });
  }
}

/** Blobs that are copied, as a rule: room for them in the index. */
const FEW = 512;

/** Nothing is marked and nothing deleted while it is not known what is needed. */
export function unsure(what: string): NeoError {
  return new NeoError('integrity', `${what}: nobody can tell what is needed, so nothing is freed`, {
    hint: 'see what is wrong: neo check; if it is to go: neo forget',
  });
}
