/** What other servers bring: what they are told of what they offer, so that each object comes once, whoever has it. */
import type { Clock } from '../../core/clock.ts';
import { NeoError } from '../../core/errors.ts';
import type { Held } from '../../protocol/object-tree.ts';
import type { Reply } from '../../protocol/replication.ts';
import type { CountedTarget } from '../quota.ts';
import type { Turns } from './turns.ts';

/** Whoever was asked for an object brings it within this time, or somebody else is asked. */
const PROMISED_MS = 30_000;

interface Promised {
  /** Id of the account of the server that brings it. */
  readonly by: string;
  until: number;
  /** Its bytes are coming. */
  coming: number;
}

export class Arrivals {
  readonly #turns: Turns;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #promised = new Map<string, Promised>();

  constructor(turns: Turns, clock: Pick<Clock, 'monotonic'>) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /** @param by id of the account of the server that offers it */
  async reply(by: string, target: string, storage: CountedTarget, { path, turns }: Held): Promise<Reply> {
    const held = await this.#turns.heldAt(target, path, storage);
    if (turns <= (held?.turns ?? 0)) return 'have';
    // Slots of keys stay: no other server may take away what lets people read.
    if (turns % 2 === 0 && path.startsWith('keys/')) return 'have';
    const key = `${target}/${path}`;
    const now = this.#clock.monotonic();
    const known = this.#promised.get(key);
    if (known !== undefined && known.by !== by && (known.coming > 0 || known.until > now)) return 'later';
    this.#forgetOld(now);
    // What is to be removed here costs nothing twice.
    if (turns % 2 === 1) this.#promised.set(key, { by, until: now + PROMISED_MS, coming: known?.coming ?? 0 });
    return 'want';
  }

  /** While bytes of it come. */
  async during<T>(target: string, path: string, work: () => Promise<T>): Promise<T> {
    const key = `${target}/${path}`;
    const promised = this.#promised.get(key);
    if (promised === undefined) return work();
    promised.coming += 1;
    try {
      return await work();
    } finally {
      promised.coming -= 1;
      if (this.#promised.get(key) === promised && promised.coming === 0) this.#promised.delete(key);
    }
  }

  #forgetOld(now: number): void {
    for (const [key, { until, coming }] of this.#promised) {
      // Those that were promised first stand first.
      if (until > now) break;
      if (coming === 0) this.#promised.delete(key);
    }
  }
}

/**
 * Of two repositories nothing is ever mixed.
 * @param configs paths of the first configurations that the other end has
 * @throws NeoError already-exists
 */
export async function checkSameRepository(
  storage: CountedTarget,
  name: string,
  configs: readonly string[],
): Promise<void> {
  const own = await firstConfigs(storage);
  if (own.length === 0 || configs.length === 0 || own.some((each) => configs.includes(each))) return;
  throw new NeoError('already-exists', `${name} holds another repository`, {
    hint: 'two accounts of this name have nothing to do with each other: rename the target on one of the servers',
  });
}

/** Paths of what a repository is known by. */
export async function firstConfigs(storage: Pick<CountedTarget, 'list'>): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of storage.list('config')) if (path.startsWith('config/0-')) found.push(path);
  return found.sort();
}
