/** Small ranges that are asked for in one moment go over the line in one request: a way there and back for all of them. */
import { NeoError } from '../../core/errors.ts';
import { MOST_RANGES } from '../../protocol/messages.ts';
import { ABSENT, BEYOND, type RangeAnswer } from '../../protocol/ranges.ts';
import type { ByteRange } from '../backend.ts';

/** Larger ones fill the line by themselves. */
export const SMALL_RANGE: number = 64 << 10;
const MOST_BYTES = 4 << 20;

export type AskedRange = readonly [path: string, offset: number, length: number];

interface Waiting {
  readonly asked: AskedRange;
  readonly resolve: (bytes: Uint8Array | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class RangeBatch {
  readonly #fetch: (ranges: readonly AskedRange[]) => Promise<readonly RangeAnswer[]>;
  #waiting: Waiting[] = [];
  #bytes = 0;

  /** `fetch` answers each range, in order. */
  constructor(fetch: (ranges: readonly AskedRange[]) => Promise<readonly RangeAnswer[]>) {
    this.#fetch = fetch;
  }

  /** As `getRange` of a backend. */
  get(path: string, { offset, length }: ByteRange): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => void this.#flush());
      this.#waiting.push({ asked: [path, offset, length], resolve, reject });
      this.#bytes += length;
      if (this.#waiting.length === MOST_RANGES || this.#bytes >= MOST_BYTES) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    if (batch.length === 0) return;
    try {
      const answers = await this.#fetch(batch.map(({ asked }) => asked));
      for (const [i, waiting] of batch.entries()) settle(waiting, answers[i] ?? ABSENT);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function settle({ asked: [path, offset, length], resolve, reject }: Waiting, answer: RangeAnswer): void {
  if (answer === ABSENT) resolve(undefined);
  else if (answer === BEYOND) {
    reject(new NeoError('integrity', `${path} is too short for ${length} bytes at ${offset}`));
  } else resolve(new Uint8Array(answer as Uint8Array));
}
