/**
 * Memory that threads share, used again and again: fresh memory has to be cleared by the system page by page, and what is
 * dropped goes back only when somebody collects garbage. What nobody needed yet is not taken from the system.
 */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;

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
