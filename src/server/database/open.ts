/**
 * The server's database, one SQLite file: made whole or not at all, opened by one server at a time, checked before it is believed. Beside it
 * lie `.lock`, which stays, and `.before-0002` and the like: what it was before a newer neo changed its tables.
 */
import { constants } from 'node:fs';
import { access, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Kysely, sql } from 'kysely';
import { isAbsent, syncFolder } from '../../backends/local-files.ts';
import { toHex } from '../../core/bytes.ts';
import { NeoError, systemCode } from '../../core/errors.ts';
import {
  BRING_BACK,
  databaseError,
  primaryCode,
  resultCode,
  SQLITE_BUSY,
  SQLITE_ERROR,
  SQLITE_READONLY,
} from './errors.ts';
import { MIGRATIONS, type Migrations, migrate, pendingMigrations } from './migrations.ts';
import { holdLock, Sqlite, sqliteDialect } from './sqlite.ts';
import type { Tables } from './tables.ts';

export interface Database {
  /** Its errors are SQLite's own: `databaseError` makes ours of them. One transaction at a time; others wait. */
  readonly db: Kysely<Tables>;
  /** Waits for what is under way, and lets others in. Of no effect the second time. */
  close(): Promise<void>;
  /**
   * A copy in one new file that nobody else can read, as of one moment.
   * @throws NeoError already-exists when there is a file of that name
   */
  backup(to: string): Promise<void>;
}

export interface DatabaseOptions {
  /** For tests. */
  readonly migrations?: Migrations;
}

/**
 * Opens the database, and makes it when there is none in that folder.
 * @throws NeoError permission-denied, also when group or others can get at it; integrity when it is damaged; needs-newer-neo; no-space;
 * failed when another server uses it
 */
export async function openDatabase(path: string, options: DatabaseOptions = {}): Promise<Database> {
  try {
    const real = await realPath(path);
    await refuseOpenToOthers(dirname(real), '700');
    const unlock = await lock(real);
    try {
      return await openLocked(real, options.migrations ?? MIGRATIONS, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  } catch (error) {
    throw databaseError(error, `open the database ${path}`);
  }
}

/** So that a database has one lock, by whatever name it is opened. */
export async function realPath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return join(await realpath(dirname(absolute)), basename(absolute));
  }
}

export async function refuseOpenToOthers(path: string, mode: '600' | '700'): Promise<void> {
  // Windows has lists of its own, and these bits mean nothing there.
  if (process.platform === 'win32' || ((await stat(path)).mode & 0o066) === 0) return;
  throw new NeoError('permission-denied', `${path} can be read or changed by others than its owner`, {
    hint: `Whoever reads the database knows all accounts. Run: chmod ${mode} ${path}`,
  });
}

/** @throws NeoError failed when another server has it */
export async function lock(path: string): Promise<() => void> {
  const file = `${path}.lock`;
  await makePrivate(file).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  try {
    return holdLock(file);
  } catch (cause) {
    if (primaryCode(cause) !== SQLITE_BUSY) throw cause;
    throw new NeoError('failed', `another server uses the database ${path}`, {
      hint: 'End that server first. The lock goes with its process; the file of the lock is not to be removed.',
      cause,
    });
  }
}

/** An empty file of the owner's. Never opens one that is there: the lock of a connection to it would be gone. */
async function makePrivate(path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** What SQLite left beside a database, to finish or undo what a kill interrupted. */
async function logOf(path: string): Promise<string | undefined> {
  for (const log of [`${path}-wal`, `${path}-journal`]) if (await exists(log)) return log;
  return undefined;
}

async function openLocked(path: string, migrations: Migrations, unlock: () => void): Promise<Database> {
  if (!(await exists(path))) await makeDatabase(path, migrations);
  const stats = await stat(path);
  if (!stats.isFile()) throw new NeoError('failed', `${path} is not a file`);
  await refuseOpenToOthers(path, '600');
  await access(path, constants.R_OK | constants.W_OK);
  // No page of SQLite ends elsewhere. The log mends a page that a kill left half written.
  if (stats.size % 512 !== 0 && (await logOf(path)) === undefined) throw damaged(path);
  const connection = await damageAsSuch(path, async () => new Sqlite(path, unlock));
  try {
    const db = new Kysely<Tables>({ dialect: sqliteDialect(connection) });
    await damageAsSuch(path, () => verify(db, path));
    await bringUpToDate(db, path, migrations);
    await damageAsSuch(path, () => prepareForUse(db, path));
    return { db, close: once(() => closeDatabase(db)), backup: (to) => backUp(db, to) };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Whatever it is, a start that was interrupted leaves nothing under the name of the database. */
async function makeDatabase(path: string, migrations: Migrations): Promise<void> {
  const log = await logOf(path);
  // SQLite would put what was written to the old database into the new one.
  if (log !== undefined)
    throw new NeoError('integrity', `${path} is missing, but ${log}, which belongs to it, is there`, {
      hint: BRING_BACK,
    });
  const fresh = `${path}.new`;
  for (const end of ['', '-journal', '-wal', '-shm']) await rm(fresh + end, { force: true });
  await makePrivate(fresh);
  const connection = new Sqlite(fresh);
  try {
    const db = new Kysely<Tables>({ dialect: sqliteDialect(connection) });
    await migrate(db, path, migrations);
    const pepper = toHex(crypto.getRandomValues(new Uint8Array(32)));
    const settings = { site: crypto.randomUUID(), pepper };
    const rows = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await db.insertInto('settings').values(rows).execute();
  } finally {
    connection.close();
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
}

/**
 * The file is there and may be written: whatever SQLite does not understand of it is damage, such as a table that is not there, or a mark
 * that says it is to be read only.
 */
export async function damageAsSuch<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    const code = resultCode(cause);
    if (primaryCode(cause) !== SQLITE_ERROR && code !== SQLITE_READONLY) throw cause;
    throw damaged(path, cause);
  }
}

function damaged(path: string, cause?: unknown): NeoError {
  return new NeoError('integrity', `the database ${path} is damaged`, { hint: BRING_BACK, cause });
}

/** Reads all of it; changes nothing. */
export async function verify(db: Kysely<Tables>, path: string): Promise<void> {
  await sql`pragma cell_size_check = on`.execute(db);
  const { rows } = await sql<{ quick_check: string }>`pragma quick_check(1)`.execute(db);
  if (rows[0]?.quick_check !== 'ok') throw damaged(path, rows[0]?.quick_check);
}

async function bringUpToDate(db: Kysely<Tables>, path: string, migrations: Migrations): Promise<void> {
  const [first] = await damageAsSuch(path, () => pendingMigrations(db, path, migrations));
  if (first === undefined) return;
  // In place of one of an earlier try: a server that is started again and again must not fill the disk.
  await copyTo(db, `${path}.before-${first}`);
  await migrate(db, path, migrations);
}

const SETTINGS: ReadonlyMap<string, RegExp> = new Map([
  ['site', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ['pepper', /^[0-9a-f]{64}$/],
]);

export async function prepareForUse(db: Kysely<Tables>, path: string): Promise<void> {
  const rows = await db.selectFrom('settings').selectAll().execute();
  const settings = new Map(rows.map(({ name, value }) => [name, value]));
  for (const [name, form] of SETTINGS) if (!form.test(settings.get(name) ?? '')) throw damaged(path);
  await sql`pragma journal_mode = wal`.execute(db);
  await sql`pragma synchronous = full`.execute(db);
  // macOS: a plain fsync does not reach the medium.
  await sql`pragma fullfsync = on`.execute(db);
}

async function closeDatabase(db: Kysely<Tables>): Promise<void> {
  await db.connection().execute(async () => undefined);
  await db.destroy();
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= action();
    return done;
  };
}

export async function backUp(db: Kysely<Tables>, to: string): Promise<void> {
  const path = resolve(to);
  try {
    await makePrivate(path);
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') throw new NeoError('already-exists', `${to} is there already`, { cause });
    throw databaseError(cause, `back up the database to ${to}`);
  }
  try {
    await copyTo(db, path);
  } catch (error) {
    await rm(path, { force: true });
    throw databaseError(error, `back up the database to ${to}`);
  }
}

/** @param to absolute; replaced when it is there, whole or not at all */
async function copyTo(db: Kysely<Tables>, to: string): Promise<void> {
  const temporary = `${to}.${crypto.randomUUID()}.tmp`;
  try {
    await makePrivate(temporary);
    await sql`vacuum into ${temporary}`.execute(db);
    await syncFile(temporary);
    await rename(temporary, to);
    await syncFolder(dirname(to));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** SQLite does not wait for the medium when it makes a copy. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
