/** Copies of the database: one out of it, also while a server uses it, and one in its place, while none does. */
import { constants } from 'node:fs';
import { chmod, copyFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Kysely } from 'kysely';
import { syncFolder } from '../../backends/local-files.ts';
import { NeoError } from '../../core/errors.ts';
import { databaseError } from './errors.ts';
import { MIGRATIONS, pendingMigrations } from './migrations.ts';
import { backUp, damageAsSuch, exists, prepareForUse, syncFile, verify } from './open.ts';
import { Sqlite, sqliteDialect } from './sqlite.ts';
import type { Tables } from './tables.ts';

/** What SQLite may have beside a database. */
const BESIDE = ['-wal', '-journal', '-shm'] as const;

/**
 * As of one moment, into one new file of the owner's.
 * @throws NeoError failed when there is no database, integrity when it is damaged, already-exists
 */
export async function copyDatabase(path: string, to: string): Promise<void> {
  if (!(await exists(path))) {
    throw new NeoError('failed', `there is no database ${path}`, { hint: 'name the data folder: --data-root DIR' });
  }
  await using(path, async (db) => {
    await verify(db, path);
    await backUp(db, to);
  });
}

/**
 * Makes a copy of a copy, complete and checked, beside the place where it is to go; all targets are to be counted anew.
 * @param from may have beside it what SQLite had not written into it yet
 * @throws NeoError integrity, needs-newer-neo
 */
export async function prepareCopy(from: string, fresh: string): Promise<void> {
  if (!(await exists(from))) throw new NeoError('failed', `there is no database ${from}`);
  try {
    for (const end of ['', '-wal', '-journal']) {
      if (!(await exists(from + end))) continue;
      await copyFile(from + end, fresh + end, constants.COPYFILE_EXCL);
      await chmod(fresh + end, 0o600);
    }
    await using(fresh, async (db) => {
      await verify(db, from);
      await pendingMigrations(db, from, MIGRATIONS);
      await prepareForUse(db, from);
      await db.updateTable('targets').set({ is_open: 1 }).execute();
    });
    await syncFile(fresh);
  } catch (error) {
    await discardCopy(fresh);
    throw databaseError(error, `restore ${from}`);
  }
}

export async function discardCopy(fresh: string): Promise<void> {
  for (const end of ['', ...BESIDE]) await rm(fresh + end, { force: true });
}

/**
 * Puts what was prepared in place.
 * @param aside where the database goes that is there
 * @returns whether there was one
 */
export async function putInPlace(fresh: string, path: string, aside: string): Promise<boolean> {
  const wasThere = await exists(path);
  // With what belongs to it, so that it can be opened by its new name.
  for (const end of ['-wal', '-journal', '']) if (await exists(path + end)) await rename(path + end, aside + end);
  await rm(`${path}-shm`, { force: true });
  await rename(fresh, path);
  await syncFolder(dirname(path));
  return wasThere;
}

async function using(path: string, work: (db: Kysely<Tables>) => Promise<void>): Promise<void> {
  try {
    await damageAsSuch(path, async () => {
      const connection = new Sqlite(path);
      try {
        await work(new Kysely<Tables>({ dialect: sqliteDialect(connection) }));
      } finally {
        connection.close();
      }
    });
  } catch (error) {
    throw databaseError(error, `read the database ${path}`);
  }
}
