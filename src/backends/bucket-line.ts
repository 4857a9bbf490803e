/** The way to one bucket, which all targets of a server share: how many ask at once, what is tried again, and how much of it is held in memory. */
import { setTimeout as later } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Bucket } from './bucket.ts';
import { AdaptiveConcurrency } from './concurrency.ts';
import { RetryBackend } from './retry.ts';

/** Less than the minute after which clients give up a line on which nothing moves. */
const RETRY_FOR_MS = 30_000;
/** Of objects that are being read, all together. */
const BLOCKS_BYTES = 128 << 20;
const LARGEST_BLOCK = 4 << 20;
const SMALLEST_BLOCK = 64 << 10;

export interface LineOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds for which an operation is tried again; for tests. */
  readonly retryFor?: number | undefined;
}

export class BucketLine {
  readonly bucket: Bucket;
  /** The contract of a backend, of what is tried again. */
  readonly steady: RetryBackend;
  readonly #gate: AdaptiveConcurrency;
  #readers = 0;

  constructor(bucket: Bucket, { clock, random, retryFor = RETRY_FOR_MS }: LineOptions) {
    this.bucket = bucket;
    const { monotonic } = clock;
    this.#gate = new AdaptiveConcurrency(bucket, { monotonic });
    this.steady = new RetryBackend(this.#gate, {
      ...{ retryFor, monotonic, random },
      pause: async (milliseconds, signal) => later(milliseconds, undefined, { signal }).catch(() => undefined),
    });
  }

  /** What is no part of the contract, tried again as all is. @param bytes that go over the line */
  ask<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    return this.steady.tried(() => this.once(bytes, work));
  }

  once<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    return this.#gate.pass(bytes, work);
  }

  /** What an object that is being read may hold in one block; it may hold two. */
  get blockBytes(): number {
    return Math.max(SMALLEST_BLOCK, Math.min(LARGEST_BLOCK, BLOCKS_BYTES / 2 / Math.max(1, this.#readers)));
  }

  /** One more object is being read, until the answer is called. */
  reads(): () => void {
    this.#readers += 1;
    return () => {
      this.#readers -= 1;
    };
  }
}
