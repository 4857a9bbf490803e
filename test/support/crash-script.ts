/** The script of the crash sweep, and the verdict on what a crash left behind. */
import type { Backend } from '../../src/backends/backend.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { type ClientState, MemoryState } from '../../src/repo/client-state.ts';
import { readSegments } from '../../src/repo/indexed.ts';
import { isRepository } from '../../src/repo/repository.ts';
import type { Script, Verify } from './sim.ts';
import {
  checkWorld,
  initWorld,
  openWorld,
  readSnapshot,
  snapshotWorld,
  WatchedBackend,
  type World,
} from './sim-repository.ts';
import type { Model, SourceState } from './sim-sources.ts';

export interface Fact {
  readonly what: 'repository' | 'snapshot' | 'partial';
  readonly snapshot?: ObjectName;
  readonly model?: Model;
  /** What the client remembers: it outlives the crash of storage. */
  readonly state: ClientState;
}

/** Milliseconds that a put takes: interim segments come every minute. */
const PUT_MS = 25_000;

/** init, three snapshots with changes in between, and one that is interrupted. */
export function crashScript(engine: Engine, sources: readonly SourceState[], interruptAfter = 4): Script<Fact> {
  return async ({ backend, clock, random, acknowledge }) => {
    const puts = { left: Number.POSITIVE_INFINITY, abort: new AbortController() };
    const watched = new WatchedBackend(backend, () => {
      clock.advance(PUT_MS);
      puts.left -= 1;
      if (puts.left === 0) puts.abort.abort();
    });
    const world: World = { engine, clock, random, backend: watched };
    const state = new MemoryState();
    const snapshot = async ({ folder, model }: SourceState, signal?: AbortSignal): Promise<void> => {
      const made = await snapshotWorld(world, state, folder, signal);
      const what = made.kind === 'partial' ? 'partial' : 'snapshot';
      if (made.snapshot !== undefined) acknowledge({ what, model, state, snapshot: made.snapshot });
    };
    await initWorld(world);
    acknowledge({ what: 'repository', state });
    for (const source of sources.slice(0, -1)) await snapshot(source);
    // Half-way through the newest state somebody presses Ctrl-C; then it runs to its end.
    puts.left = interruptAfter;
    for (const source of sources.slice(-1)) {
      await snapshot(source, puts.abort.signal);
      await snapshot(source);
    }
  };
}

/** @throws what is wrong after a crash */
export function crashVerdict(engine: Engine, sources: readonly SourceState[]): Verify<Fact, Backend> {
  return async (surviving, acknowledged, { plan, clock, random }) => {
    const world: World = { engine, clock, random, backend: surviving };
    const state = acknowledged.at(-1)?.state ?? new MemoryState();
    if (!(await isRepository(engine, surviving))) {
      if (acknowledged.length > 0) throw new Error('an acknowledged repository is gone');
      await initWorld(world);
    }
    // Storage that shows torn objects breaks its contract; then that object, and nothing else, may be called damaged.
    const torn = plan?.when === 'torn' ? await tornObjects(world, surviving) : [];
    await demandClean(world, state, torn, 'before the next snapshot');
    for (const fact of acknowledged) await demandSnapshot(world, fact);
    await demandNext(world, state, sources, torn);
    for (const fact of acknowledged) await demandSnapshot(world, fact);
  };
}

async function tornObjects({ engine }: World, surviving: Backend): Promise<string[]> {
  const torn: string[] = [];
  for await (const { path } of surviving.list('')) {
    const name = /([0-9a-f]{64})$/.exec(path)?.[1];
    const bytes = await surviving.get(path);
    const whole = bytes !== undefined && Buffer.from(engine.blake3(bytes)).toString('hex') === name;
    if (!whole && (name !== undefined || path.startsWith('keys/'))) torn.push(path);
  }
  return torn;
}

async function demandClean(world: World, state: ClientState, torn: readonly string[], when: string): Promise<void> {
  const { damages } = await checkWorld(world, state, { readData: 'all' });
  const real = damages.filter(({ object }) => !torn.includes(object));
  if (real.length > 0) throw new Error(`check ${when}: ${real.map((d) => `${d.object}: ${d.reason}`).join(', ')}`);
}

async function demandSnapshot(world: World, { what, snapshot, model }: Fact): Promise<void> {
  if (snapshot === undefined || model === undefined) return;
  const found = await readSnapshot(await openWorld(world), snapshot);
  for (const [path, entry] of found) {
    // Directories of a partial snapshot are whole in themselves; their times are those of the source.
    if (model.get(path) !== entry) throw new Error(`${path}: ${entry} in place of ${model.get(path)}`);
  }
  if (what === 'snapshot' && found.size !== model.size) throw new Error(`${found.size} of ${model.size} entries`);
}

/** The next run succeeds, is clean, and sends nothing that was durable and indexed. */
async function demandNext(
  world: World,
  state: ClientState,
  sources: readonly SourceState[],
  torn: readonly string[],
): Promise<void> {
  const source = sources.at(-1);
  if (source === undefined) return;
  const before = await indexed(world);
  const { snapshot } = await snapshotWorld(world, state, source.folder);
  const after = await indexed(world);
  for (const [place, id] of after) {
    if (!before.has(place) && [...before.values()].includes(id)) throw new Error(`blob ${id} was sent again`);
  }
  await demandClean(world, state, torn, 'after the next snapshot');
  await demandSnapshot(world, {
    what: 'snapshot',
    model: source.model,
    state,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
}

/** Pack and offset → blob. */
async function indexed(world: World): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { segment } of (await readSegments(await openWorld(world))).segments) {
    for (const { name, entries } of segment.packs) {
      for (const { id, offset } of entries) found.set(`${name} ${offset}`, Buffer.from(id).toString('hex'));
    }
  }
  return found;
}
