/**
 * What goes from a target within a day, so that no more than a part does. It is written down before anything goes: whoever can make the server
 * start anew gets no other day by that. A prune removes thousands of packs, so it is written down in steps, each ahead of what goes; what a
 * server that ended had not used of its step counts as gone, too.
 *
 * How long a day lasts the monotonic clock says while a server runs, and the wall clock between two: only who can set that one, and have the
 * server start anew, begins another day early.
 */
import type { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { Tables } from './database/tables.ts';

/** As it is written down. */
export interface Day {
  /** Milliseconds since 1970. */
  readonly began: number;
  /** What was there then. */
  readonly bytes: number;
  /** What went since then; never less than that. */
  readonly lost: number;
}

export interface LossStore {
  load(): Promise<Day | undefined>;
  /** Durable when the promise resolves. */
  save(day: Day): Promise<void>;
}

export interface LossesOptions {
  readonly store: LossStore;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Of what is there when a day begins, how much may go within it; from 0 to 1. */
  readonly part: () => number;
  /** Of all that is there now. */
  readonly bytes: () => Promise<number>;
}

interface Today {
  /** By the monotonic clock. */
  readonly began: number;
  readonly bytes: number;
  lost: number;
  /** So much of `lost` would be known after a kill. */
  written: number;
}

const DAY_MS = 24 * 3_600_000;
/** Of what may go in a day: a day's prune is written down so often, and a start takes one away at most. */
const STEPS = 16;
/** Less may always go: a target that is nearly empty is no loss. */
const SMALL_BYTES = 64 << 20;

/** Of one target; one for each, else days would be written over each other. */
export class Losses {
  readonly #options: LossesOptions;
  #today: Today | undefined;
  #finding: Promise<Today> | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  /**
   * Counts what is about to go. It is durable when the promise resolves, and not counted when it rejects.
   * @param isAllowed though it is too much
   * @throws NeoError permission-denied
   */
  async add(size: number, isAllowed: boolean): Promise<void> {
    const today = await this.#findToday();
    const most = Math.max(SMALL_BYTES, today.bytes * this.#options.part());
    if (today.lost + size > most && !isAllowed) throw tooMuch(most);
    today.lost += size;
    try {
      await this.#writeDown(today, Math.ceil(most / STEPS));
    } catch (error) {
      today.lost -= size;
      throw error;
    }
  }

  async #findToday(): Promise<Today> {
    const today = this.#today;
    if (today !== undefined && this.#age(today) <= DAY_MS) return today;
    // Of several that ask at once the first one begins it.
    this.#finding ??= this.#find().finally(() => {
      this.#finding = undefined;
    });
    return this.#finding;
  }

  async #find(): Promise<Today> {
    const { bytes, clock } = this.#options;
    const written = this.#today === undefined ? await this.#asWritten() : undefined;
    this.#today = written ?? { began: clock.monotonic(), bytes: await bytes(), lost: 0, written: 0 };
    return this.#today;
  }

  /** The day that an earlier server was in, if it is not over. */
  async #asWritten(): Promise<Today | undefined> {
    const { store, clock } = this.#options;
    const day = await store.load();
    if (day === undefined) return undefined;
    const now = clock.now();
    const age = Math.max(0, now - day.began);
    if (age > DAY_MS) return undefined;
    const { bytes, lost } = day;
    // The clock was set back: else each start would begin this day anew until the clock is there again.
    if (day.began > now) await store.save({ began: Math.round(now), bytes, lost });
    return { began: clock.monotonic() - age, bytes, lost, written: lost };
  }

  #age(today: Today): number {
    return this.#options.clock.monotonic() - today.began;
  }

  async #writeDown(today: Today, step: number): Promise<void> {
    // Of a day that is over nothing has to be known.
    while (today.written < today.lost && today === this.#today) {
      this.#writing ??= this.#write(today, step).finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  async #write(today: Today, step: number): Promise<void> {
    const lost = today.lost + step;
    // By the wall clock as it is now: it may have been set since the day began.
    const began = Math.max(0, Math.round(this.#options.clock.now() - this.#age(today)));
    await this.#options.store.save({ began, bytes: today.bytes, lost });
    today.written = lost;
  }
}

function tooMuch(most: number): NeoError {
  return new NeoError(
    'permission-denied',
    `the server gives up no more than ${formatBytes(most)} of this target within a day`,
    { hint: 'if that is what you want: neo target allow-loss NAME --for 1h' },
  );
}

/** In the row of a target. */
export function lossStore(db: Kysely<Tables>, target: string): LossStore {
  return {
    async load() {
      const row = await db
        .selectFrom('targets')
        .where('id', '=', target)
        .select(['loss_began', 'loss_bytes', 'loss_lost'])
        .executeTakeFirst();
      if (row === undefined || row.loss_began === null) return undefined;
      return { began: row.loss_began, bytes: row.loss_bytes, lost: row.loss_lost };
    },
    async save({ began, bytes, lost }) {
      const set = { loss_began: began, loss_bytes: bytes, loss_lost: lost };
      await db.updateTable('targets').where('id', '=', target).set(set).execute();
    },
  };
}
