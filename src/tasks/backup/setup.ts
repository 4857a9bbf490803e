/** The machinery of a run: workers, writer for trees, uploads, all within bounded memory. */
import type { StageBudget, StageClock } from '../../core/stages.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { ObjectCache } from '../../repo/object-cache.ts';
import { SessionWriter } from '../../repo/session-writer.ts';
import { Credits } from './credits.ts';
import type { WorkerSetup } from './jobs.ts';
import { InlinePool, ThreadPool, type WorkerPool } from './pool.ts';
import { WorkerCore } from './worker-core.ts';

export interface MachineryOptions {
  /** Threads; 0 does everything in this one. */
  readonly workers: number;
  /** {@link BackupOptions.threadsAfter} */
  readonly threadsAfter?: number;
  readonly level: number;
  readonly dryRun: boolean;
  readonly uploads: number;
  readonly objects: ObjectCache | undefined;
  /** Of this thread: then all threads measure what their stages take. */
  readonly clock: StageClock | undefined;
}

export interface Machinery {
  readonly session: SessionWriter;
  readonly pool: WorkerPool;
  /** Seals trees, lists and what else this thread makes. */
  readonly core: WorkerCore;
  readonly credits: Credits;
}

/** Bytes of finished packs that are not stored yet; over a network as many as fill a long line. */
const AHEAD_BYTES = 32 << 20;
const AHEAD_OF_NETWORK = 96 << 20;

export function makeMachinery(repository: IndexedRepository, options: MachineryOptions): Machinery {
  const credits = Credits.limited(repository.backend.isRemote === true ? AHEAD_OF_NETWORK : AHEAD_BYTES);
  const session = new SessionWriter(repository, {
    uploads: options.uploads,
    dryRun: options.dryRun,
    objects: options.objects,
    onStored: (bytes) => credits.give(bytes),
    onFailed: () => credits.stop(),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const setup: WorkerSetup = {
    engine: repository.engine.name,
    repository: repository.id,
    session: session.session,
    signer: repository.signer,
    content: repository.keys.content,
    chunkerKey: repository.keys.chunker,
    indexKey: repository.keys.index,
    suite: repository.config.blobSuite,
    chunker: repository.config.chunker,
    bundle: repository.config.bundle,
    packTarget: repository.config.packTarget,
    level: options.level,
    returnLists: repository.keys.full === undefined,
    index: repository.index.share(),
    profile: options.clock !== undefined,
  };
  const core = new WorkerCore(
    setup,
    {
      engine: repository.engine,
      random: repository.random,
      onPack(pack) {
        credits.force(pack.bytes.length);
        session.add(pack);
      },
      stopped: () => credits.stopped,
      onRead: (bytes) => credits.addRead(bytes),
    },
    options.workers === 0 ? 2 : 1,
  );
  // Where stages are measured, each thread measures its own.
  const here = { core, bytes: options.clock === undefined ? (options.threadsAfter ?? 0) : 0 };
  const pool =
    options.workers === 0
      ? new InlinePool(core, () => session.room())
      : new ThreadPool(options.workers, setup, here, credits, (pack) => session.add(pack));
  return { session, pool, core, credits };
}

/** Merges what all workers have open into few packs, and makes everything durable. What their stages took, if measured. */
export async function finishMachinery(repository: IndexedRepository, machinery: Machinery): Promise<StageBudget[]> {
  const budgets: StageBudget[] = [];
  for (const { rests, budget } of await machinery.pool.flush(repository.index.share())) {
    for (const rest of rests) machinery.core.writer.merge(rest);
    if (budget !== undefined) budgets.push(budget);
  }
  machinery.core.writer.finish();
  await machinery.session.finish();
  return budgets;
}
