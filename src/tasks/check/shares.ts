/** Whether readers of shares find what is shared. Nothing is lost where they do not: the next prune tells them anew. */
import type { EventSink } from '../../core/events.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { listPacks } from '../../repo/pack-listing.ts';
import { shownBy } from '../../repo/share-writer.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import { endedShares, listRemovals, trashOf } from '../../snapshot/removal.ts';
import { isShown } from '../share/refresh.ts';
import { newestStates, sharesIn } from '../share/states.ts';

/** Each that they do not is a warning. @throws NeoError unreachable */
export async function warnOfShares(
  repository: IndexedRepository,
  snapshots: readonly Snapshot[],
  events: EventSink,
): Promise<void> {
  const shares = sharesIn(snapshots);
  if (shares.length === 0) return;
  const removals = await listRemovals(repository);
  const trash = trashOf(removals);
  const ended = endedShares(removals);
  const counted = shares.filter(({ snapshot, share }) => !(trash.has(snapshot.name) || ended.has(share.id)));
  const stored = await listPacks(repository);
  for (const shared of newestStates(counted)) {
    const { share } = shared;
    const shown = await shownBy(repository, share);
    if (isShown(shown, shared) && shown.packs.every(({ name }) => stored.has(name))) continue;
    const message = `readers of share ${share.id.slice(0, 8)} do not find all of it: neo prune tells them where it is`;
    events({ type: 'warning', message, code: 'integrity' });
  }
}
