/** A folder for databases of a server, with what tests of them need. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Insertable, Kysely } from 'kysely';
import { expect } from 'vitest';
import { type ErrorCode, isNeoError, messageOf } from '../../src/core/errors.ts';
import { databaseError } from '../../src/server/database/errors.ts';
import { MIGRATIONS, type Migrations } from '../../src/server/database/migrations.ts';
import { type Database, openDatabase } from '../../src/server/database/open.ts';
import type { Tables } from '../../src/server/database/tables.ts';

export class DatabaseFolder {
  readonly folder: string;
  readonly path: string;
  readonly #opened: Database[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'server.db');
  }

  static async make(): Promise<DatabaseFolder> {
    return new DatabaseFolder(await mkdtemp(join(tmpdir(), 'neo-database-')));
  }

  async open(migrations: Migrations = MIGRATIONS, path = this.path): Promise<Database> {
    const database = await openDatabase(path, { migrations });
    this.#opened.push(database);
    return database;
  }

  /** Closes all and removes them. */
  async remove(): Promise<void> {
    for (const database of this.#opened) await database.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @returns message and hint */
export async function refused(action: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isNeoError(error) ? error.code : error).toBe(code);
  return `${messageOf(error)} ${isNeoError(error) ? error.hint : ''}`;
}

/** As a caller of `db` does it. */
export const ours = (action: Promise<unknown>): Promise<unknown> =>
  action.catch((error: unknown) => {
    throw databaseError(error, 'do it');
  });

export const account = (
  id: string,
  more: Partial<Insertable<Tables['accounts']>> = {},
): Insertable<Tables['accounts']> => ({
  id,
  name: `name-${id}`,
  parent: null,
  is_admin: 0,
  is_disabled: 0,
  expires: null,
  quota: null,
  per_object: 0,
  created: 1,
  kdf: null,
  verifier: null,
  totp: null,
  totp_new: null,
  totp_step: 0,
  recovery: '[]',
  byte_time: 0,
  metered: 1,
  ...more,
});
export const add = (db: Kysely<Tables>, ...rows: Insertable<Tables['accounts']>[]) =>
  db.insertInto('accounts').values(rows).execute();
export const names = async (db: Kysely<Tables>) =>
  (await db.selectFrom('accounts').select('name').orderBy('name').execute()).map(({ name }) => name);
export const settings = async ({ db }: Database) =>
  Object.fromEntries((await db.selectFrom('settings').selectAll().execute()).map(({ name, value }) => [name, value]));
export const count = async (db: Kysely<Tables>, table: keyof Tables) =>
  (
    await db
      .selectFrom(table)
      .select(({ fn }) => fn.countAll<number>().as('rows'))
      .executeTakeFirstOrThrow()
  ).rows;

export async function fill(db: Kysely<Tables>): Promise<void> {
  await add(db, account('a'), account('b'), account('c', { parent: 'a' }));
  const common = { role: 'write', created: 1 } as const;
  await db
    .insertInto('targets')
    .values({ id: 't', account: 'a', name: 'home', created: 1, bytes: 0, objects: 0, is_open: 0 })
    .execute();
  await db
    .insertInto('devices')
    .values({ id: 'd', account: 'a', name: 'x', key: 'k', seen: null, revoked: null, ...common })
    .execute();
  const token = { account: 'b', name: '', target: 't', expires: null, revoked: null, ...common };
  await db
    .insertInto('tokens')
    .values([
      { id: 'o', hash: 'h', ...token },
      { id: 'p', hash: 'i', ...token, target: null },
    ])
    .execute();
  await db
    .insertInto('codes')
    .values([
      { hash: 'c', account: 'a', until: 2, ...common },
      { hash: 'e', account: null, until: 2, ...common },
    ])
    .execute();
  await db
    .insertInto('grants')
    .values({ target: 't', account: 'b', share: '', expires: null, ...common })
    .execute();
}
