/** Who carries out jobs: threads, or this very thread (one code path for the simulator). */
import { Worker } from 'node:worker_threads';
import { NeoError } from '../../core/errors.ts';
import { ownModule } from '../../core/program-files.ts';
import { endThread } from '../../core/threads.ts';
import type { FinishedPack } from '../../repo/blob-entry.ts';
import type { Credits } from './credits.ts';
import type { Job, JobResult, ResultOf, WorkerSetup } from './jobs.ts';
import type { ThreadData, ThreadMessage, ThreadRequest } from './thread.ts';
import { LargerThanAllowed, type WorkerCore } from './worker-core.ts';

export interface WorkerPool {
  /** Threads; 1 where all is done in turn. */
  readonly size: number;
  /** No thread was started so far. */
  readonly idle: boolean;
  /** `bytes`: about so many are read. */
  run<T extends Job['type']>(
    job: Extract<Job, { type: T }>,
    tables: readonly SharedArrayBuffer[],
    bytes: number,
  ): Promise<ResultOf<T>>;
  /** Every worker's open packs. */
  flush(tables: readonly SharedArrayBuffer[]): Promise<ResultOf<'flush'>[]>;
  close(): Promise<void>;
}

/** Runs each job at once, in turn, in this thread. */
export class InlinePool implements WorkerPool {
  readonly size = 1;
  readonly idle = false;
  readonly #core: WorkerCore;
  readonly #room: () => Promise<void>;

  /** `room` resolves when more packs may be made. */
  constructor(core: WorkerCore, room: () => Promise<void>) {
    this.#core = core;
    this.#room = room;
  }

  async run<T extends Job['type']>(
    job: Extract<Job, { type: T }>,
    tables: readonly SharedArrayBuffer[],
  ): Promise<ResultOf<T>> {
    await this.#room();
    return this.#core.run(job, tables) as ResultOf<T>;
  }

  async flush(tables: readonly SharedArrayBuffer[]): Promise<ResultOf<'flush'>[]> {
    return [await this.run({ type: 'flush' }, tables)];
  }

  async close(): Promise<void> {
    // Nothing to end.
  }
}

/** What this thread does before others are started. */
export interface Here {
  readonly core: WorkerCore;
  /** At most so much is read by it. */
  readonly bytes: number;
}

interface Waiting {
  readonly request: ThreadRequest;
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

/** One job runs and one waits in each thread, so that none is ever idle between two. */
const AHEAD = 2;

export class ThreadPool implements WorkerPool {
  readonly #threads: Thread[] = [];
  readonly #start: () => Thread;
  readonly size: number;
  readonly #queue: Waiting[] = [];
  readonly #credits: Credits;
  readonly #onPack: (pack: FinishedPack) => void;
  readonly #here: WorkerCore;
  readonly #mostHere: number;
  #leftHere: number;
  #failure: unknown;

  /** Threads start with the first job that is too much for this one: a run that finds little new needs none. */
  constructor(size: number, setup: WorkerSetup, here: Here, credits: Credits, onPack: (pack: FinishedPack) => void) {
    this.#here = here.core;
    this.#mostHere = here.bytes;
    this.#leftHere = here.bytes;
    this.#credits = credits;
    this.#onPack = onPack;
    this.size = size;
    const url = ownModule('tasks/backup/thread');
    const workerData: ThreadData = { setup, credits: credits.memory };
    this.#start = () => {
      const worker = new Worker(url, { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
      const thread: Thread = { worker, running: [] };
      thread.worker.on('message', (message: ThreadMessage) => this.#receive(thread, message));
      thread.worker.on('error', (error) => this.#fail(error));
      thread.worker.on('exit', () => this.#fail(new NeoError('failed', 'a worker of the snapshot has ended early')));
      return thread;
    };
  }

  get idle(): boolean {
    return this.#threads.length === 0;
  }

  run<T extends Job['type']>(
    job: Extract<Job, { type: T }>,
    tables: readonly SharedArrayBuffer[],
    bytes: number,
  ): Promise<ResultOf<T>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const done = this.#runHere(job, tables, bytes);
      if (done !== undefined) return resolve(done as ResultOf<T>);
      this.#queue.push({
        request: { job, tables },
        resolve: (result) => resolve(result as ResultOf<T>),
        reject,
      });
      this.#dispatch();
    });
  }

  /** Undefined: that is for a thread. What takes long here keeps everything else from going on, the upload too. */
  #runHere(job: Job, tables: readonly SharedArrayBuffer[], bytes: number): JobResult | undefined {
    if (!this.idle || bytes > this.#leftHere) return undefined;
    this.#leftHere -= bytes;
    try {
      return this.#here.run(job, tables, this.#mostHere);
    } catch (error) {
      if (error instanceof LargerThanAllowed) return undefined;
      throw error;
    }
  }

  /** Only when nothing else is under way. */
  async flush(tables: readonly SharedArrayBuffer[]): Promise<ResultOf<'flush'>[]> {
    const request: ThreadRequest = { job: { type: 'flush' }, tables };
    return Promise.all(
      this.#threads.map(
        (thread) =>
          new Promise<ResultOf<'flush'>>((resolve, reject) => {
            if (this.#failure !== undefined) return reject(this.#failure);
            this.#hand(thread, {
              request,
              resolve: (result) => resolve(result as ResultOf<'flush'>),
              reject,
            });
          }),
      ),
    );
  }

  async close(): Promise<void> {
    this.#credits.end();
    await Promise.all(this.#threads.map(({ worker }) => endThread(worker)));
  }

  #dispatch(): void {
    while (this.#threads.length < this.size) this.#threads.push(this.#start());
    while (this.#queue.length > 0) {
      const thread = this.#threads.reduce((least, other) =>
        other.running.length < least.running.length ? other : least,
      );
      if (thread.running.length >= AHEAD) return;
      const next = this.#queue.shift();
      if (next !== undefined) this.#hand(thread, next);
    }
  }

  #hand(thread: Thread, waiting: Waiting): void {
    thread.running.push(waiting);
    thread.worker.postMessage(waiting.request);
  }

  #receive(thread: Thread, message: ThreadMessage): void {
    if (message.type === 'pack') this.#onPack(message.pack);
    else if (message.type === 'failed') this.#fail(new NeoError(message.code ?? 'failed', message.message));
    else {
      thread.running.shift()?.resolve(message.result);
      this.#dispatch();
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const thread of this.#threads) for (const waiting of thread.running.splice(0)) waiting.reject(error);
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
  }
}
