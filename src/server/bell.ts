/** For those who wait until something happens. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  ring(): void {
    for (const go of this.#waiting) go();
  }

  /** Resolves when it rings, after so many milliseconds, or when the signal fires; nothing is left of it then. */
  async wait(milliseconds: number, gone: AbortSignal): Promise<void> {
    if (gone.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const go = (): void => resolve();
    const timer = setTimeout(go, milliseconds);
    this.#waiting.add(go);
    gone.addEventListener('abort', go);
    await promise;
    gone.removeEventListener('abort', go);
    clearTimeout(timer);
    this.#waiting.delete(go);
  }
}

/** What goes by whoever waits long. */
export interface Waiter {
  /** To be called at least once a second, and before anything is told. @throws NeoError when the right to it has ended */
  readonly again: () => Promise<void>;
  /** Whoever asks went away, or the server ends. */
  readonly gone: AbortSignal;
}

/** Milliseconds after which whoever waits looks again at the right to it. */
export const LOOK_MS = 500;
