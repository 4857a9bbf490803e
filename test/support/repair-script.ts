/** `repair index` over damaged, lost and wrong segments, crashing at every operation. */
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { repairIndex } from '../../src/tasks/repair-index.ts';
import type { Script, Verify } from './sim.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { checkWorld, initWorld, openWorld, readSnapshot, snapshotWorld, type World } from './sim-repository.ts';
import type { Model, SourceState } from './sim-sources.ts';

export interface RepairStart {
  readonly storage: MemoryBackend;
  readonly snapshots: readonly { readonly name: ObjectName; readonly model: Model }[];
}

/** Which segment is hurt and how depends on `number`. */
export async function repairStart(
  engine: Engine,
  sources: readonly SourceState[],
  number: number,
): Promise<RepairStart> {
  const clock = new SimClock();
  const storage = new MemoryBackend(clock);
  const world: World = { engine, clock, random: new SimRandom(number + 11), backend: storage };
  const state = new MemoryState();
  await initWorld(world);
  const snapshots: { name: ObjectName; model: Model }[] = [];
  for (const { folder, model } of sources) {
    const { snapshot } = await snapshotWorld(world, state, folder);
    if (snapshot !== undefined) snapshots.push({ name: snapshot, model });
  }
  const segments: string[] = [];
  for await (const { path } of storage.list('index')) segments.push(path);
  segments.sort();
  for (const [at, path] of segments.entries()) {
    const bytes = await storage.get(path);
    if (bytes === undefined || (at + number) % 3 === 2) continue;
    storage.tamper(path, (at + number) % 3 === 0 ? undefined : bytes.subarray(0, bytes.length - 1 - number));
  }
  return { storage, snapshots };
}

export function repairScript(engine: Engine): Script<'repaired'> {
  return async ({ backend, clock, random, acknowledge }) => {
    await repairIndex(await openWorld({ engine, clock, random, backend }), { dryRun: false });
    acknowledge('repaired');
  };
}

/** After the crash a second repair completes what the first began. */
export function repairVerdict(engine: Engine, start: RepairStart): Verify<'repaired'> {
  return async (surviving, acknowledged, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    const second = await repairIndex(await openWorld(world), { dryRun: false });
    if (acknowledged.length > 0 && second.segmentsWritten + second.segmentsRemoved > 0) {
      throw new Error('the second repair found something to do');
    }
    const { damages } = await checkWorld(world, new MemoryState(), { readData: 'all' });
    if (damages.length > 0) throw new Error(damages.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
    for (const { name, model } of start.snapshots) {
      const found = await readSnapshot(await openWorld(world), name);
      const same = found.size === model.size && [...found].every(([path, entry]) => model.get(path) === entry);
      if (!same) throw new Error(`snapshot ${name} is not what it was`);
    }
  };
}
