/** An import of a tar archive, crashing at every operation: all of it is there or nothing is seen of it. */
import { execFileSync } from 'node:child_process';
import { ignoreEvents } from '../../src/core/events.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { importTar } from '../../src/tasks/import.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import type { PruneStart } from './prune-script.ts';
import type { Script, Verify } from './sim.ts';
import { checkWorld, openWorld, readSnapshot, STORED_AS, type World } from './sim-repository.ts';
import type { Model, SourceState } from './sim-sources.ts';

const TAG = 'imported';

export interface Archive {
  readonly bytes: Uint8Array;
  readonly model: Model;
}

/** Of a folder, by the system's tar. */
export function archiveOf({ folder, model }: SourceState): Archive {
  return { bytes: execFileSync('tar', ['--format=pax', '-cf', '-', '-C', folder, '.'], { maxBuffer: 1 << 28 }), model };
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 5000) yield bytes.subarray(at, at + 5000);
}

async function importWorld(repository: IndexedRepository, { bytes }: Archive): Promise<void> {
  const about = { host: 'host', user: 'user', uid: 0, gid: 0, tags: [TAG], program: 'test' };
  const options = { ...about, bytes: inPieces(bytes), as: Buffer.from(STORED_AS), dryRun: false };
  await importTar(repository, new MemoryState(), options, ignoreEvents);
}

export function importScript(engine: Engine, archive: Archive): Script<'imported'> {
  return async ({ backend, clock, random, acknowledge }) => {
    await importWorld(await openWorld({ engine, clock, random, backend }), archive);
    acknowledge('imported');
  };
}

/** @throws what is wrong after a crash, and after the same command was said again */
export function importVerdict(engine: Engine, start: PruneStart, archive: Archive): Verify<'imported'> {
  return async (surviving, acknowledged, { clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    const least = acknowledged.includes('imported') ? 1 : 0;
    const made = await demandWhole(world, start, archive);
    if (made < least) throw new Error('what was imported is gone');
    clock.advance(60_000);
    await importWorld(await openWorld(world), archive);
    if ((await demandWhole(world, start, archive)) !== made + 1) throw new Error('it cannot be imported again');
  };
}

/** How many snapshots the archive has become; each of them, and all that were there before, are whole. */
async function demandWhole(world: World, start: PruneStart, archive: Archive): Promise<number> {
  const { damages } = await checkWorld(world, new MemoryState());
  // What was torn while it was written is no snapshot.
  const lost = damages.filter(({ object, snapshots }) => snapshots.length > 0 && !object.startsWith('snapshots/'));
  if (lost.length > 0) throw new Error(lost.map(({ object, reason }) => `${object}: ${reason}`).join(', '));
  const repository = await openWorld(world);
  const { snapshots } = await lookAtSnapshots(repository, new MemoryState(), ignoreEvents);
  const made = snapshots.filter(({ body }) => body.tags.includes(TAG));
  for (const { name } of made) await demandSame(repository, name, archive.model);
  for (const { name, model } of start.snapshots) await demandSame(repository, name, model);
  return made.length;
}

async function demandSame(repository: IndexedRepository, name: ObjectName, wanted: Model): Promise<void> {
  const found = await readSnapshot(repository, name);
  const wrong = [...wanted].find(([path, entry]) => found.get(path) !== entry);
  if (wrong !== undefined) throw new Error(`${wrong[0]}: ${found.get(wrong[0])} in place of ${wrong[1]}`);
  if (found.size !== wanted.size) throw new Error('a snapshot has more than it should');
}
