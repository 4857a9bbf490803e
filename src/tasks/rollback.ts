/** For commands that look at no snapshots: has the repository gone back since this client last saw it? */
import type { EventSink } from '../core/events.ts';
import type { ClientState } from '../repo/client-state.ts';
import type { Repository } from '../repo/repository.ts';
import { findRollback } from '../snapshot/heads.ts';
import { listHeads } from '../snapshot/listing.ts';
import { listRemovals, trashOf } from '../snapshot/removal.ts';
import { SnapshotCache } from '../snapshot/snapshot-cache.ts';

/** An alarm for each snapshot that was there and is gone without a removal. Any role may look. @throws NeoError unreachable */
export async function watchRollback(repository: Repository, state: ClientState, events: EventSink): Promise<void> {
  // Removals first: what is removed meanwhile is then still there.
  const removed = trashOf(await listRemovals(repository)).keys();
  const { heads, faults } = await listHeads(repository, [], await SnapshotCache.load(repository, state));
  // What is damaged is not gone.
  const known = [...removed, ...faults.map(({ name }) => name)];
  for (const { message } of await findRollback(repository, state, heads, known)) events({ type: 'alarm', message });
}
