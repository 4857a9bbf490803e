/** Puts a stash back to where it came from. */
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { type RestoreAction, type RestoreSummary, restore } from './restore.ts';
import type { VisibleSnapshots } from './snapshots.ts';
import { refuseUnsaved, stashDifferences } from './stash.ts';

export interface ApplyOptions {
  /** Also where the disk has what is saved nowhere. */
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly workers: number;
  /** With `dryRun`: what would be done. */
  readonly onAction: (action: RestoreAction) => void;
}

/**
 * What the disk has beside it stays.
 * @throws NeoError failed when something would be written over that is saved nowhere, before anything is written, or when
 * part of it could not be restored
 */
export async function applyStash(
  repository: IndexedRepository,
  look: VisibleSnapshots,
  stash: Snapshot,
  { overwrite, ...options }: ApplyOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<RestoreSummary> {
  if (!overwrite) {
    await refuseUnsaved(repository, look, await stashDifferences(repository, look, stash, events), events);
  }
  const destination = { type: 'in-place' } as const;
  const summary = await restore(
    repository,
    { snapshot: stash.body, destination, overwrite: 'always', ...options },
    events,
    signal,
  );
  const left = summary.errors + summary.refused + summary.filesSkipped;
  if (left === 0) return summary;
  throw new NeoError('failed', `not all of it is back (${left} entries): see the warnings above`, {
    hint: 'the stash stays; a part of it: neo restore ID:PATH, where ID is that of neo stash list',
  });
}
