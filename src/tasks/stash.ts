/** Stashes: versions that are kept now, beside all rules, until somebody drops them. */
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { type Difference, diffTrees } from './diff.ts';
import { pairsOf } from './diff-pairs.ts';
import { historySource } from './history.ts';
import type { VisibleSnapshots } from './snapshots.ts';
import { findVersions } from './versions.ts';

/** Newest first. @param path absolute: only those in which it lies */
export function stashesOf({ snapshots }: VisibleSnapshots, path?: Uint8Array): Snapshot[] {
  const stashes = snapshots.filter(({ body }) => body.kind === 'stash' && body.kept === undefined);
  return filterSnapshots(stashes, { hosts: [], tags: [], paths: path === undefined ? [] : [path] }).toReversed();
}

/**
 * By its number in the list, 0 the newest, or the start of its id.
 * @throws NeoError failed when there is none; usage when it is no stash
 */
export function selectStash(look: VisibleSnapshots, reference: string): Snapshot {
  const stashes = stashesOf(look);
  if (/^\d{1,3}$/.test(reference)) {
    const found = stashes[Number(reference)];
    if (found !== undefined) return found;
    const what = stashes.length === 0 ? 'nothing is stashed' : `there is no stash ${reference}, only ${stashes.length}`;
    throw new NeoError('failed', what, { hint: 'see: neo stash list' });
  }
  const found = selectSnapshot(look.snapshots, reference, undefined, look);
  if (found.body.kind === 'stash') return found;
  throw new NeoError('usage', `${reference} is a snapshot, not a stash`, { hint: 'see: neo stash list' });
}

/** What the stash would change on the disk; what is on the disk alone is no part of it. */
export async function stashDifferences(
  repository: IndexedRepository,
  look: VisibleSnapshots,
  stash: Snapshot,
  events: EventSink,
): Promise<Difference[]> {
  const found: Difference[] = [];
  const tally = { files: 0, unreadable: 0 };
  for (const [before, after] of await pairsOf(repository, look, [{ snapshot: stash.name }, undefined], events)) {
    for await (const difference of diffTrees(before, after, { metadata: false }, { events }, tally)) {
      if (difference.change !== 'added') found.push(difference);
    }
  }
  if (tally.unreadable === 0) return found;
  throw new NeoError('failed', 'not all of it can be compared with the disk: see the warnings above');
}

/**
 * Nothing is written over that is kept nowhere: each file that differs on the disk must be in some snapshot or stash as it
 * is now.
 * @throws NeoError failed with the first one that is not
 */
export async function refuseUnsaved(
  repository: IndexedRepository,
  look: VisibleSnapshots,
  differences: readonly Difference[],
  events: EventSink,
): Promise<void> {
  for (const { path, after } of differences) {
    if (after?.node === undefined || after.node.type === 'directory') continue;
    const { versions } = await findVersions(historySource(repository, look), look.snapshots, path, events);
    const held = await Promise.all(versions.map(async ({ node }) => (await after.holds?.(node)) === true));
    if (held.includes(true)) continue;
    throw new NeoError('failed', `${displayBytes(path)} has a content that is saved nowhere`, {
      hint: 'keep it first: neo stash push FILE; or say --overwrite',
    });
  }
}
