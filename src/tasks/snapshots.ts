/** The snapshots of a repository as its reader should see them: with what is wrong said, and heads remembered. */
import { messageOf } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures } from '../repo/config.ts';
import type { ObjectFault } from '../repo/named-objects.ts';
import { isRevoked, listRecords, type RecordListing } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { findRollback, rememberHeads } from '../snapshot/heads.ts';
import { listSnapshots, type Snapshot, type SnapshotListing } from '../snapshot/listing.ts';
import { endedShares, listRemovals, type Removal, trashOf } from '../snapshot/removal.ts';
import { SnapshotCache } from '../snapshot/snapshot-cache.ts';

export interface VisibleSnapshots extends SnapshotListing {
  /** In the trash; not among `snapshots`. */
  readonly removed: readonly Snapshot[];
  /** What was seen here before, and is gone without a reason. */
  readonly alarms: readonly string[];
  /** Oldest first, undone ones too. */
  readonly removals: readonly Removal[];
  /** Of revoked keys, made when they may not have been in their owners' hands; not among `snapshots`. */
  readonly revoked: readonly Snapshot[];
  /** Those that are shares; not among `snapshots`. Of one that follows there may be several states. */
  readonly shares: readonly Snapshot[];
  /** States of shares that came after they had been taken back: they do not count. */
  readonly late: readonly Snapshot[];
  readonly records: RecordListing;
  /** Of the client that looked. */
  readonly state: ClientState;
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

/**
 * All snapshots that nobody removed, and no revoked key made, oldest first. Objects that cannot be read, and snapshots that were seen and are
 * gone, are warnings; it is up to the caller to fail for `faults`. What is there now is remembered for the next time.
 * @throws NeoError permission-denied without role full; needs-newer-neo, unreachable
 */
export async function lookAtSnapshots(
  repository: Repository,
  state: ClientState,
  events: EventSink,
): Promise<VisibleSnapshots> {
  requireFeatures(repository.config, 'read');
  const { epochs } = requireFull(repository, 'read snapshots');
  const { renewalFault } = repository;
  if (renewalFault !== undefined) {
    events({ type: 'alarm', message: `this key opens only what was made before the last rotation: ${renewalFault}` });
  }
  // Removals first: what is removed meanwhile is then still there, and not missing without a reason.
  const removals = await listRemovals(repository);
  const trash = trashOf(removals);
  const records = await listRecords(repository);
  const cache = await SnapshotCache.load(repository, state);
  const listing = await listSnapshots(repository, epochs, cache);
  await cache?.save(listing.heads.map(({ name }) => name));
  const faulty = new Set<string>();
  const alarms: string[] = [];
  for (const { name, reason } of listing.faults) {
    faulty.add(name);
    events({ type: 'warning', message: `snapshot ${name.slice(0, 8)} cannot be read: ${reason}`, code: 'integrity' });
  }
  for (const { message, snapshot } of await findRollback(repository, state, listing.heads, trash.keys())) {
    // What is damaged is not gone.
    if (snapshot !== undefined && faulty.has(snapshot)) continue;
    alarms.push(message);
    events({ type: 'alarm', message });
  }
  try {
    await rememberHeads(repository, state, listing.heads);
  } catch (error) {
    events({ type: 'note', message: `what was seen here could not be remembered: ${messageOf(error)}` });
  }
  warnOf('removal', removals.faults, events);
  warnOf('record', records.faults, events);
  const [removed, visible] = split(listing.snapshots, ({ name }) => trash.has(name));
  const [revoked, valid] = split(visible, (snapshot) => isRevoked(records, snapshot.head.client, snapshot.name));
  // What a write key calls a share is none, and must be seen.
  const [all, snapshots] = split(valid, ({ role, body }) => role === 'full' && body.share !== undefined);
  const ended = endedShares(removals);
  const [late, shares] = split(all, ({ body }) => body.share !== undefined && ended.has(body.share.id));
  return { ...listing, snapshots, shares, late, removed, revoked, removals: removals.removals, records, alarms, state };
}

function warnOf(what: string, faults: readonly ObjectFault[], events: EventSink): void {
  for (const { name, reason } of faults) {
    events({ type: 'warning', message: `${what} ${name.slice(0, 8)} does not count: ${reason}`, code: 'integrity' });
  }
}
