/** The keys that an agent holds: each until its time is up, by the clock that ends first. */
import type { Clock } from '../../core/clock.ts';
import type { HeldKey } from './messages.ts';

interface Held {
  readonly key: HeldKey;
  readonly secret: Uint8Array;
  /** Of the clock that never goes back: setting the wall clock back gives no time. It stands still while a laptop sleeps. */
  readonly ends: number;
}

export class HeldKeys {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#held.size;
  }

  /** In place of what was held for that repository. @param secret wiped when the time is up, or the key is forgotten */
  hold(key: Omit<HeldKey, 'expires'>, secret: Uint8Array, lifetime: number): HeldKey {
    this.forget(({ repository }) => repository === key.repository);
    const held = { ...key, expires: this.#clock.now() + lifetime };
    this.#held.set(key.repository, { key: held, secret, ends: this.#clock.monotonic() + lifetime });
    return held;
  }

  /** The first that is held; its secret is not a copy. */
  find(repositories: readonly string[]): { readonly key: HeldKey; readonly secret: Uint8Array } | undefined {
    this.expire();
    return repositories.map((repository) => this.#held.get(repository)).find((held) => held !== undefined);
  }

  list(): HeldKey[] {
    this.expire();
    return [...this.#held.values()].map(({ key }) => key);
  }

  /** Wipes them. @returns which */
  forget(isMeant: (key: HeldKey) => boolean): HeldKey[] {
    const meant = [...this.#held.values()].filter(({ key }) => isMeant(key));
    for (const { key, secret } of meant) {
      secret.fill(0);
      this.#held.delete(key.repository);
    }
    return meant.map(({ key }) => key);
  }

  /** Wipes what has had its time by either clock. */
  expire(): void {
    const now = this.#clock.now();
    const steady = this.#clock.monotonic();
    const over = [...this.#held.values()].filter(({ key, ends }) => key.expires <= now || ends <= steady);
    const ids = new Set(over.map(({ key }) => key.repository));
    this.forget(({ repository }) => ids.has(repository));
  }

  /** Milliseconds until the next one's time is up, as far as can be told now. */
  remaining(): number {
    const now = this.#clock.now();
    const steady = this.#clock.monotonic();
    const left = [...this.#held.values()].map(({ key, ends }) => Math.min(key.expires - now, ends - steady));
    return Math.max(0, Math.min(...left));
  }
}
