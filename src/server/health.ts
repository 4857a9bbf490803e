/** Whether the server can do its work: looked at once a second at most, whoever asks however often. */
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import type { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import type { Tables } from './database/tables.ts';
import type { Log } from './log.ts';
import type { TargetStorage } from './storage/storage.ts';

export interface HealthOptions {
  readonly db: Kysely<Tables>;
  readonly dataRoot: string;
  readonly storage: TargetStorage;
  readonly clock: Clock;
  readonly log: Log;
}

const KEPT_MS = 1_000;

export class Health {
  readonly #options: HealthOptions;
  #looked = Number.NEGATIVE_INFINITY;
  #found: Promise<boolean> = Promise.resolve(true);
  /** What was wrong last: told once. */
  #told: string | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Anybody may ask, and is not told what is wrong. @throws NeoError unreachable */
  async check(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#looked >= KEPT_MS) {
      this.#looked = now;
      this.#found = this.#look();
    }
    if (!(await this.#found)) throw new NeoError('unreachable', 'the server cannot do its work: its log says why');
  }

  async #look(): Promise<boolean> {
    const { db, dataRoot, storage, log } = this.#options;
    try {
      await db.selectFrom('settings').select('name').limit(1).execute();
      await access(dataRoot, constants.W_OK);
      const { bavail } = await statfs(dataRoot);
      if (bavail === 0) throw new NeoError('no-space', `no space is left in ${dataRoot}`);
      await storage.check();
      this.#told = undefined;
      return true;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#told) log('unhealthy', { reason });
      this.#told = reason;
      return false;
    }
  }
}
