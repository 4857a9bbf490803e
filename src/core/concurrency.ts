/** Work in flight, bounded by bytes: the slowest part holds back all the others. */
import { NeoError } from './errors.ts';

/** A counting gate: `acquire(n)` waits until n units fit below the limit. First come, first served. */
export class ByteGate {
  readonly #limit: number;
  #used = 0;
  readonly #waiting: { readonly size: number; readonly go: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** One request above the limit passes alone, when nothing else is in flight. */
  async acquire(size: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(size)) {
      this.#used += size;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push({ size, go: resolve }));
  }

  release(size: number): void {
    this.#used -= size;
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.size); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += first.size;
      first.go();
    }
  }

  #fits(size: number): boolean {
    return this.#used === 0 || this.#used + size <= this.#limit;
  }
}

/** Goes on at once with what is there already: a step that seldom waits must not cost a turn of the queue each time. */
export function whenReady<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The same where there may be errors to be handled, at once or later. */
export function settled<T>(work: () => T | Promise<T>, failed: (error: unknown) => T): T | Promise<T> {
  try {
    const result = work();
    return result instanceof Promise ? result.catch(failed) : result;
  } catch (error) {
    return failed(error);
  }
}

/** @throws NeoError interrupted when the signal has fired */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new NeoError('interrupted', 'interrupted');
}
