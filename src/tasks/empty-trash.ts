/** Ends the trash of all that is in it: what was removed by mistake before is then gone with the next prune. */
import type { EventSink } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { putRemoval, trashOf } from '../snapshot/removal.ts';
import { lookAtSnapshots } from './snapshots.ts';

export interface EmptySummary {
  /** Snapshots whose trash had not ended. */
  readonly count: number;
  /** Absent when there were none, and for a dry run. */
  readonly removal?: ObjectName;
}

/** A removal of its own: of several the one whose trash ends first counts. @throws NeoError permission-denied without role full */
export async function emptyTrash(
  repository: Repository,
  state: ClientState,
  { dryRun }: { readonly dryRun: boolean },
  events: EventSink,
): Promise<EmptySummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'empty the trash');
  const { removed, removals, heads } = await lookAtSnapshots(repository, state, events);
  const now = await repository.backend.now();
  const trash = trashOf({ removals });
  const waiting = new Set(removed.map(({ name }) => name).filter((name) => (trash.get(name)?.trashEnds ?? 0) > now));
  if (dryRun || waiting.size === 0) return { count: waiting.size };
  const time = Math.max(now, (removals.at(-1)?.time ?? 0) + 1);
  const chosen = heads.filter(({ name }) => waiting.has(name));
  return { count: waiting.size, removal: await putRemoval(repository, chosen, { time, trashEnds: now }) };
}
