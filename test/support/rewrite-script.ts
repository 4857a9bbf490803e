/** A rewrite that drops files, crashing at every operation: new bundles and trees, snapshots, and the removal of the old. */
import { ignoreEvents } from '../../src/core/events.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { Snapshot } from '../../src/snapshot/listing.ts';
import { type RewriteSummary, rewriteSnapshots } from '../../src/tasks/rewrite.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import type { PruneStart } from './prune-script.ts';
import type { Script, Verify } from './sim.ts';
import { checkWorld, openWorld, readSnapshot, type World } from './sim-repository.ts';
import type { Model } from './sim-sources.ts';

/** One in a bundle with others, and a large one. */
const EXCLUDED = ['docs/note-5', 'image.bin'];

function without(model: Model): Model {
  return new Map([...model].filter(([path]) => !EXCLUDED.some((name) => path.endsWith(`/${name}`))));
}

async function rewriteWorld(repository: IndexedRepository): Promise<RewriteSummary> {
  const state = new MemoryState();
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const { snapshots } = look;
  const options = { keepOriginals: false, trash: 86_400_000, dryRun: false };
  return rewriteSnapshots(
    repository,
    state,
    { ...options, look, snapshots, changes: { exclude: EXCLUDED } },
    ignoreEvents,
  );
}

export function rewriteScript(engine: Engine): Script<'rewritten'> {
  return async ({ backend, clock, random, acknowledge }) => {
    clock.advance(2 * 86_400_000);
    await rewriteWorld(await openWorld({ engine, clock, random, backend }));
    acknowledge('rewritten');
  };
}

/** @throws what is wrong after a crash, and after the same command was said again */
export function rewriteVerdict(engine: Engine, start: PruneStart): Verify<'rewritten'> {
  return async (surviving, acknowledged, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    await demandEach(world, start, acknowledged.includes('rewritten'));
    clock.advance(60_000);
    await rewriteWorld(await openWorld(world));
    await demandEach(world, start, true);
    const again = await rewriteWorld(await openWorld(world));
    if (again.rewritten.length > 0) throw new Error('a rewrite found something to do again');
  };
}

/** Of each snapshot the original or the new one is there, and whole; at the end the new one alone. */
export async function demandEach(
  world: World,
  start: PruneStart,
  isDone: boolean,
  wanted: (model: Model) => Model = without,
): Promise<void> {
  const { damages } = await checkWorld(world, new MemoryState());
  // What was torn while it was written is no snapshot.
  const lost = damages.filter(({ object, snapshots }) => snapshots.length > 0 && !object.startsWith('snapshots/'));
  if (lost.length > 0) throw new Error(lost.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
  const repository = await openWorld(world);
  const { snapshots } = await lookAtSnapshots(repository, new MemoryState(), ignoreEvents);
  for (const original of start.snapshots) await demandOne(repository, snapshots, original, { isDone, wanted });
}

async function demandOne(
  repository: IndexedRepository,
  snapshots: readonly Snapshot[],
  { name, model }: PruneStart['snapshots'][number],
  { isDone, wanted }: { readonly isDone: boolean; readonly wanted: (model: Model) => Model },
): Promise<void> {
  const made = snapshots.filter(({ body }) => body.original?.snapshot === name);
  const isThere = snapshots.some((snapshot) => snapshot.name === name);
  if (made.length > 1) throw new Error('made anew twice');
  if (made.length === 0 && (isDone || !isThere)) throw new Error('a snapshot is gone');
  if (isDone && isThere) throw new Error('an original is still there');
  if (isThere) await demandSame(await readSnapshot(repository, name), model);
  for (const one of made) await demandSame(await readSnapshot(repository, one.name), wanted(model));
}

async function demandSame(found: Model, wanted: Model): Promise<void> {
  const same = found.size === wanted.size && [...found].every(([path, entry]) => wanted.get(path) === entry);
  if (!same) throw new Error('a snapshot is not what it should be');
}
