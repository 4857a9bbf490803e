/** Whether readers of shares find what is shared. Nothing is lost where they do not: the next prune tells them anew. */
import type { EventSink } from '../../core/events.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { listPacks } from '../../repo/pack-listing.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import { listRemovals, trashOf } from '../../snapshot/removal.ts';
import { packsNamed, sharesIn } from '../share/refresh.ts';

/** Each that they do not is a warning. @throws NeoError unreachable */
export async function warnOfShares(
  repository: IndexedRepository,
  snapshots: readonly Snapshot[],
  events: EventSink,
): Promise<void> {
  const shares = sharesIn(snapshots);
  if (shares.length === 0) return;
  const trash = trashOf(await listRemovals(repository));
  const stored = await listPacks(repository);
  for (const { snapshot, share } of shares) {
    if (trash.has(snapshot.name)) continue;
    const packs = await packsNamed(repository, share);
    if (packs?.every((name) => stored.has(name)) === true) continue;
    const message = `readers of share ${share.id.slice(0, 8)} do not find all of it: neo prune tells them where it is`;
    events({ type: 'warning', message, code: 'integrity' });
  }
}
