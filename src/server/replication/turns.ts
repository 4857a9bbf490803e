/**
 * How often objects came and went (protocol/object-tree.ts). Written down of those that were ever removed; of all others that are there it is once.
 * It is kept from the time on that there is anybody to compare with.
 */
import type { Kysely, Transaction } from 'kysely';
import type { ObjectInfo } from '../../backends/backend.ts';
import { NeoError } from '../../core/errors.ts';
import type { Held } from '../../protocol/object-tree.ts';
import type { Tables } from '../database/tables.ts';

interface Storage {
  list(folder: string): AsyncIterable<ObjectInfo>;
  stat(path: string): Promise<ObjectInfo | undefined>;
}

export class Turns {
  readonly #db: Kysely<Tables>;
  #isKept = false;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** From now on. */
  keep(): void {
    this.#isKept = true;
  }

  /** What is known of a path; undefined: it was never here, or is lost and nobody removed it. */
  async heldAt(target: string, path: string, storage: Storage): Promise<Held | undefined> {
    const before = await written(this.#db, target, path);
    return heldBy(path, (await storage.stat(path))?.size, before);
  }

  /** All that is there, and all that was removed. */
  async *all(target: string, storage: Storage): AsyncGenerator<Held> {
    const rows = await this.#db.selectFrom('turns').where('target', '=', target).select(['path', 'turns']).execute();
    const before = new Map(rows.map(({ path, turns }) => [path, turns]));
    for await (const { path, size } of storage.list('')) {
      const held = heldBy(path, size, before.get(path));
      before.delete(path);
      if (held !== undefined) yield held;
    }
    for (const [path, turns] of before) {
      const held = heldBy(path, undefined, turns);
      if (held !== undefined) yield held;
    }
  }

  /**
   * Before it is there. One that is not there in the end is still gone.
   * @param turns as another server has told; by default one more than when it was removed
   * @throws NeoError already-exists when it was removed after that server had it
   */
  async coming(target: string, path: string, turns?: number): Promise<void> {
    if (!this.#isKept) return;
    const before = await written(this.#db, target, path);
    if (turns !== undefined && before !== undefined && turns < before) {
      throw new NeoError('already-exists', `${path} was there, and was removed since`);
    }
    const now = turns ?? (before === undefined || before % 2 === 1 ? 1 : before + 1);
    // Once needs no row.
    if (now > (before ?? 1)) await upsert(this.#db, target, path, now);
  }

  /** Before it goes. @param turns as another server has told; by default one more than while it was there */
  async writeGone(trx: Transaction<Tables>, target: string, path: string, turns?: number): Promise<void> {
    if (!this.#isKept) return;
    const before = (await written(trx, target, path)) ?? 1;
    // An even one: it was to go before, and the server ended meanwhile.
    const own = before % 2 === 1 ? before + 1 : before;
    await upsert(trx, target, path, Math.max(own, turns ?? 0));
  }
}

/**
 * By what is there and what was written: both coming and going are written down before they happen, so that one of which a crash has kept half is as it
 * was before.
 */
function heldBy(path: string, size: number | undefined, before: number | undefined): Held | undefined {
  if (size !== undefined) {
    const turns = before ?? 1;
    return { path, size, turns: turns % 2 === 1 ? turns : turns - 1 };
  }
  const turns = before ?? 0;
  const gone = turns % 2 === 0 ? turns : turns - 1;
  return gone === 0 ? undefined : { path, size: 0, turns: gone };
}

async function written(db: Kysely<Tables>, target: string, path: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('turns')
    .where('target', '=', target)
    .where('path', '=', path)
    .select('turns')
    .executeTakeFirst();
  return row?.turns;
}

async function upsert(db: Kysely<Tables>, target: string, path: string, turns: number): Promise<void> {
  await db
    .insertInto('turns')
    .values({ target, path, turns })
    .onConflict((conflict) => conflict.columns(['target', 'path']).doUpdateSet({ turns }))
    .execute();
}
