/** What the threads of a run share: how far workers may run ahead of the upload, and how much they have read. */
import { NeoError } from '../../core/errors.ts';

const OUTSTANDING = 0;
const STOPPED = 1;
const LIMIT = 2;
const ENDED = 3;
const UNIT = 1024;
/** Four words, and a long one. */
const READ_AT = 16;

export class Credits {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #read: BigInt64Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer(READ_AT + 8)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#read = new BigInt64Array(memory, READ_AT);
  }

  static limited(bytes: number): Credits {
    const credits = new Credits();
    credits.#words[LIMIT] = Math.ceil(bytes / UNIT);
    return credits;
  }

  /** In a thread: waits until the upload has caught up. @throws NeoError interrupted when it never will */
  take(bytes: number): void {
    const limit = this.#words[LIMIT] ?? 0;
    for (
      let used = Atomics.load(this.#words, OUTSTANDING);
      used >= limit;
      used = Atomics.load(this.#words, OUTSTANDING)
    ) {
      if (this.ended) throw new NeoError('interrupted', 'the run is over');
      Atomics.wait(this.#words, OUTSTANDING, used, 1000);
    }
    this.force(bytes);
  }

  /** Without waiting: for the thread that does the upload. */
  force(bytes: number): void {
    Atomics.add(this.#words, OUTSTANDING, Math.ceil(bytes / UNIT));
  }

  give(bytes: number): void {
    Atomics.sub(this.#words, OUTSTANDING, Math.ceil(bytes / UNIT));
    Atomics.notify(this.#words, OUTSTANDING);
  }

  /** Bytes that were read of a long file. */
  addRead(bytes: number): void {
    Atomics.add(this.#read, 0, BigInt(bytes));
  }

  /** Bytes of long files read so far, finished or not. */
  get read(): number {
    return Number(Atomics.load(this.#read, 0));
  }

  /** Long files are given up. */
  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOPPED) === 1;
  }

  /** Nothing is wanted any longer: whoever waits need not. */
  end(): void {
    this.stop();
    Atomics.store(this.#words, ENDED, 1);
    Atomics.notify(this.#words, OUTSTANDING);
  }

  get ended(): boolean {
    return Atomics.load(this.#words, ENDED) === 1;
  }
}
