/** Brings back what a removal put in the trash. */
import { NeoError } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { listHeads } from '../snapshot/listing.ts';
import { listRemovals, putUndo, type Removal } from '../snapshot/removal.ts';

export interface UndoOptions {
  /** The start of a removal's id; absent for the last one. */
  readonly removal?: string;
  readonly dryRun: boolean;
}

export interface UndoSummary {
  readonly removal: Removal;
  /** Its snapshots that are there again. */
  readonly snapshots: readonly ObjectName[];
}

/**
 * @throws NeoError failed when there is nothing to undo, or what was removed is gone; usage for an id that is none;
 * permission-denied without role full
 */
export async function undo(repository: Repository, { removal, dryRun }: UndoOptions): Promise<UndoSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'bring snapshots back');
  const { removals } = await listRemovals(repository);
  const chosen = removal === undefined ? last(removals) : byId(removals, removal);
  if (chosen.undone) throw new NeoError('failed', `removal ${chosen.name.slice(0, 8)} was undone already`);
  const there = new Set((await listHeads(repository)).heads.map(({ name }) => name));
  const snapshots = chosen.snapshots.filter((name) => there.has(name));
  if (snapshots.length === 0) {
    throw new NeoError('failed', 'what was removed is gone: its trash had ended, and prune has freed it', {
      hint: 'see what can still be brought back: neo trash',
    });
  }
  if (!dryRun) await putUndo(repository, chosen.name, await repository.backend.now());
  return { removal: chosen, snapshots };
}

function last(removals: readonly Removal[]): Removal {
  const found = removals.findLast(({ undone }) => !undone);
  if (found !== undefined) return found;
  throw new NeoError('failed', 'there is nothing to undo: nothing was removed');
}

function byId(removals: readonly Removal[], id: string): Removal {
  const found = /^[0-9a-f]{4,64}$/.test(id) ? removals.filter(({ name }) => name.startsWith(id)) : [];
  const [only, second] = found;
  if (only !== undefined && second === undefined) return only;
  const what = only === undefined ? 'there is no such removal' : `${found.length} removals begin so`;
  throw new NeoError('usage', `${id}: ${what}`, { hint: 'see: neo trash' });
}
