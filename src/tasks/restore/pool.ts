/** Worker threads of a restore, or none: then each job runs at once in this thread. */
import { Worker } from 'node:worker_threads';
import { NeoError } from '../../core/errors.ts';
import { ownModule } from '../../core/program-files.ts';
import { EndMark, endThread } from '../../core/threads.ts';
import { encodeWrite } from './job-codec.ts';
import type { Job, JobResult, ResultOf, WorkerSetup } from './jobs.ts';
import type { ThreadData, ThreadMessage } from './thread.ts';
import type { WorkerCore } from './worker-core.ts';

export interface RestorePool {
  /** A write's bytes belong to the pool from then on. @throws NeoError what the job failed with */
  run<T extends Job['type']>(job: Extract<Job, { type: T }>): Promise<ResultOf<T>>;
  /** Jobs will come: what they need may be made ready. */
  start(): void;
  close(): Promise<void>;
}

export class InlinePool implements RestorePool {
  readonly #core: WorkerCore;

  constructor(core: WorkerCore) {
    this.#core = core;
  }

  async run<T extends Job['type']>(job: Extract<Job, { type: T }>): Promise<ResultOf<T>> {
    return this.#core.run(job) as ResultOf<T>;
  }

  start(): void {
    // Nothing to make ready.
  }

  async close(): Promise<void> {
    // Nothing to end.
  }
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

/** Threads are started with the first job: a restore over what is right already has none. */
export class ThreadPool implements RestorePool {
  readonly #size: number;
  readonly #setup: WorkerSetup;
  readonly #end = new EndMark();
  #threads: readonly Thread[] = [];
  #failure: unknown;

  constructor(size: number, setup: WorkerSetup) {
    this.#size = size;
    this.#setup = setup;
  }

  start(): void {
    if (this.#threads.length > 0) return;
    const url = ownModule('tasks/restore/thread');
    const workerData: ThreadData = { setup: this.#setup, end: this.#end.memory };
    this.#threads = Array.from({ length: this.#size }, () => {
      const worker = new Worker(url, { workerData, trackUnmanagedFds: false });
      const thread: Thread = { worker, running: [] };
      worker.on('message', (message: ThreadMessage) => this.#receive(thread, message));
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', () => this.#fail(new NeoError('failed', 'a worker of the restore has ended early')));
      return thread;
    });
  }

  run<T extends Job['type']>(job: Extract<Job, { type: T }>): Promise<ResultOf<T>> {
    this.start();
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const thread = this.#threads.reduce((least, other) =>
        other.running.length < least.running.length ? other : least,
      );
      thread.running.push({ resolve: (result) => resolve(result as ResultOf<T>), reject });
      send(thread.worker, job);
    });
  }

  async close(): Promise<void> {
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

function send(worker: Worker, job: Job): void {
  if (job.type !== 'write') {
    worker.postMessage(job);
    return;
  }
  const encoded = encodeWrite(job);
  worker.postMessage(encoded, [encoded.numbers.buffer, encoded.text.buffer, ...transferOf(job.bytes)]);
}

/** Only a buffer that holds these bytes alone: others may look at more of it (small Buffers share one). */
function transferOf({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
