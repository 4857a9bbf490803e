/** What is published in targets and removed from them, as entries of the ledger. */
import { setTimeout } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/tables.ts';
import type { Place } from '../places.ts';
import type { Turns } from '../replication/turns.ts';
import type { Ledger } from './ledger.ts';

/** Whose request it is: his account, and how he is called. */
export interface Doer {
  readonly account: string;
  readonly by: string;
}

interface Removed {
  readonly path: string;
  readonly size: number;
  /** As another server has told (replication/turns.ts). */
  readonly turns: number | undefined;
}

interface Batch {
  readonly objects: Removed[];
  readonly written: Promise<void>;
}

/** Milliseconds for which an entry waits for others that are about to come. */
const LINGER_MS = 3;
/** What one entry holds. */
const MOST_TOGETHER = 1000;
const SNAPSHOTS = 'snapshots/';

export class Deeds {
  readonly #ledger: Ledger;
  readonly #turns: Turns;
  /** Those that may still grow, by target and doer. */
  readonly #open = new Map<string, Batch>();
  #last: Promise<unknown> = Promise.resolve();
  /** Removals that are written down, and under way: who asked for one of them will soon ask for the next. */
  #underWay = 0;

  constructor(ledger: Ledger, turns: Turns) {
    this.#ledger = ledger;
    this.#turns = turns;
  }

  /** An object is there, durably. Of snapshots whoever put it is told only when that is written down. */
  async published(place: Place, { account, by }: Doer, path: string, size: number, isNew: boolean): Promise<void> {
    if (!path.startsWith(SNAPSHOTS)) return;
    const subject = `${place.id}/${path}`;
    // Whoever put it first may not have come that far.
    if (!isNew && (await this.#ledger.knows(subject))) return;
    const content = { owner: place.owner.name, target: place.name, by, path, size };
    await this.#ledger.record({ kind: 'snapshot', content, readers: [place.owner.id, account], subject });
  }

  /** An object is about to go. What goes while others are written down goes into one entry. To be followed by {@link removed}. */
  async removing(place: Place, doer: Doer, path: string, size: number, turns?: number): Promise<void> {
    await this.#batchOf(place, doer, { path, size, turns }).written;
    this.#underWay += 1;
  }

  /** It has gone, or could not. */
  removed(): void {
    this.#underWay -= 1;
  }

  #batchOf(place: Place, doer: Doer, removed: Removed): Batch {
    const key = `${place.id} ${doer.by}`;
    const known = this.#open.get(key);
    const batch = known === undefined || known.objects.length >= MOST_TOGETHER ? this.#begin(key, place, doer) : known;
    batch.objects.push(removed);
    return batch;
  }

  #begin(key: string, place: Place, { account, by }: Doer): Batch {
    const objects: Removed[] = [];
    const write = async (): Promise<void> => {
      if (this.#open.get(key)?.objects === objects) this.#open.delete(key);
      const removed = objects.map(({ path, size }) => [path, size]);
      const content = { owner: place.owner.name, target: place.name, by, objects: removed };
      const also = async (trx: Transaction<Tables>): Promise<void> => {
        for (const { path, turns } of objects) await this.#turns.writeGone(trx, place.id, path, turns);
      };
      await this.#ledger.record({ kind: 'removal', content, readers: [place.owner.id, account], also });
    };
    const written = this.#last.then(() => (this.#underWay > 0 ? setTimeout(LINGER_MS) : undefined)).then(write);
    this.#last = written.catch(() => undefined);
    const batch = { objects, written };
    this.#open.set(key, batch);
    return batch;
  }
}
