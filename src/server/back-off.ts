/**
 * Whoever tries secrets and codes waits, longer each time: counted by account and network together, so that nobody keeps an account's owner out,
 * and more loosely by each of them alone. While one waits nothing is looked at, so that a right answer is not told from a wrong one.
 */
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';

interface Tries {
  failures: number;
  /** When the last wait is over, or was, by the monotonic clock: the wall's may be set. */
  until: number;
}

/** Failures that cost nothing yet. */
const FREE = { pair: 3, network: 20, account: 100 } as const;
const FIRST_MS = 1_000;
const LONGEST_MS = 15 * 60_000;
/**
 * So long after the last wait failures are forgotten, else whoever mistypes once a week waits in the end. In that time whoever goes on has more
 * tries, by one each {@link LONGEST_MS}, than are free again for whoever does nothing: so nobody guesses faster by it.
 */
const FORGOTTEN_MS = 2 * 24 * 3_600_000;
const MOST_REMEMBERED = 20_000;

export class BackOff {
  readonly #clock: Clock;
  readonly #tries = new Map<string, Tries>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Before anything is looked at, and again when all is there that it is compared with: nothing may be waited for from then to `failed`, else
   * many that come at once would all be looked at.
   * @param account empty: of codes, which say themselves whose they are
   * @throws NeoError permission-denied while it is too early to try again
   */
  check(account: string, network: string): void {
    const now = this.#clock.monotonic();
    const until = Math.max(...keysOf(account, network).map(([key]) => this.#tries.get(key)?.until ?? now));
    if (until <= now) return;
    throw new NeoError('permission-denied', `too many tries: wait ${Math.ceil((until - now) / 1000)} s`);
  }

  failed(account: string, network: string): void {
    const now = this.#clock.monotonic();
    for (const [key, free] of keysOf(account, network)) {
      const known = this.#tries.get(key);
      const failures = (known === undefined || now - known.until >= FORGOTTEN_MS ? 0 : known.failures) + 1;
      const wait = failures <= free ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - free - 1));
      // The one that failed last stands last: what is forgotten first has been quiet for longest.
      this.#tries.delete(key);
      this.#tries.set(key, { failures, until: now + wait });
    }
    for (const key of this.#tries.keys()) {
      if (this.#tries.size <= MOST_REMEMBERED) break;
      this.#tries.delete(key);
    }
  }

  succeeded(account: string, network: string): void {
    for (const [key] of keysOf(account, network)) this.#tries.delete(key);
  }
}

function keysOf(account: string, network: string): readonly (readonly [key: string, free: number])[] {
  const keys = [
    [`${account} ${network}`, FREE.pair],
    [`network ${network}`, FREE.network],
  ] as const;
  // Else whoever has many networks could keep out all who have a code; and nobody finds one by trying.
  return account === '' ? keys : [...keys, [`account ${account}`, FREE.account]];
}
