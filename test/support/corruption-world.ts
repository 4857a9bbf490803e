/** A repository with two of every kind of object, so that siblings can be exchanged and older versions put back. */
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { ClientState } from '../../src/repo/client-state.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { renewalPath, slotPath } from '../../src/repo/repository.ts';
import { listHeads } from '../../src/snapshot/listing.ts';
import { prepareKey, publishKey } from '../../src/tasks/keys.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { checkWorld, initWorld, openWorld, snapshotWorld, type World } from './sim-repository.ts';
import type { Model, SourceState } from './sim-sources.ts';

export interface CorruptionWorld {
  readonly world: World & { readonly backend: MemoryBackend };
  readonly snapshots: readonly { readonly name: ObjectName; readonly model: Model }[];
  /** Of a client that has seen everything; what is written to it is forgotten. */
  readonly seen: ClientState;
  /** My renewal as it was before the last rotation. */
  readonly olderSlot: { readonly path: string; readonly bytes: Uint8Array };
  /** Of somebody else. */
  readonly othersSlot: string;
  /** Renewals that nobody reads any more. */
  readonly superseded: readonly string[];
}

export async function makeCorruptionWorld(engine: Engine, sources: readonly SourceState[]): Promise<CorruptionWorld> {
  const clock = new SimClock();
  const random = new SimRandom(5);
  const world = { engine, clock, random, backend: new MemoryBackend(clock) };
  await initWorld(world);
  const before = await openWorld(world);
  const other = await prepareKey(before, { label: 'other', role: 'full', expires: 0 }, { method: 'key' });
  await publishKey(before, other);
  for (let epoch = 1; epoch <= 2; epoch++) await rotateKeys(await openWorld(world), { drop: [], dryRun: false });
  const [, first, second] = (await openWorld(world)).chain.configs.map(({ name }) => name);
  if (first === undefined || second === undefined) throw new Error('two rotations were made');
  const older = (await world.backend.get(renewalPath(before.client, 1, first))) ?? new Uint8Array();
  const superseded = [before.client, other.id].map((client) => renewalPath(client, 1, first));
  const state = new MemoryState();
  const snapshots: { name: ObjectName; model: Model }[] = [];
  for (const { folder, model } of sources) {
    const { snapshot } = await snapshotWorld(world, state, folder);
    if (snapshot !== undefined) snapshots.push({ name: snapshot, model });
  }
  const { damages } = await checkWorld(world, state, { readData: 'all' });
  if (damages.length > 0) throw new Error(`the world is damaged: ${JSON.stringify(damages)}`);
  const { heads } = await listHeads(await openWorld(world));
  if (heads.length !== sources.length) throw new Error('snapshots are missing');
  const seen: ClientState = { read: (name) => state.read(name), write: async () => undefined };
  return {
    world,
    snapshots,
    seen,
    olderSlot: { path: renewalPath(before.client, 2, second), bytes: older },
    othersSlot: slotPath(other.id),
    superseded,
  };
}
