/** Who may go on, and who waits, within one process. */

/** Whoever takes a key waits until those before have given it back. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  async take(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    await before;
    return () => {
      if (this.#last.get(key) === promise) this.#last.delete(key);
      resolve();
    };
  }
}

/** Many are inside together, or one alone. Who wants to be alone goes before those who come later. */
export class Gate {
  #inside = 0;
  #alone: Promise<void> | undefined;
  #whenEmpty: (() => void) | undefined;

  async enter(): Promise<void> {
    while (this.#alone !== undefined) await this.#alone;
    this.#inside += 1;
  }

  leave(): void {
    this.#inside -= 1;
    if (this.#inside === 0) this.#whenEmpty?.();
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alone = promise;
    try {
      await new Promise<void>((empty) => {
        this.#whenEmpty = empty;
        if (this.#inside === 0) empty();
      });
      return await work();
    } finally {
      this.#alone = undefined;
      this.#whenEmpty = undefined;
      resolve();
    }
  }
}
