/**
 * Snapshots that came later than their makers' word holds: when all that they refer to is there, somebody with role full
 * says so, and they count like all others (docs/decisions/0010-prune.md).
 */
import type { EventSink } from '../core/events.ts';
import { blobIdOf } from '../engine/keys.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { dropUnreliablePacks } from '../repo/missing-packs.ts';
import { listPacks } from '../repo/pack-listing.ts';
import { putRecord } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { listTombs, type TombListing } from '../repo/tomb.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { doubtOf } from '../snapshot/marks.ts';
import { reachable } from './reachable.ts';
import { lookAtSnapshots } from './snapshots.ts';

export interface ConfirmSummary {
  readonly confirmed: readonly Snapshot[];
  /** Something of them is missing, cannot be read, or is about to be deleted. */
  readonly refused: readonly Snapshot[];
}

/** Blobs that are added: none. */
const NO_ROOM = 0;

/** @throws NeoError permission-denied without role full, interrupted, unreachable */
export async function confirmSnapshots(
  repository: Repository,
  state: ClientState,
  { workers }: { readonly workers: number },
  events: EventSink,
): Promise<ConfirmSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'confirm snapshots');
  const look = await lookAtSnapshots(repository, state, events);
  const doubtful = look.snapshots.filter((snapshot) => doubtOf(snapshot, look.records) !== undefined);
  if (doubtful.length === 0) return { confirmed: [], refused: [] };
  // Whatever was marked before these came may go; from now on every prune counts them.
  const tombs = await listTombs(repository);
  const indexed = await loadIndex(repository, NO_ROOM);
  dropUnreliablePacks(indexed, tombs.packs, await listPacks(indexed));
  const confirmed: Snapshot[] = [];
  const refused: Snapshot[] = [];
  const time = await repository.backend.now();
  for (const snapshot of doubtful) {
    if (await isWhole(indexed, tombs, snapshot, workers)) {
      await putRecord(repository, look.records, { type: 'confirm', subject: snapshot.name, time });
      confirmed.push(snapshot);
    } else {
      refused.push(snapshot);
    }
  }
  return { confirmed, refused };
}

/** Each blob lies in a pack that nobody has marked, and that its maker, or a key of role full, has made. */
async function isWhole(
  repository: IndexedRepository,
  tombs: TombListing,
  { head, body }: Snapshot,
  workers: number,
): Promise<boolean> {
  const { table, missing, unreadable } = await reachable(repository, [body], { workers });
  if (missing.length + unreadable.length > 0) return false;
  const counts = (number: number, trusted: boolean): boolean => {
    const pack = repository.packs[number];
    return pack !== undefined && !tombs.packs.has(pack.name) && (trusted || pack.author === head.client);
  };
  for (const { key } of table.entries()) {
    const places = repository.index.places(blobIdOf(repository.engine, key));
    if (!places.some(({ pack, trusted }) => counts(pack, trusted))) return false;
  }
  return true;
}
