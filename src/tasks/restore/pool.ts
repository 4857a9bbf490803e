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
  /** So many bytes may have to be written: what jobs need is made ready. */
  start(bytes: number): void;
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

/** What this thread does before others are started. */
export interface Here {
  readonly core: WorkerCore;
  /** At most so much is written by it. */
  readonly bytes: number;
}

/** To make a file takes as long as to write so much. */
const FILE_AS_BYTES = 16 << 10;

interface Waiting {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Handed over, oldest first: a worker answers in order. */
  readonly running: Waiting[];
}

/** Threads are started with the first job that is too much for this one: a restore over what is right already has none. */
export class ThreadPool implements RestorePool {
  readonly #size: number;
  readonly #setup: WorkerSetup;
  readonly #end = new EndMark();
  readonly #here: WorkerCore;
  #leftHere: number;
  #threads: readonly Thread[] = [];
  #failure: unknown;

  constructor(size: number, setup: WorkerSetup, here: Here) {
    this.#size = size;
    this.#setup = setup;
    this.#here = here.core;
    this.#leftHere = here.bytes;
  }

  start(bytes: number): void {
    if (bytes > this.#leftHere) this.#startThreads();
  }

  #startThreads(): void {
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
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      if (this.#isForHere(job)) return resolve(this.#here.run(job) as ResultOf<T>);
      this.#startThreads();
      const thread = this.#threads.reduce((least, other) =>
        other.running.length < least.running.length ? other : least,
      );
      thread.running.push({ resolve: (result) => resolve(result as ResultOf<T>), reject });
      send(thread.worker, job);
    });
  }

  /** Only what it is given is written: how long reading what lies on the disk takes is not known. */
  #isForHere(job: Job): boolean {
    if (this.#threads.length > 0 || job.type !== 'write') return false;
    const bytes = job.bytes.length + job.files.length * FILE_AS_BYTES;
    if (bytes > this.#leftHere) return false;
    this.#leftHere -= bytes;
    return true;
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
