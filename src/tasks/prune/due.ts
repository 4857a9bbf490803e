/**
 * When a tomb may be carried out: by the storage's clock, and by time that has really passed on this machine since it
 * first read the tomb, for clocks can be wrong.
 */
import { toHex } from '../../core/bytes.ts';
import type { SinceBoot } from '../../core/clock.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import { canonicalJson, parseJson } from '../../core/json.ts';
import { z } from '../../core/schema.ts';
import type { ClientState } from '../../repo/client-state.ts';
import { CLOCK_TOLERANCE } from '../../repo/grace.ts';
import type { Repository } from '../../repo/repository.ts';
import type { Tomb, TombListing } from '../../repo/tomb.ts';
import type { View } from './look.ts';

const schema = z.object({
  v: z.literal(1),
  seen: z.record(z.string(), z.object({ boot: z.string(), at: z.number() })),
});

type Seen = Map<string, SinceBoot>;

/** Since when this machine has known each tomb: of its uptime where the system tells it, else of this process. */
export class TombsSeen {
  readonly #repository: Repository;
  readonly #state: ClientState;
  readonly #process: string;
  readonly #seen: Seen;

  private constructor(repository: Repository, state: ClientState, process: string, seen: Seen) {
    this.#repository = repository;
    this.#state = state;
    this.#process = process;
    this.#seen = seen;
  }

  static async load(repository: Repository, state: ClientState): Promise<TombsSeen> {
    const process = `process ${toHex(repository.random.bytes(8))}`;
    const bytes = await state.read(stateName(repository));
    return new TombsSeen(repository, state, process, new Map(Object.entries(decode(bytes))));
  }

  /** To be called with each listing, as soon as it was made. Those that are gone are forgotten. */
  async note({ tombs }: TombListing, events: EventSink): Promise<void> {
    const now = this.now();
    const there = new Set(tombs.map(({ path }) => path));
    for (const path of this.#seen.keys()) if (!there.has(path)) this.#seen.delete(path);
    for (const path of there) if (this.#seen.get(path)?.boot !== now.boot) this.#seen.set(path, now);
    try {
      const seen = Object.fromEntries([...this.#seen].map(([path, { boot, at }]) => [path, { boot, at }]));
      const bytes = canonicalJson({ v: 1, seen });
      await this.#state.write(stateName(this.#repository), bytes);
    } catch (error) {
      events({ type: 'note', message: `the tombs seen cannot be remembered: ${messageOf(error)}` });
    }
  }

  /** Milliseconds from when it was first read to `moment`. */
  knownFor({ path }: Tomb, moment: SinceBoot): number {
    const since = this.#seen.get(path);
    return since?.boot === moment.boot ? Math.max(0, moment.at - since.at) : 0;
  }

  now(): SinceBoot {
    const { clock } = this.#repository;
    const { boot, at } = clock.sinceBoot?.() ?? { boot: this.#process, at: clock.monotonic() };
    return { boot, at: Math.floor(at) };
  }
}

function stateName({ id }: Repository): string {
  return `tombs-${id}.json`;
}

function decode(bytes: Uint8Array | undefined): z.infer<typeof schema>['seen'] {
  if (bytes === undefined) return {};
  try {
    return schema.safeParse(parseJson(bytes)).data?.seen ?? {};
  } catch (error) {
    if (isNeoError(error, 'integrity')) return {};
    throw error;
  }
}

/** Before the first listing. */
export interface Listed {
  readonly at: SinceBoot;
}

export interface DueRules {
  /** Milliseconds. */
  readonly grace: number;
  readonly floor: number;
  readonly soleWriter: boolean;
}

/** Milliseconds until the tomb may be carried out; 0: now. */
export function timeLeft(tomb: Tomb, { time, at }: View & Listed, seen: TombsSeen, rules: DueRules): number {
  if (rules.soleWriter) return Math.max(0, tomb.since + rules.grace - time);
  const byStorage = tomb.since + Math.max(rules.grace, tomb.grace * 1000, rules.floor) - time;
  return Math.max(0, byStorage, rules.floor - seen.knownFor(tomb, at));
}

const QUIET_FOR = 30 * 86_400_000;

/** @throws NeoError failed when a clock is wrong, or may be: then nothing may be deleted by it */
export function refuseWrongClock({ newest, time, localTime }: View, trustClock: boolean): void {
  const ahead = Math.round((newest.modified - time) / 60_000);
  if (newest.modified > time + CLOCK_TOLERANCE) {
    throw wrongClock(`${newest.path} is from ${ahead} minutes in the future: the storage's clock went back`);
  }
  const skew = Math.round(Math.abs(localTime - time) / 60_000);
  if (Math.abs(localTime - time) > CLOCK_TOLERANCE)
    throw wrongClock(`this clock and the storage's differ by ${skew} minutes`);
  if (newest.modified > 0 && time - newest.modified > QUIET_FOR && !trustClock) {
    throw wrongClock(
      'nothing was stored for 30 days, or the clock is wrong',
      'if the clock is right, say --trust-clock',
    );
  }
}

function wrongClock(what: string, hint = 'set the clock right, then prune again'): NeoError {
  return new NeoError('failed', `${what}: nothing is deleted`, { hint });
}
