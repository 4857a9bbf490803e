/** Readers of shares are told where things are before packs go. */
import type { EventSink } from '../../core/events.ts';
import type { ObjectName } from '../../core/ids.ts';
import { refreshShares, removeOrphans } from '../share/refresh.ts';
import { newestStates, sharesIn } from '../share/states.ts';
import { standsWithout } from './copy.ts';
import type { View } from './look.ts';

/** @param leaving packs beside those that tombs name. @throws NeoError no-space, unreachable */
export async function refreshIn(view: View, leaving: ReadonlySet<ObjectName>, events: EventSink): Promise<void> {
  const { repository, snapshots, ended, endedShares, packs, packCount, tombs } = view;
  const shares = sharesIn(snapshots).filter(({ share }) => !endedShares.has(share.id));
  await removeOrphans(repository, view.shareObjects, new Set(shares.map(({ share }) => share.id)));
  const own = new Set(repository.packs.slice(packCount).map((pack) => pack?.name));
  await refreshShares(repository, {
    shares: newestStates(shares.filter(({ snapshot }) => !ended.has(snapshot.name))),
    isLeaving: (name) => leaving.has(name) || tombs.packs.has(name) || !(packs.has(name) || own.has(name)),
    isUsable: standsWithout(view, leaving),
    events,
  });
}
