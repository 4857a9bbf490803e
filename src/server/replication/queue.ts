/**
 * What replicas are still to be told, durably: nothing is dropped but what was told. What cannot be written down, or may have been lost by a crash, is
 * found by comparing all.
 */
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../../core/clock.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { Tables } from '../database/tables.ts';

/** Something came or went. */
export interface News {
  readonly target: string;
  readonly path: string;
  readonly action: 'put' | 'remove';
  /** Site of the server to which a client gave it. */
  readonly origin: string;
  /** Site of the server that has told; undefined: a client. */
  readonly via: string | undefined;
}

export interface Queued {
  readonly seq: number;
  readonly target: string;
  readonly path: string;
  readonly action: 'put' | 'remove';
  readonly origin: string;
  readonly tries: number;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Backlog {
  readonly queued: number;
  /** When the oldest came, milliseconds since 1970. */
  readonly since: number | null;
  /** Why one of them was refused. */
  readonly error: string | null;
}

/** What is read at once. */
export const MOST_AT_ONCE = 300;
const CLEAN = 'replication-clean';
/** What rests on others, in these folders, waits for an object that is damaged here no longer than it was tried so often. */
const MOST_TRIES = 5;
export const MARKS = 'tombs/';
export const LATE = ['snapshots/', 'shares/', 'removals/', MARKS] as const;
/** Later than any pause: the clock was set back. */
const TOO_LATE_MS = 2 * 3_600_000;

export interface QueueOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
  /** Told when there is something for a replica. */
  readonly ring: (replica: string) => void;
  /** Told when something could not be written down. */
  readonly onGap: () => void;
}

interface Known {
  readonly id: string;
  readonly site: string;
}

export class Queue {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  /** Told when there is something for a replica. */
  readonly #ring: (replica: string) => void;
  /** Told when something could not be written down. */
  readonly #onGap: () => void;
  #replicas: readonly Known[] = [];
  #waiting: News[] = [];
  #writing: Promise<void> | undefined;
  #isWhole = true;

  private constructor({ db, clock, onFault, ring, onGap }: QueueOptions) {
    this.#db = db;
    this.#clock = clock;
    this.#onFault = onFault;
    this.#ring = ring;
    this.#onGap = onGap;
  }

  /** Where the server did not end in good order, all has to be compared. */
  static async open(options: QueueOptions): Promise<Queue> {
    const queue = new Queue(options);
    await options.db.transaction().execute(async (trx) => {
      const { numDeletedRows } = await trx.deleteFrom('settings').where('name', '=', CLEAN).executeTakeFirst();
      if (numDeletedRows === 0n) await trx.updateTable('replicas').set({ compared: null }).execute();
    });
    await queue.readReplicas();
    return queue;
  }

  /** They are others now. */
  async readReplicas(): Promise<void> {
    this.#replicas = await this.#db.selectFrom('replicas').select(['id', 'site']).execute();
  }

  get hasReplicas(): boolean {
    return this.#replicas.length > 0;
  }

  /** Written down soon, together with what else comes; nobody waits for it. */
  add(news: News): void {
    if (this.#replicas.length === 0) return;
    this.#waiting.push(news);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** All that was added is written down, or is to be found by comparing. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        await this.#insert(together);
      } catch (error) {
        this.#onFault(error);
        this.#isWhole = false;
        this.#onGap();
      }
    }
  }

  async #insert(together: readonly News[]): Promise<void> {
    const replicas = this.#replicas;
    const told = new Set<string>();
    await this.#db.transaction().execute(async (trx) => {
      for (const { id, site } of replicas) {
        // Who has it already is not told.
        const news = together.filter(({ origin, via }) => origin !== site && via !== site);
        if (news.length > 0) told.add(id);
        await this.#insertFor(trx, id, news);
      }
    });
    for (const id of told) this.#ring(id);
  }

  /** For one replica, in this order. */
  async insertFor(replica: string, news: readonly Omit<News, 'via'>[]): Promise<void> {
    await this.#db.transaction().execute((trx) => this.#insertFor(trx, replica, news));
  }

  async #insertFor(trx: Kysely<Tables>, replica: string, news: readonly Omit<News, 'via'>[]): Promise<void> {
    const since = Math.round(this.#clock.now());
    for (const { target, path, action, origin } of news) {
      const row = { replica, target, path, action, origin, since, due: 0, tries: 0, error: null, code: null };
      // A new number: what is being sent may be what was there before.
      await sql`delete from replica_queue where replica = ${replica} and target = ${target} and path = ${path}`.execute(
        trx,
      );
      // The target may be gone by now.
      const { target: known } = row;
      const isThere = await trx.selectFrom('targets').where('id', '=', known).select('id').executeTakeFirst();
      if (isThere !== undefined) await trx.insertInto('replica_queue').values(row).execute();
    }
  }

  /** What is due, of one target, the oldest first. */
  async next(replica: string): Promise<Queued[]> {
    const first = await this.#due(replica).limit(1).executeTakeFirst();
    if (first === undefined) return [];
    return this.#due(replica).where('target', '=', first.target).limit(MOST_AT_ONCE).execute();
  }

  #due(replica: string) {
    const now = Math.round(this.#clock.now());
    return this.#db
      .selectFrom('replica_queue')
      .where('replica', '=', replica)
      .where((eb) => eb.or([eb('due', '<=', now), eb('due', '>', now + TOO_LATE_MS)]))
      .select(['seq', 'target', 'path', 'action', 'origin', 'tries'])
      .orderBy('seq');
  }

  /**
   * Whether something is still to be put that is older than what waits, and on which that may rest.
   * @param waiting numbers, at least one
   */
  async hasEarlyPut(replica: string, target: string, waiting: readonly number[]): Promise<boolean> {
    const rows = await this.#db
      .selectFrom('replica_queue')
      .where('replica', '=', replica)
      .where('target', '=', target)
      .where('action', '=', 'put')
      .where('seq', '<', Math.max(...waiting))
      // What was to be put, and is gone by now, waits itself.
      .where('seq', 'not in', waiting)
      // What is damaged here will never come, and what rests on it is as it is here.
      .where((eb) => eb.or([eb('tries', '<', MOST_TRIES), eb('code', 'is', null), eb('code', '!=', 'integrity')]))
      .where((eb) => eb.and(LATE.map((folder) => eb('path', 'not like', `${folder}%`))))
      .select('seq')
      .limit(1)
      .execute();
    return rows.length > 0;
  }

  /** Whether something else than lists of marks is still to be removed. */
  async hasRemoval(replica: string, target: string): Promise<boolean> {
    const rows = await this.#db
      .selectFrom('replica_queue')
      .where('replica', '=', replica)
      .where('target', '=', target)
      .where('action', '=', 'remove')
      .where('path', 'not like', `${MARKS}%`)
      .select('seq')
      .limit(1)
      .execute();
    return rows.length > 0;
  }

  /** When the next is due, milliseconds since 1970; undefined: there is none. */
  async nextDue(replica: string): Promise<number | undefined> {
    const { due } = await this.#db
      .selectFrom('replica_queue')
      .where('replica', '=', replica)
      .select(({ fn }) => fn.min<number | null>('due').as('due'))
      .executeTakeFirstOrThrow();
    return due ?? undefined;
  }

  async done(seqs: readonly number[]): Promise<void> {
    if (seqs.length > 0) await this.#db.deleteFrom('replica_queue').where('seq', 'in', seqs).execute();
  }

  /** To be tried again after so many milliseconds. @param refusal null: it was not refused */
  async later(seqs: readonly number[], milliseconds: number, refusal: Refusal | null): Promise<void> {
    if (seqs.length === 0) return;
    await this.#db
      .updateTable('replica_queue')
      .where('seq', 'in', seqs)
      .set((eb) => ({
        due: Math.round(this.#clock.now() + milliseconds),
        tries: refusal === null ? eb.ref('tries') : eb('tries', '+', 1),
        error: refusal?.message ?? null,
        code: refusal?.code ?? null,
      }))
      .execute();
  }

  /** All of a replica is due now. */
  async hurry(replica: string): Promise<void> {
    await this.#db.updateTable('replica_queue').where('replica', '=', replica).set({ due: 0 }).execute();
  }

  async backlog(replica: string): Promise<Backlog> {
    const { queued, since } = await this.#db
      .selectFrom('replica_queue')
      .where('replica', '=', replica)
      .select(({ fn }) => [fn.countAll<number>().as('queued'), fn.min<number | null>('since').as('since')])
      .executeTakeFirstOrThrow();
    const refused = await this.#db
      .selectFrom('replica_queue')
      .where('replica', '=', replica)
      .where('error', 'is not', null)
      .select('error')
      .orderBy('seq')
      .limit(1)
      .executeTakeFirst();
    return { queued, since, error: refused?.error ?? null };
  }

  /** Nothing is added any more. */
  async close(): Promise<void> {
    await this.settled();
    if (!this.#isWhole) return;
    await this.#db.insertInto('settings').values({ name: CLEAN, value: '1' }).execute();
  }
}
