/** Brings back what a removal put in the trash. */
import { NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { confirmWithin } from '../repo/grace.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { listTombs, snapshotsBeingFreed } from '../repo/tomb.ts';
import { findRollback } from '../snapshot/heads.ts';
import { type ListedHead, listHeads } from '../snapshot/listing.ts';
import { listRemovals, putUndo, type Removal, removeAgain, trashOf } from '../snapshot/removal.ts';

export interface UndoOptions {
  /** The start of a removal's id; absent for the last one. */
  readonly removal?: string;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface UndoSummary {
  readonly removal: Removal;
  /** Its snapshots that are there again. */
  readonly snapshots: readonly ObjectName[];
  /** Another removal names them, too. */
  readonly stillRemoved: readonly ObjectName[];
}

/**
 * What a prune has begun to free does not come back: its trash had ended, and a tomb says so.
 * @throws NeoError failed when there is nothing to undo, or what was removed is gone; usage for an id that is none;
 * permission-denied without role full
 */
export async function undo(
  repository: Repository,
  state: ClientState,
  options: UndoOptions,
  events: EventSink = ignoreEvents,
): Promise<UndoSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'bring snapshots back');
  const stopwatch = await Stopwatch.start(repository);
  const beingFreed = snapshotsBeingFreed(await listTombs(repository));
  const listing = await listRemovals(repository);
  const { removals } = listing;
  const chosen = options.removal === undefined ? last(removals) : byId(removals, options.removal);
  if (chosen.undone) throw new NeoError('failed', `removal ${chosen.name.slice(0, 8)} was undone already`);
  const { heads, faults } = await listHeads(repository);
  const known = [...trashOf(listing).keys(), ...faults.map(({ name }) => name)];
  for (const { message } of await findRollback(repository, state, heads, known)) events({ type: 'alarm', message });
  const back = heads.filter(({ name }) => chosen.snapshots.includes(name) && !beingFreed.has(name));
  const isBack = new Set(namesOf(back));
  if (back.length === 0) {
    throw new NeoError('failed', 'what was removed is gone: its trash had ended, and prune frees it', {
      hint: 'see what can still be brought back: neo trash',
    });
  }
  // Some may have been removed twice.
  const others = trashOf({ removals: removals.filter(({ name }) => name !== chosen.name) });
  const [still, visible] = [back.filter(({ name }) => others.has(name)), back.filter(({ name }) => !others.has(name))];
  const summary = { removal: chosen, snapshots: namesOf(visible), stillRemoved: namesOf(still) };
  if (options.dryRun) return summary;
  const time = await repository.backend.now();
  // Those that are gone, or go all the same, must not be missed without a reason.
  const lost = chosen.entries.filter(({ name }) => !isBack.has(name));
  const { trashEnds } = chosen;
  if (lost.length > 0) await removeAgain(repository, lost, { time, trashEnds });
  await putUndo(repository, chosen.name, time);
  const isLate = await stopwatch.isOver(confirmWithin(options.graceFloor));
  const gone = await notBack(repository, summary.snapshots, isLate);
  if (gone.size === 0) return summary;
  const entries = chosen.entries.filter(({ name }) => gone.has(name));
  await removeAgain(repository, entries, { time: await repository.backend.now(), trashEnds });
  throw new NeoError('failed', `a prune was faster: ${gone.size} snapshots may be gone in part`, {
    hint: 'they are removed as they were before; the others are back',
  });
}

/** By both clocks: the one here stands while the machine sleeps, the one of storage may be set. */
class Stopwatch {
  readonly #repository: Repository;
  readonly #here: number;
  readonly #there: number;

  private constructor(repository: Repository, there: number) {
    this.#repository = repository;
    this.#here = repository.clock.monotonic();
    this.#there = there;
  }

  static async start(repository: Repository): Promise<Stopwatch> {
    return new Stopwatch(repository, await repository.backend.now());
  }

  /** True if that many milliseconds may have passed. */
  async isOver(milliseconds: number): Promise<boolean> {
    const there = (await this.#repository.backend.now()) - this.#there;
    const here = this.#repository.clock.monotonic() - this.#here;
    return here > milliseconds || there > milliseconds || there < 0;
  }
}

function namesOf(heads: readonly ListedHead[]): ObjectName[] {
  return heads.map(({ name }) => name);
}

/** A prune that began meanwhile sees in time that they count again, unless this took long. Those of which that is not sure. */
async function notBack(
  repository: Repository,
  names: readonly ObjectName[],
  isLate: boolean,
): Promise<ReadonlySet<ObjectName>> {
  const beingFreed = snapshotsBeingFreed(await listTombs(repository));
  const there = new Set((await listHeads(repository)).heads.map(({ name }) => name));
  return new Set(names.filter((name) => !there.has(name) || (isLate && beingFreed.has(name))));
}

function last(removals: readonly Removal[]): Removal {
  // That a share shows something later by now is no deed of anybody's.
  const found = removals.findLast(({ undone, followed }) => !(undone || followed));
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
