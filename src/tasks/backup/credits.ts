/** How far workers may run ahead of the upload: bytes of finished packs not yet stored, in shared memory. */
const OUTSTANDING = 0;
const STOPPED = 1;
const UNIT = 1024;

export class Credits {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer(12)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  static limited(bytes: number): Credits {
    const credits = new Credits();
    credits.#words[2] = Math.ceil(bytes / UNIT);
    return credits;
  }

  /** In a thread: waits until the upload has caught up. */
  take(bytes: number): void {
    const limit = this.#words[2] ?? 0;
    for (
      let used = Atomics.load(this.#words, OUTSTANDING);
      used >= limit;
      used = Atomics.load(this.#words, OUTSTANDING)
    ) {
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

  /** Long files are given up. */
  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOPPED) === 1;
  }
}
