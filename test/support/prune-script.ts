/** Forget and prune, crashing at every operation: copies, segments, tomb, deletions. */
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { type ClientState, MemoryState } from '../../src/repo/client-state.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import { forget } from '../../src/tasks/forget.ts';
import { type PruneSummary, prune } from '../../src/tasks/prune.ts';
import type { Script, Verify } from './sim.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { checkWorld, initWorld, openWorld, readSnapshot, snapshotWorld, type World } from './sim-repository.ts';
import type { Model, SourceState } from './sim-sources.ts';

export interface PruneStart {
  readonly storage: MemoryBackend;
  /** Oldest first; the last one is never forgotten. */
  readonly snapshots: readonly { readonly name: ObjectName; readonly model: Model }[];
}

/** How it is pruned: at once, or marked and swept a grace later. */
export type Way = 'sole writer' | 'with grace';

export async function pruneStart(engine: Engine, sources: readonly SourceState[], seed = 3): Promise<PruneStart> {
  const clock = new SimClock();
  const storage = new MemoryBackend(clock);
  const world: World = { engine, clock, random: new SimRandom(seed), backend: storage };
  const state = new MemoryState();
  // Large enough that a pack holds what is needed and what is not.
  await initWorld(world, 1 << 20);
  const snapshots: { name: ObjectName; model: Model }[] = [];
  for (const { folder, model } of sources) {
    const { snapshot } = await snapshotWorld(world, state, folder);
    if (snapshot !== undefined) snapshots.push({ name: snapshot, model });
    clock.advance(60_000);
  }
  return { storage, snapshots };
}

export function pruneScript(engine: Engine, start: PruneStart, way: Way): Script<'forgotten' | 'pruned'> {
  return async ({ backend, clock, random, acknowledge }) => {
    // The clock of a run begins where every clock begins: after all that lies in storage.
    clock.advance(2 * 86_400_000);
    const world: World = { engine, clock, random, backend };
    const state = new MemoryState();
    const nothing = { hosts: [], tags: [], paths: [] };
    const references = start.snapshots.slice(0, -1).map(({ name }) => name);
    const wishes = { rules: {}, groupBy: [], filter: nothing, references, trash: 0, dryRun: false, evenMost: true };
    await forget(await openWorld(world), state, wishes, ignoreEvents);
    acknowledge('forgotten');
    clock.advance(60_000);
    await pruneWorld(world, clock, state, way);
    acknowledge('pruned');
  };
}

export async function pruneWorld(world: World, clock: SimClock, state: ClientState, way: Way): Promise<PruneSummary> {
  return prune(
    await openWorld(world),
    state,
    {
      mostUnused: { share: 0 },
      repackSmall: false,
      ...(way === 'sole writer' ? { grace: 0 } : {}),
      soleWriter: way === 'sole writer',
      wait: way === 'with grace',
      dryRun: false,
      trustClock: false,
      workers: 0,
      pause: async (milliseconds) => clock.advance(milliseconds),
    },
    ignoreEvents,
  );
}

/** @throws what is wrong after a crash, and after the prune that comes next */
export function pruneVerdict(engine: Engine, start: PruneStart, way: Way): Verify<'forgotten' | 'pruned'> {
  return async (surviving, acknowledged, { plan, clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    const torn = plan?.when === 'torn' ? await tornObjects(world, surviving) : [];
    await demand(world, start, torn, acknowledged.includes('pruned'));
    clock.advance(60_000);
    await pruneWorld(world, clock, new MemoryState(), way);
    await demand(world, start, torn, acknowledged.includes('forgotten'));
    const again = await pruneWorld(world, clock, new MemoryState(), way);
    // What a crash left in no index is freed when it is old enough.
    const isDone = acknowledged.includes('pruned');
    if (isDone && again.marked.packs + again.swept.packs > 0) throw new Error('a prune found something to do again');
  };
}

async function demand(world: World, start: PruneStart, torn: readonly string[], gone: boolean): Promise<void> {
  const { damages } = await checkWorld(world, new MemoryState(), { readData: 'all' });
  const real = damages.filter(({ object }) => !torn.includes(object));
  if (real.length > 0) throw new Error(real.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
  const repository = await openWorld(world);
  const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
  const present = new Set(snapshots.map(({ name }) => name));
  const [last, ...others] = start.snapshots.toReversed();
  if (last === undefined || !present.has(last.name)) throw new Error('the snapshot that stays is gone');
  if (gone && others.some(({ name }) => present.has(name))) throw new Error('what was forgotten is still there');
  // What is listed has to be whole, be it on its way out.
  for (const { name, model } of start.snapshots.filter((one) => present.has(one.name))) {
    const found = await readSnapshot(repository, name);
    const same = found.size === model.size && [...found].every(([path, entry]) => model.get(path) === entry);
    if (!same) throw new Error(`snapshot ${name} is not what it was`);
  }
}

async function tornObjects({ engine }: World, surviving: MemoryBackend): Promise<string[]> {
  const torn: string[] = [];
  for await (const { path } of surviving.list('')) {
    const name = /([0-9a-f]{64})(?:\.swept)?$/.exec(path)?.[1];
    const bytes = await surviving.get(path);
    const whole = bytes !== undefined && Buffer.from(engine.blake3(bytes)).toString('hex') === name;
    if (!whole && name !== undefined) torn.push(path);
  }
  return torn;
}
