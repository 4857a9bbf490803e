/**
 * How worker threads end: by themselves, between two jobs. `Worker.terminate()` may come in the midst of a call of a native
 * module, and those built with node-addon-api (koffi) take what fails then for fatal: the whole process aborts.
 */
import type { MessagePort, Worker } from 'node:worker_threads';

/** The last message to a thread. */
const END = 'end';

/** Seen at once by all threads that share its memory: what they were handed is not wanted any longer. */
export class EndMark {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  set(): void {
    Atomics.store(this.#words, 0, 1);
  }

  get isSet(): boolean {
    return Atomics.load(this.#words, 0) === 1;
  }
}

/** In a thread: takes jobs in turn until it is told to end; those that come once nobody wants them are passed over. */
export function serveJobs<Job>(port: MessagePort, isOver: () => boolean, carryOut: (job: Job) => void): void {
  port.on('message', (message: Job | typeof END) => {
    if (message === END) port.close();
    else if (!isOver()) carryOut(message);
  });
}

/** Resolves when the thread is gone: it finishes the job in hand first. Jobs that wait are up to `isOver`. */
export function endThread(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.threadId === -1) return resolve();
    worker.once('exit', () => resolve());
    worker.postMessage(END);
  });
}
