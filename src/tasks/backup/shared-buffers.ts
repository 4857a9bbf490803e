/** Memory that threads share, used again and again: fresh memory costs more than what is done with it. */
import type { SharedBytes } from './jobs.ts';

export class SharedBuffers {
  readonly #length: number;
  readonly #free: SharedBytes[] = [];

  /** `length` of each, in bytes. */
  constructor(length: number) {
    this.#length = length;
  }

  /** With whatever was in it. */
  take(): SharedBytes {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.#length));
  }

  /** Nobody may look at it any longer. */
  give(buffer: SharedBytes): void {
    this.#free.push(buffer);
  }
}
