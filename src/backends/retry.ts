/**
 * Tries again what failed because the storage could not be reached; what is permanent fails at once. The contract makes
 * that safe: an object is stored once, so a put that had its effect before the line was cut succeeds when it is repeated.
 *
 * Pauses are drawn between nothing and a bound that doubles ("full jitter", Brooker, AWS Architecture Blog 2015): many
 * requests that failed in the same moment do not come back in the same moment.
 */
import { isNeoError, messageOf, type NeoError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import { readInto } from './backend.ts';

export interface Retry {
  readonly message: string;
  /** Of this operation, from 1. */
  readonly attempt: number;
  /** Until the next one, milliseconds. */
  readonly pause: number;
}

export interface RetryOptions {
  /** For how long an operation is tried again, milliseconds since it first failed. */
  readonly retryFor: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  readonly random: Random;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Before each pause. */
  readonly onRetry?: (retry: Retry) => void;
}

/** Bounds of pauses, milliseconds. */
const FIRST = 500;
const LONGEST = 30_000;

export class RetryBackend implements Backend {
  readonly location: string;
  readonly #inner: Backend;
  readonly #options: RetryOptions;

  constructor(inner: Backend, options: RetryOptions) {
    this.location = inner.location;
    this.#inner = inner;
    this.#options = options;
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#tried(() => this.#inner.put(path, bytes));
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#tried(() => this.#inner.get(path));
  }

  getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.#tried(() => this.#inner.getRange(path, range));
  }

  getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    return this.#tried(() => readInto(this.#inner, path, offset, target));
  }

  /** Begins anew where it broke off; what was named already is passed over. */
  async *list(folder: string): AsyncIterable<ObjectInfo> {
    const named = new Set<string>();
    const attempts = new Attempts(this.#options);
    for (;;) {
      try {
        for await (const info of this.#inner.list(folder)) {
          if (named.has(info.path)) continue;
          named.add(info.path);
          yield info;
        }
        return;
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }

  stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#tried(() => this.#inner.stat(path));
  }

  remove(path: string): Promise<void> {
    return this.#tried(() => this.#inner.remove(path));
  }

  now(): Promise<number> {
    return this.#tried(() => this.#inner.now());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #tried<T>(work: () => Promise<T>): Promise<T> {
    const attempts = new Attempts(this.#options);
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }
}

/** Of one operation. */
class Attempts {
  readonly #options: RetryOptions;
  #since: number | undefined;
  #count = 0;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /** Waits until it is time for the next attempt. @throws the error itself when there is to be none */
  async failed(error: unknown): Promise<void> {
    const { monotonic, random, pause, onRetry, retryFor } = this.#options;
    const now = monotonic();
    this.#since ??= now;
    this.#count += 1;
    if (!isTransient(error) || now - this.#since >= retryFor) throw error;
    const bound = Math.min(LONGEST, FIRST * 2 ** (this.#count - 1));
    const [drawn = 0] = new Uint32Array(random.bytes(4).slice().buffer);
    const milliseconds = Math.round((drawn / 2 ** 32) * bound);
    onRetry?.({ message: messageOf(error), attempt: this.#count, pause: milliseconds });
    await pause(milliseconds);
  }
}

function isTransient(error: unknown): error is NeoError {
  return isNeoError(error, 'unreachable') && !error.isPermanent;
}
