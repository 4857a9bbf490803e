/** So many bytes a second, and not more: whoever sends or asks for some waits until they are due. */
export interface RateLimitOptions {
  /** Bytes a second as it is now; undefined: no limit. Asked for again each time: it may hang on the time of day. */
  readonly rate: () => number | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** What was not used so long ago may be used at once: else every late timer would make it slower than was asked for. */
const CREDIT_MS = 500;
/** Bytes asked for at a time are a quarter of a second's, so that the line is used evenly, and not too few. */
const PARTS = 4;
const LEAST_PART = 4096;

export class RateLimit {
  readonly #options: RateLimitOptions;
  /** When the next bytes are due. */
  #due = Number.NEGATIVE_INFINITY;

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** The most that should be asked for at a time. */
  part(most: number): number {
    const rate = this.#options.rate();
    return rate === undefined ? most : Math.min(most, Math.max(LEAST_PART, Math.floor(rate / PARTS)));
  }

  /** First come, first served. */
  async take(bytes: number): Promise<void> {
    const { rate, monotonic, pause } = this.#options;
    const now = monotonic();
    const perSecond = rate();
    if (perSecond === undefined) {
      this.#due = Number.NEGATIVE_INFINITY;
      return;
    }
    const from = Math.max(this.#due, now - CREDIT_MS);
    this.#due = from + (bytes * 1000) / perSecond;
    // When they have gone over the line, not when they may begin to: what comes last is not sent ahead of its time.
    if (this.#due > now) await pause(this.#due - now);
  }
}

/** Of one connection to storage. */
export interface RateLimits {
  readonly upload?: RateLimit;
  readonly download?: RateLimit;
}
