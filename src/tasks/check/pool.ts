/** Worker threads of a check, or none: then each job runs at once in this thread. */
import { Worker } from 'node:worker_threads';
import { NeoError } from '../../core/errors.ts';
import { ownModule } from '../../core/program-files.ts';
import { EndMark, endThread } from '../../core/threads.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Job, JobResult, ResultOf, WorkerSetup } from './jobs.ts';
import type { ThreadData, ThreadMessage } from './thread.ts';
import { WorkerCore } from './worker-core.ts';

/** `workers`: 0 does everything in this thread. They start with the first job, or with {@link ThreadPool.start}. */
export function makePool({ engine, repository, issuers, keys, index }: IndexedRepository, workers: number): ThreadPool {
  const { content, index: indexKey } = keys;
  const setup = { repository, issuers, keys: { content, index: indexKey }, index: index.share() };
  return new ThreadPool(workers, { ...setup, engine: engine.name }, new WorkerCore(setup, engine));
}

interface Waiting {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Handed over, oldest first: a worker answers in order. */
  readonly running: Waiting[];
}

/** A thread's garbage dies young: a third of what V8 would let it collect before it looks. */
const YOUNG_MB = 16;

export class ThreadPool {
  /** Jobs worth having under way at a time. */
  readonly width: number;
  readonly size: number;
  readonly #setup: WorkerSetup;
  readonly #own: WorkerCore;
  readonly #end = new EndMark();
  readonly #threads: Thread[] = [];
  #failure: unknown;

  constructor(size: number, setup: WorkerSetup, own: WorkerCore) {
    this.size = size;
    this.#setup = setup;
    this.#own = own;
    // One job runs and one waits in each thread, so that none is idle between two.
    this.width = Math.max(1, size * 2);
  }

  get started(): boolean {
    return this.#threads.length > 0;
  }

  /** Ahead of the first job. */
  start(): void {
    const url = ownModule('tasks/check/thread');
    const workerData: ThreadData = { setup: this.#setup, end: this.#end.memory };
    const options = { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } };
    while (this.#threads.length < this.size) {
      const thread: Thread = { worker: new Worker(url, options), running: [] };
      thread.worker.on('message', (message: ThreadMessage) => this.#receive(thread, message));
      thread.worker.on('error', (error) => this.#fail(error));
      thread.worker.on('exit', () => this.#fail(new NeoError('failed', 'a worker of the check has ended early')));
      this.#threads.push(thread);
    }
  }

  /** In this thread. */
  runHere<T extends Job['type']>(job: Extract<Job, { type: T }>): ResultOf<T> {
    return this.#own.run(job) as ResultOf<T>;
  }

  async run<T extends Job['type']>(job: Extract<Job, { type: T }>): Promise<ResultOf<T>> {
    if (this.size === 0) return this.runHere(job);
    if (this.#failure !== undefined) throw this.#failure;
    this.start();
    return new Promise((resolve, reject) => {
      const thread = this.#threads.reduce((least, other) =>
        other.running.length < least.running.length ? other : least,
      );
      thread.running.push({ resolve: (result) => resolve(result as ResultOf<T>), reject });
      thread.worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    this.#failure ??= new NeoError('interrupted', 'the check is over');
    this.#end.set();
    await Promise.all(this.#threads.map(({ worker }) => endThread(worker)));
  }

  #receive(thread: Thread, message: ThreadMessage): void {
    const waiting = thread.running.shift();
    if (message.type === 'result') waiting?.resolve(message.result);
    else waiting?.reject(new NeoError(message.code ?? 'failed', message.message));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { running } of this.#threads) for (const waiting of running.splice(0)) waiting.reject(error);
  }
}
