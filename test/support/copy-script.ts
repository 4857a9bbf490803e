/** Snapshots copied into another repository, crashing there at every operation. */
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { type CopySummary, copySnapshots } from '../../src/tasks/copy.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import type { PruneStart } from './prune-script.ts';
import type { Script, Verify } from './sim.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { checkWorld, initWorld, openWorld, readSnapshot, type World } from './sim-repository.ts';
import type { Model } from './sim-sources.ts';

export interface CopyStart {
  readonly source: PruneStart;
  readonly target: MemoryBackend;
}

export async function copyStart(
  engine: Engine,
  source: PruneStart,
  secrets: 'same secrets' | 'other secrets',
): Promise<CopyStart> {
  const clock = new SimClock();
  const target = new MemoryBackend(clock);
  const from = await openWorld({ engine, clock, random: new SimRandom(1), backend: source.storage });
  const root = secrets === 'same secrets' ? from.keys.full?.root : undefined;
  const world: World = { engine, clock, random: new SimRandom(91), backend: target };
  await initWorld(world, 1 << 20, root === undefined ? {} : { root });
  return { source, target };
}

/** With a client that remembers nothing. */
export async function copyWorld(source: World, target: World): Promise<CopySummary> {
  const [from, to] = [await openWorld(source), await openWorld(target)];
  const fromLook = await lookAtSnapshots(from, new MemoryState(), ignoreEvents);
  const toState = new MemoryState();
  const toLook = await lookAtSnapshots(to, toState, ignoreEvents);
  const { snapshots } = fromLook;
  return copySnapshots({ from, fromLook, snapshots, to, toState, toLook, dryRun: false, workers: 0 });
}

export function copyScript(engine: Engine, { source }: CopyStart): Script<'copied'> {
  return async ({ backend, clock, random, acknowledge }) => {
    clock.advance(2 * 86_400_000);
    const from: World = { engine, clock, random, backend: source.storage };
    const { failed } = await copyWorld(from, { engine, clock, random, backend });
    if (failed.length > 0) throw new Error('the source is whole');
    acknowledge('copied');
  };
}

/** @throws what is wrong after a crash, and after the same command was said again */
export function copyVerdict(engine: Engine, { source }: CopyStart): Verify<'copied'> {
  return async (surviving, acknowledged, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    await demandCopies(world, source, acknowledged.includes('copied'));
    clock.advance(60_000);
    await copyWorld({ engine, clock, random, backend: source.storage }, world);
    await demandCopies(world, source, true);
    const again = await copyWorld({ engine, clock, random, backend: source.storage }, world);
    if (again.copied.length > 0) throw new Error('a copy found something to do again');
  };
}

/** What is listed is whole and is what it was; at the end each is there once. */
async function demandCopies(world: World, { snapshots }: PruneStart, isDone: boolean): Promise<void> {
  await demandWhole(world);
  const repository = await openWorld(world);
  const look = await lookAtSnapshots(repository, new MemoryState(), ignoreEvents);
  for (const { name, model } of snapshots) {
    const copies = look.snapshots.filter(({ body }) => body.original?.snapshot === name);
    if (copies.length > 1) throw new Error('copied twice');
    if (isDone && copies.length === 0) throw new Error('a snapshot is not there');
    for (const copy of copies) demandSame(await readSnapshot(repository, copy.name), model);
  }
}

async function demandWhole(world: World): Promise<void> {
  const { damages } = await checkWorld(world, new MemoryState(), { readData: 'all' });
  // What was torn while it was written is no snapshot.
  const lost = damages.filter(({ object, snapshots }) => snapshots.length > 0 && !object.startsWith('snapshots/'));
  if (lost.length > 0) throw new Error(lost.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
}

function demandSame(found: Model, wanted: Model): void {
  const isSame = found.size === wanted.size && [...found].every(([path, entry]) => wanted.get(path) === entry);
  if (!isSame) throw new Error('a copy is not what it was');
}
