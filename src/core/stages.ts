/** Where the time of a thread goes, by stage: measured only when it is asked for. */
export const STAGES = ['read', 'chunk', 'hash', 'compress', 'encrypt', 'write', 'wait'] as const;
export type Stage = (typeof STAGES)[number];

export interface StageSum {
  readonly seconds: number;
  readonly bytes: number;
}

/** One thread's; what its stages leave of `seconds` went into everything else. */
export interface StageBudget {
  readonly thread: string;
  readonly seconds: number;
  readonly stages: Readonly<Record<Stage, StageSum>>;
}

type Sum = { -readonly [K in keyof StageSum]: StageSum[K] };

function noSums(): Record<Stage, Sum> {
  const none = (): Sum => ({ seconds: 0, bytes: 0 });
  return {
    read: none(),
    chunk: none(),
    hash: none(),
    compress: none(),
    encrypt: none(),
    write: none(),
    wait: none(),
  };
}

export class StageClock {
  readonly #thread: string;
  /** Seconds that only go forward. */
  readonly #now: () => number;
  readonly #started: number;
  readonly #sums = noSums();

  constructor(thread: string, now: () => number) {
    this.#thread = thread;
    this.#now = now;
    this.#started = now();
  }

  /** `bytes`: that go into the work. */
  time<T>(stage: Stage, bytes: number, work: () => T): T {
    const started = this.#now();
    try {
      return work();
    } finally {
      this.add(stage, this.#now() - started, bytes);
    }
  }

  /** The same of work that others do meanwhile: several may run at once, and their times add up. */
  async timeLater<T>(stage: Stage, bytes: number, work: () => Promise<T>): Promise<T> {
    const started = this.#now();
    try {
      return await work();
    } finally {
      this.add(stage, this.#now() - started, bytes);
    }
  }

  add(stage: Stage, seconds: number, bytes: number): void {
    const sum = this.#sums[stage];
    sum.seconds += seconds;
    sum.bytes += bytes;
  }

  get now(): number {
    return this.#now();
  }

  budget(): StageBudget {
    return { thread: this.#thread, seconds: this.#now() - this.#started, stages: structuredClone(this.#sums) };
  }
}
