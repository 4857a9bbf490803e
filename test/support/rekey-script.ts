/** New content secrets, all moved over to them, and what was there freed: crashing at every operation. */
import { ignoreEvents } from '../../src/core/events.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { readSegments } from '../../src/repo/indexed.ts';
import { type RekeySummary, rekeySnapshots } from '../../src/tasks/rekey.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { type PruneStart, pruneWorld } from './prune-script.ts';
import { demandEach } from './rewrite-script.ts';
import type { Script, Verify } from './sim.ts';
import { openWorld, type World } from './sim-repository.ts';

type Step = 'rotated' | 'moved' | 'freed';

async function rekeyWorld(world: World): Promise<RekeySummary> {
  const repository = await openWorld(world);
  const state = new MemoryState();
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const options = { keepOriginals: false, trash: 0, dryRun: false, workers: 0 };
  return rekeySnapshots(repository, state, { ...options, look, snapshots: look.snapshots }, ignoreEvents);
}

async function rotateWorld(world: World): Promise<void> {
  await rotateKeys(await openWorld(world), { drop: [], dryRun: false, content: true });
}

export function rekeyScript(engine: Engine): Script<Step> {
  return async ({ backend, clock, random, acknowledge }) => {
    clock.advance(2 * 86_400_000);
    const world: World = { engine, clock, random, backend };
    await rotateWorld(world);
    acknowledge('rotated');
    clock.advance(60_000);
    await rekeyWorld(world);
    acknowledge('moved');
    clock.advance(60_000);
    await pruneWorld(world, clock, new MemoryState(), 'sole writer');
    acknowledge('freed');
  };
}

/** @throws what is wrong after a crash, and after the same commands were said again */
export function rekeyVerdict(engine: Engine, start: PruneStart): Verify<Step> {
  return async (surviving, acknowledged, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    const demand = (isDone: boolean): Promise<void> => demandEach(world, start, isDone, (model) => model);
    await demand(acknowledged.includes('moved'));
    const { contentEpoch } = (await openWorld(world)).config;
    if (acknowledged.includes('rotated') && contentEpoch !== 1) throw new Error('the new secrets are gone');
    clock.advance(60_000);
    if (contentEpoch === 0) await rotateWorld(world);
    await rekeyWorld(world);
    await demand(true);
    if ((await rekeyWorld(world)).rewritten.length > 0) throw new Error('there was something to move again');
    clock.advance(60_000);
    await pruneWorld(world, clock, new MemoryState(), 'sole writer');
    await demand(true);
    const { segments } = await readSegments(await openWorld(world));
    const entries = segments.flatMap(({ segment }) => segment.packs.flatMap((pack) => pack.entries));
    if (entries.some((entry) => entry.contentEpoch !== 1)) throw new Error('a blob of the old secrets is still there');
  };
}
