/** The states of shares: one snapshot for each. Of a share that follows there may be several for a while: the newest counts. */
import { compareStates, type ShareState } from '../../repo/share.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import type { SharedAs } from '../../snapshot/shared-as.ts';

/** A snapshot that is a share, as somebody who may share made it. */
export interface Shared {
  readonly snapshot: Snapshot;
  readonly share: SharedAs;
}

export function sharesIn(snapshots: readonly Snapshot[]): Shared[] {
  return snapshots.flatMap((snapshot) => {
    const { role, body } = snapshot;
    return role === 'full' && body.kind === 'share' && body.share !== undefined
      ? [{ snapshot, share: body.share }]
      : [];
  });
}

export function stateOf({ snapshot, share }: Shared): ShareState {
  return { tree: snapshot.body.tree, time: share.taken, step: share.follow?.step ?? 0 };
}

/** Of each share one: its newest. */
export function newestStates(states: readonly Shared[]): Shared[] {
  const newest = new Map<string, Shared>();
  for (const state of states) {
    const known = newest.get(state.share.id);
    if (known === undefined || isLater(state, known)) newest.set(state.share.id, state);
  }
  return [...newest.values()];
}

function isLater(a: Shared, b: Shared): boolean {
  return (compareStates(stateOf(a), stateOf(b)) || (a.snapshot.name < b.snapshot.name ? -1 : 1)) > 0;
}

/** When storage received the first state of it, milliseconds. */
export function madeAt({ snapshot, share }: Shared): number {
  return share.follow?.made ?? snapshot.arrived;
}
