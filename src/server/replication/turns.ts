/**
 * How often objects came and went (protocol/object-tree.ts). Written down of those that were ever removed; of all others that are there it is once.
 * It is kept from the time on that there is anybody to compare with.
 */
import type { Kysely, Transaction } from 'kysely';
import type { ObjectInfo } from '../../backends/backend.ts';
import type { Held } from '../../protocol/object-tree.ts';
import type { Tables } from '../database/tables.ts';

type Storage = {
  list(folder: string): AsyncIterable<ObjectInfo>;
  stat(path: string): Promise<ObjectInfo | undefined>;
};

export class Turns {
  readonly #db: Kysely<Tables>;
  /** Written down as gone, and not gone yet. */
  readonly #leaving = new Set<string>();
  #isKept = false;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  get isKept(): boolean {
    return this.#isKept;
  }

  /** From now on. */
  keep(): void {
    this.#isKept = true;
  }

  /** What is known of a path; undefined: it was never here, or is lost and nobody removed it. */
  async heldAt(target: string, path: string, storage: Storage): Promise<Held | undefined> {
    const row = await this.#written(target, path);
    return this.#held(target, path, (await storage.stat(path))?.size, row);
  }

  /** All that is there, and all that was removed. */
  async *all(target: string, storage: Storage): AsyncGenerator<Held> {
    const rows = await this.#db.selectFrom('turns').where('target', '=', target).select(['path', 'turns']).execute();
    const written = new Map(rows.map(({ path, turns }) => [path, turns]));
    for await (const { path, size } of storage.list('')) {
      const held = this.#held(target, path, size, written.get(path));
      written.delete(path);
      if (held !== undefined) yield held;
    }
    for (const [path, turns] of written) {
      const held = this.#held(target, path, undefined, turns);
      if (held !== undefined) yield held;
    }
  }

  /** What is there counts, whatever was written down before a crash: it is never taken for gone. */
  #held(target: string, path: string, size: number | undefined, written: number | undefined): Held | undefined {
    if (size !== undefined && !this.#leaving.has(keyOf(target, path))) {
      const turns = written ?? 1;
      return { path, size, turns: turns % 2 === 1 ? turns : turns + 1 };
    }
    const turns = written ?? 0;
    const gone = turns % 2 === 0 ? turns : turns - 1;
    return gone === 0 ? undefined : { path, size: 0, turns: gone };
  }

  /** It is there now. @param turns as another server has told; by default one more than when it was removed */
  async came(target: string, path: string, turns?: number): Promise<void> {
    if (!this.#isKept) return;
    const before = await this.#written(target, path);
    const now = turns ?? (before === undefined || before % 2 === 1 ? undefined : before + 1);
    // Once needs no row.
    if (now === undefined || now <= (before ?? 1)) return;
    await upsert(this.#db, target, path, now);
  }

  /** It is about to go: until {@link left} nobody is told that it is there. */
  leaving(target: string, path: string): void {
    this.#leaving.add(keyOf(target, path));
  }

  /** It has gone, or could not: then it is there. */
  left(target: string, path: string): void {
    this.#leaving.delete(keyOf(target, path));
  }

  /** What is about to go. @param turns as another server has told; by default one more than while it was there */
  async writeGone(trx: Transaction<Tables>, target: string, path: string, turns?: number): Promise<void> {
    if (!this.#isKept) return;
    const before = (await written(trx, target, path)) ?? 1;
    // One that was there though an even number was written: what could not go the last time.
    const own = before % 2 === 1 ? before + 1 : before + 2;
    await upsert(trx, target, path, Math.max(own, turns ?? 0));
  }

  #written(target: string, path: string): Promise<number | undefined> {
    return written(this.#db, target, path);
  }
}

function keyOf(target: string, path: string): string {
  return `${target}/${path}`;
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
