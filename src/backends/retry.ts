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
  /** While nothing was ever answered: since it was asked, if that is less. A host may be silent for long before it fails. */
  readonly firstContact?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  readonly random: Random;
  /** Ends early, without an error, when the signal fires. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From then on nothing is tried again: its reason, a NeoError, is thrown, also out of a pause. */
  readonly interrupted?: AbortSignal;
  /** Before each pause. */
  readonly onRetry?: (retry: Retry) => void;
}

/** Bounds of pauses, milliseconds. */
const FIRST = 500;
const LONGEST = 30_000;

export class RetryBackend implements Backend {
  readonly location: string;
  readonly isRemote: boolean | undefined;
  readonly isGuarded: boolean | undefined;
  readonly tree: Backend['tree'];
  readonly #inner: Backend;
  readonly #options: RetryOptions;
  readonly #line = new Line();

  constructor(inner: Backend, options: RetryOptions) {
    this.location = inner.location;
    this.isRemote = inner.isRemote;
    this.isGuarded = inner.isGuarded;
    const tree = inner.tree?.bind(inner);
    this.tree = tree && ((prefixes) => this.tried(() => tree(prefixes)));
    this.#inner = inner;
    this.#options = options;
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.tried(() => this.#inner.put(path, bytes));
  }

  prepareToPut(): void {
    this.#inner.prepareToPut?.();
  }

  async settle(): Promise<void> {
    await this.#inner.settle?.();
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.tried(() => this.#inner.get(path));
  }

  getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.tried(() => this.#inner.getRange(path, range));
  }

  getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    return this.tried(() => readInto(this.#inner, path, offset, target));
  }

  /** Begins anew where it broke off; what was named already is passed over. */
  async *list(folder: string): AsyncIterable<ObjectInfo> {
    const named = new Set<string>();
    const attempts = new Attempts(this.#options, this.#line);
    for (;;) {
      try {
        for await (const info of this.#inner.list(folder)) {
          if (named.has(info.path)) continue;
          named.add(info.path);
          this.#line.answered();
          yield info;
        }
        return;
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }

  stat(path: string): Promise<ObjectInfo | undefined> {
    return this.tried(() => this.#inner.stat(path));
  }

  remove(path: string): Promise<void> {
    return this.tried(() => this.#inner.remove(path));
  }

  now(): Promise<number> {
    return this.tried(() => this.#inner.now());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** As all of these are tried: for what is no part of the contract. */
  async tried<T>(work: () => Promise<T>): Promise<T> {
    const attempts = new Attempts(this.#options, this.#line);
    for (;;) {
      try {
        const result = await work();
        this.#line.answered();
        return result;
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }
}

/** What all operations know of the way to the storage. */
class Line {
  /** How often anything was answered. */
  times = 0;
  readonly #waiting = new Set<AbortController>();

  /** Nobody waits any longer for what is there again. */
  answered(): void {
    this.times += 1;
    for (const waiting of this.#waiting) waiting.abort();
    this.#waiting.clear();
  }

  /** @throws the reason of an interruption */
  async wait(milliseconds: number, { pause, interrupted }: RetryOptions): Promise<void> {
    const waiting = new AbortController();
    const { signal } = waiting;
    this.#waiting.add(waiting);
    await pause(milliseconds, interrupted === undefined ? signal : AbortSignal.any([signal, interrupted]));
    this.#waiting.delete(waiting);
    interrupted?.throwIfAborted();
  }
}

/** Of one operation. */
class Attempts {
  readonly #options: RetryOptions;
  readonly #line: Line;
  #since: number | undefined;
  #count = 0;
  /** Failures since the line was seen to be there. */
  #row = 0;
  #seen = 0;
  #begun: number;

  constructor(options: RetryOptions, line: Line) {
    this.#options = options;
    this.#line = line;
    this.#begun = options.monotonic();
  }

  get #patience(): number {
    const { retryFor, firstContact = retryFor } = this.#options;
    return this.#line.times === 0 ? Math.min(retryFor, firstContact) : retryFor;
  }

  /** Waits until it is time for the next attempt. @throws the error itself when there is to be none */
  async failed(error: unknown): Promise<void> {
    const { monotonic, random, onRetry, interrupted } = this.#options;
    const now = monotonic();
    this.#since ??= this.#line.times === 0 ? this.#begun : now;
    this.#count += 1;
    if (!isTransient(error) || now - this.#since >= this.#patience) throw error;
    interrupted?.throwIfAborted();
    // A line that is cut again and again is not one that is down: pauses grow only while nothing comes over it.
    const isDown = this.#line.times === this.#seen && now - this.#begun < FIRST;
    this.#row = isDown ? this.#row + 1 : 1;
    this.#seen = this.#line.times;
    const bound = Math.min(LONGEST, FIRST * 2 ** (this.#row - 1));
    const [drawn = 0] = new Uint32Array(random.bytes(4).slice().buffer);
    const milliseconds = Math.round((drawn / 2 ** 32) * bound);
    onRetry?.({ message: messageOf(error), attempt: this.#count, pause: milliseconds });
    await this.#line.wait(milliseconds, this.#options);
    this.#begun = monotonic();
  }
}

function isTransient(error: unknown): error is NeoError {
  return isNeoError(error, 'unreachable') && !error.isPermanent;
}
