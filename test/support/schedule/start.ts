/** Moments in the life of a repository: with snapshots, some forgotten, some packs marked, some tombs old enough. */
import type { MemoryBackend } from '../../../src/backends/memory.ts';
import { ignoreEvents } from '../../../src/core/events.ts';
import { MemoryState } from '../../../src/repo/client-state.ts';
import type { Repository } from '../../../src/repo/repository.ts';
import { listHeads } from '../../../src/snapshot/listing.ts';
import { putRemoval } from '../../../src/snapshot/removal.ts';
import { prune } from '../../../src/tasks/prune.ts';
import { SimRandom } from '../sim-random.ts';
import type { Base } from './base.ts';
import { ActorClock, OPEN_GATE, ScheduledBackend, StorageClock } from './scheduler.ts';
import { Truth } from './truth.ts';
import { randomFiles, writeSnapshot } from './writer.ts';

export interface Start {
  readonly storage: MemoryBackend;
  readonly truth: Truth;
  /** By the storage's clock. */
  readonly now: number;
  /** What the pruners of {@link PRUNERS} remember, and for how long their machines have run. */
  readonly states: readonly MemoryState[];
  readonly steady: number;
}

export const PRUNERS = ['pruner one', 'pruner two'] as const;

export const PRUNE = {
  repackSmall: false,
  grace: 600_000,
  soleWriter: false,
  wait: false,
  dryRun: false,
  trustClock: true,
  workers: 0,
  pause: async (): Promise<void> => undefined,
} as const;

/** @param most snapshots that each has */
export async function startsOf(base: Base, count: number, most: number): Promise<readonly Start[]> {
  const starts: Start[] = [];
  for (let seed = 0; seed < count; seed++) starts.push(await startOf(base, new SimRandom(seed), most));
  return starts;
}

async function startOf(base: Base, random: SimRandom, most: number): Promise<Start> {
  const clock = new StorageClock();
  const storage = base.storage.clone(clock);
  const [first, second] = base.full;
  if (first === undefined || second === undefined) throw new Error('two full keys are needed');
  const plain: Repository = { ...first, backend: storage, clock, random };
  const truth = new Truth(storage, plain, () => clock.now());
  const machine = new ActorClock(clock, PRUNERS[0], 0);
  const states = PRUNERS.map(() => new MemoryState());
  const watch = (what: 'put' | 'remove', path: string, actor: string): Promise<void> =>
    truth.happened(what, path, actor);
  const as = (opened: Repository, name: string): Repository => ({
    ...opened,
    backend: new ScheduledBackend(name, storage, OPEN_GATE, watch),
    clock: machine,
    random,
  });
  const pass = (milliseconds: number): void => {
    clock.add(milliseconds);
    machine.pass(milliseconds);
  };
  for (const opened of [first, second, base.write, first].slice(0, most)) {
    if (random.below(4) > 0) await writeSnapshot(as(opened, 'writer'), randomFiles(random), random, truth);
    pass(60_000);
  }
  const repository = as(first, PRUNERS[0]);
  for (const head of (await listHeads(repository)).heads) {
    if (random.below(2) === 0) continue;
    const removal = truth.removed(head.name, clock.now());
    removal.named(await putRemoval(repository, [head], { time: clock.now(), trashEnds: clock.now() }));
  }
  pass(11 * 60_000);
  const mostUnused = { share: random.below(2) === 0 ? 0 : 0.05 };
  if (random.below(4) > 0)
    await prune(repository, states[0] ?? new MemoryState(), { ...PRUNE, mostUnused }, ignoreEvents);
  pass((random.below(3) * 11 * 60_000) / 2);
  return { storage, truth, now: clock.now(), states, steady: machine.monotonic() };
}
