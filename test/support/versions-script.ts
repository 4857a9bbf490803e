/** A policy that keeps every version: all snapshots but one are forgotten and pruned, crashing at every operation. */
import { ignoreEvents } from '../../src/core/events.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import { forget } from '../../src/tasks/forget.ts';
import { setVersionPolicy } from '../../src/tasks/policy.ts';
import { prune } from '../../src/tasks/prune.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { type PruneStart, pruneStart } from './prune-script.ts';
import type { Script, Verify } from './sim.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { checkWorld, openWorld, readSnapshot, type World } from './sim-repository.ts';
import type { SourceState } from './sim-sources.ts';

export async function versionsStart(engine: Engine, sources: readonly SourceState[], seed = 3): Promise<PruneStart> {
  const start = await pruneStart(engine, sources, seed);
  const world = { engine, clock: new SimClock(), random: new SimRandom(seed), backend: start.storage };
  const rules = { original: false, last: Number.POSITIVE_INFINITY };
  await setVersionPolicy(await openWorld(world), {}, { rules }, { dryRun: false });
  return start;
}

async function forgetAndPrune(world: World, { snapshots }: PruneStart): Promise<void> {
  const state = new MemoryState();
  const repository = await openWorld(world);
  // What lies in the trash already cannot be named again.
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const there = new Set(look.snapshots.map(({ name }) => name));
  const references = snapshots.slice(0, -1).flatMap(({ name }) => (there.has(name) ? [name] : []));
  const filter = { hosts: [], tags: [], paths: [] };
  const wishes = { rules: {}, groupBy: [], filter, references, trash: 0, dryRun: false, evenMost: true };
  if (references.length > 0) await forget(repository, state, wishes, ignoreEvents);
  const options = {
    mostUnused: { share: 0 },
    repackSmall: false,
    grace: 0,
    soleWriter: true,
    wait: false,
    dryRun: false,
  };
  const rest = { trustClock: false, workers: 0, pause: async () => undefined };
  await prune(await openWorld(world), state, { ...options, ...rest }, ignoreEvents);
}

export function versionsScript(engine: Engine, start: PruneStart): Script<'done'> {
  return async ({ backend, clock, random, acknowledge }) => {
    clock.advance(2 * 86_400_000);
    await forgetAndPrune({ engine, clock, random, backend }, start);
    acknowledge('done');
  };
}

/** @throws what is wrong after a crash, and after the same was said again */
export function versionsVerdict(engine: Engine, start: PruneStart): Verify<'done'> {
  return async (surviving, _, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    await demandVersions(world, start);
    clock.advance(60_000);
    await forgetAndPrune(world, start);
    await demandVersions(world, start);
  };
}

/** Every content that a file ever had is in some snapshot or stash, and all that is listed is whole. */
async function demandVersions(world: World, start: PruneStart): Promise<void> {
  const { damages } = await checkWorld(world, new MemoryState());
  // What was torn while it was written is no snapshot.
  const lost = damages.filter(({ object, snapshots }) => snapshots.length > 0 && !object.startsWith('snapshots/'));
  if (lost.length > 0) throw new Error(lost.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
  const repository = await openWorld(world);
  const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
  const found = new Set<string>();
  for (const { name } of snapshots) {
    for (const [path, entry] of await readSnapshot(repository, name)) found.add(`${path} ${contentOf(entry)}`);
  }
  for (const { model } of start.snapshots) {
    for (const [path, entry] of model) {
      if (entry.startsWith('directory') || found.has(`${path} ${contentOf(entry)}`)) continue;
      throw new Error(`nobody has ${path} any more as it was`);
    }
  }
}

/** The last word of an entry: the fingerprint of its bytes, or what a link points to. */
function contentOf(entry: string): string {
  return entry.slice(entry.lastIndexOf(' ') + 1);
}
