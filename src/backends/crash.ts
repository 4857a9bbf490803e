/** A storage that dies at a chosen operation: the ground of the crash sweep. Nothing here is used in production. */
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import type { MemoryBackend } from './memory.ts';

/** The machine has stopped. Not a NeoError on purpose: no handler of storage errors may take it for one. */
export class Crashed extends Error {
  constructor() {
    super('simulated crash');
    this.name = 'Crashed';
  }
}

/**
 * `before`: the effect never happens · `after`: it happens, but nobody is told · `torn`: a put leaves the first part of
 * its bytes under the final name (worse than a good disk, as bad as a bad one); a remove has no parts: as `after`.
 */
export type CrashMoment = 'before' | 'after' | 'torn';

export interface CrashPlan {
  /** Which mutating operation (put, remove) crashes, counted from 1. */
  readonly at: number;
  readonly when: CrashMoment;
  /** Share of the bytes that a torn put leaves, 0 to 1 (1: all but the last byte). Default one half. */
  readonly kept?: number;
}

/** Everything goes to `inner` until the plan's operation; from then on every operation throws {@link Crashed}. */
export class CrashBackend implements Backend {
  readonly location = 'crash:';
  readonly #inner: MemoryBackend;
  readonly #plan: CrashPlan | undefined;
  #survivors: MemoryBackend | undefined;
  #mutations = 0;

  /** Without a plan it only counts. */
  constructor(inner: MemoryBackend, plan?: CrashPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  /** Mutating operations so far. */
  get mutations(): number {
    return this.#mutations;
  }

  get crashed(): boolean {
    return this.#survivors !== undefined;
  }

  /** What lies in storage: at the crash if there was one, otherwise now. An own copy each time. */
  survivors(): MemoryBackend {
    return (this.#survivors ?? this.#inner).clone();
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const torn = bytes.subarray(0, Math.min(bytes.length - 1, Math.floor(bytes.length * (this.#plan?.kept ?? 0.5))));
    await this.#mutate(
      (storage) => storage.put(path, bytes),
      async (storage) => {
        // A name that is taken is never written to.
        if ((await storage.stat(path)) === undefined) storage.tamper(path, torn);
      },
    );
  }

  async remove(path: string): Promise<void> {
    const effect = (storage: MemoryBackend): Promise<void> => storage.remove(path);
    await this.#mutate(effect, effect);
  }

  async #mutate(
    effect: (storage: MemoryBackend) => Promise<void>,
    torn: (storage: MemoryBackend) => Promise<void>,
  ): Promise<void> {
    this.#alive();
    this.#mutations += 1;
    if (this.#plan === undefined || this.#mutations !== this.#plan.at) {
      await effect(this.#inner);
      this.#alive();
      return;
    }
    // Other operations may still be on their way in `inner`; what they do after this moment does not survive.
    const survivors = this.#inner.clone();
    this.#survivors = survivors;
    if (this.#plan.when === 'after') await effect(survivors);
    if (this.#plan.when === 'torn') await torn(survivors);
    throw new Crashed();
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#inner.get(path));
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#inner.getRange(path, range));
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    this.#alive();
    for await (const info of this.#inner.list(folder)) {
      this.#alive();
      yield info;
    }
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#reading(() => this.#inner.stat(path));
  }

  async now(): Promise<number> {
    return this.#reading(() => this.#inner.now());
  }

  /** Closing a dead storage is no fault: it happens in `finally`. */
  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    this.#alive();
    const result = await read();
    this.#alive();
    return result;
  }

  #alive(): void {
    if (this.#survivors !== undefined) throw new Crashed();
  }
}
