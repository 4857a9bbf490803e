/** `repair packs` over damaged and missing packs, healed from a mirror, crashing at every operation. */
import type { MemoryBackend } from '../../src/backends/memory.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { listTombs } from '../../src/repo/tomb.ts';
import { type RepairPacksSummary, repairPacks } from '../../src/tasks/repair-packs.ts';
import type { PruneStart } from './prune-script.ts';
import type { Script, Verify } from './sim.ts';
import { checkWorld, openWorld, readSnapshot, type World } from './sim-repository.ts';

export interface HealStart extends PruneStart {
  readonly mirror: MemoryBackend;
}

/** Every third pack goes, and every third one is hurt in its middle or in its directory. */
export async function healStart(start: PruneStart, number: number): Promise<HealStart> {
  const mirror = start.storage.clone();
  const paths: string[] = [];
  for await (const { path } of start.storage.list('packs')) paths.push(path);
  for (const [at, path] of paths.sort().entries()) {
    const bytes = (await start.storage.get(path))?.slice();
    if (bytes === undefined || (at + number) % 3 === 2) continue;
    const flipped = at % 2 === 0 ? 200 : bytes.length - 200;
    bytes[flipped] = (bytes[flipped] ?? 0) ^ 1;
    start.storage.tamper(path, (at + number) % 3 === 0 ? undefined : bytes);
  }
  return { ...start, mirror };
}

async function heal(world: World, mirror: MemoryBackend): Promise<RepairPacksSummary> {
  const repository = await openWorld(world);
  const from = await loadIndex({ ...repository, backend: mirror });
  const options = { read: 'all', from, workers: 0, dryRun: false } as const;
  return repairPacks(repository, new MemoryState(), options);
}

export function healScript(engine: Engine, { mirror }: HealStart): Script<'healed'> {
  return async ({ backend, clock, random, acknowledge }) => {
    const { stillLost } = await heal({ engine, clock, random, backend }, mirror);
    if (stillLost > 0) throw new Error('a mirror has everything');
    acknowledge('healed');
  };
}

/** @throws what is wrong after a crash, and after the same command was said again and a prune took what it marked */
export function healVerdict(engine: Engine, start: HealStart): Verify<'healed'> {
  return async (surviving, acknowledged, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    const again = await heal(world, start.mirror);
    if (acknowledged.length > 0 && again.lostBlobs + again.markedPacks > 0) throw new Error('something was left to do');
    if (again.stillLost > 0) throw new Error('not everything was healed');
    const marked = (await listTombs(await openWorld(world))).packs;
    for (const name of marked) surviving.tamper(`packs/${name.slice(0, 2)}/${name}`, undefined);
    const { damages } = await checkWorld(world, new MemoryState(), { readData: 'all' });
    const lost = damages.filter(({ object }) => object.startsWith('packs/') || object === 'index');
    if (lost.length > 0) throw new Error(lost.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
    await demandSnapshots(world, start);
  };
}

async function demandSnapshots(world: World, { snapshots }: HealStart): Promise<void> {
  for (const { name, model } of snapshots) {
    const found = await readSnapshot(await openWorld(world), name);
    const isSame = found.size === model.size && [...found].every(([path, entry]) => model.get(path) === entry);
    if (!isSame) throw new Error(`snapshot ${name} is not what it was`);
  }
}
