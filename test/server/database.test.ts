/** The server's database: its tables, transactions, changes of tables, and backups. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS, type Migrations } from '../../src/server/database/migrations.ts';
import type { Tables } from '../../src/server/database/tables.ts';
import {
  account,
  add,
  count,
  DatabaseFolder,
  fill,
  names,
  ours,
  refused,
  settings,
} from '../support/server-database.ts';

let at: DatabaseFolder;
let folder: string;
let path: string;
const open: DatabaseFolder['open'] = (...of) => at.open(...of);

beforeEach(async () => {
  at = await DatabaseFolder.make();
  ({ folder, path } = at);
});
afterEach(() => at.remove());

describe('a database', () => {
  it('is made whole, for nobody else to read, and is the same when it is opened again', async () => {
    const first = await open();
    const made = await settings(first);
    expect(made).toEqual({
      site: expect.stringMatching(/^[0-9a-f-]{36}$/),
      pepper: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    await add(first.db, account('a'));
    for (const file of await readdir(folder)) expect((await stat(join(folder, file))).mode & 0o777, file).toBe(0o600);
    await first.close();
    await first.close();
    expect((await readdir(folder)).sort()).toEqual(['server.db', 'server.db.lock']);
    const second = await open();
    expect(await settings(second)).toEqual(made);
    expect(await names(second.db)).toEqual(['name-a']);
  });

  it('is set up so that what was committed stays, and that rows point at something', async () => {
    const { db } = await open();
    const value = async (name: string) =>
      Object.values((await sql<object>`pragma ${sql.raw(name)}`.execute(db)).rows[0] ?? {})[0];
    expect(await value('journal_mode')).toBe('wal');
    expect(await value('synchronous')).toBe(2);
    expect(await value('foreign_keys')).toBe(1);
    const { rows } = await sql<{
      name: string;
      strict: number;
    }>`select name, strict from pragma_table_list where type = 'table'`.execute(db);
    const strict = rows.filter((row) => row.strict === 1).map(({ name }) => name);
    const tables = ['accounts', 'audit', 'codes', 'config', 'devices', 'grants', 'settings', 'targets', 'tokens'];
    const ledger = ['ledger', 'ledger_nodes', 'ledger_readers'];
    const replication = ['replica_heads', 'replica_queue', 'replicas', 'turns', 'removed_targets'];
    expect(strict.sort()).toEqual([...tables, ...ledger, ...replication].sort());
  });

  it('that was left half made by a kill is made anew', async () => {
    await writeFile(`${path}.new`, 'rubbish', { mode: 0o600 });
    await writeFile(`${path}.new-wal`, 'rubbish', { mode: 0o600 });
    expect(await names((await open()).db)).toEqual([]);
  });
});

describe('its tables', () => {
  it.each([
    ['a name that is there', account('z', { name: 'name-a' }), 'already-exists'],
    ['an id that is there', account('a', { name: 'z' }), 'already-exists'],
    ['a parent that is not', account('z', { parent: 'nobody' }), 'failed'],
    ['a flag of 2', account('z', { is_admin: 2 }), 'failed'],
    ['a negative quota', account('z', { quota: -1 }), 'failed'],
    ['half a byte', account('z', { quota: 0.5 }), 'failed'],
    ['2^53', account('z', { quota: 2 ** 53 }), 'failed'],
    ['no number', account('z', { quota: Number.NaN }), 'failed'],
    ['endless time', account('z', { byte_time: Number.POSITIVE_INFINITY }), 'failed'],
  ] as const)('refuse %s', async (_what, row, code) => {
    const { db } = await open();
    await fill(db);
    await refused(ours(add(db, row)), code);
    expect(await count(db, 'accounts')).toBe(3);
  });

  it('refuse a sum beyond 2^53 instead of rounding it, written or read', async () => {
    const { db } = await open();
    await add(db, account('a', { quota: Number.MAX_SAFE_INTEGER, per_object: 2 }));
    const plus = (by: number) =>
      db
        .updateTable('accounts')
        .set(({ eb }) => ({ quota: eb('quota', '+', by) }))
        .execute();
    await refused(ours(plus(2)), 'failed');
    await refused(
      ours(db.selectFrom('accounts').select(sql<number>`quota + per_object`.as('sum')).execute()),
      'failed',
    );
    await plus(-1);
    expect((await db.selectFrom('accounts').select('quota').executeTakeFirstOrThrow()).quota).toBe(
      Number.MAX_SAFE_INTEGER - 1,
    );
  });

  it('let go of what belongs to an account, and of nothing else', async () => {
    const { db } = await open();
    await fill(db);
    await db.deleteFrom('accounts').where('id', '=', 'a').execute();
    expect(await names(db)).toEqual(['name-b']);
    for (const table of ['devices', 'targets', 'grants'] as const) expect(await count(db, table), table).toBe(0);
    expect(await db.selectFrom('tokens').select('id').execute()).toEqual([{ id: 'p' }]);
    expect(await db.selectFrom('codes').select('hash').execute()).toEqual([{ hash: 'e' }]);
  });

  it('never give a number of the audit log twice', async () => {
    const { db } = await open();
    const entry = { time: 1, account: null, device: null, action: 'x', detail: '{}' };
    await db.insertInto('audit').values([entry, entry]).execute();
    await db.deleteFrom('audit').execute();
    const { seq } = await db.insertInto('audit').values(entry).returning('seq').executeTakeFirstOrThrow();
    expect(seq).toBe(3);
  });

  it('give back what was written', async () => {
    const { db } = await open();
    const text = fc.string({ unit: 'grapheme' });
    const whole = fc.maxSafeNat();
    const row = fc.record({
      name: text,
      expires: fc.option(whole),
      quota: fc.option(whole),
      created: whole,
      kdf: fc.option(text),
      recovery: text,
      byte_time: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    });
    await fc.assert(
      fc.asyncProperty(row, async (some) => {
        const written = account('x', some);
        await db.deleteFrom('accounts').execute();
        await add(db, written);
        expect({ ...(await db.selectFrom('accounts').selectAll().executeTakeFirstOrThrow()) }).toEqual({
          ...written,
          is_held: 0,
          is_replica: 0,
          reaches_all: 0,
          is_copy: 0,
        });
      }),
    );
  });

  it('find one of 10,000 accounts by its name, and devices by account, without reading all', async () => {
    const { db } = await open();
    const began = performance.now();
    await db.transaction().execute(async (all) => {
      for (let n = 0; n < 10_000; n += 100)
        await add(all, ...Array.from({ length: 100 }, (_, i) => account(`${n + i}`)));
    });
    for (let n = 0; n < 10_000; n++) {
      const found = await db.selectFrom('accounts').select('id').where('name', '=', `name-${n}`).executeTakeFirst();
      if (found?.id !== `${n}`) expect.fail(`name-${n} is ${found?.id}`);
    }
    expect(performance.now() - began).toBeLessThan(30_000);
    for (const table of ['devices', 'tokens', 'codes', 'targets', 'grants'] as const) {
      const plan = await db
        .selectFrom(table)
        .selectAll()
        .where('account', '=', 'x')
        .explain(undefined, sql`query plan`);
      expect(JSON.stringify(plan), table).toContain('USING INDEX');
    }
  });
});

describe('a transaction', () => {
  it('leaves nothing when it fails, and others wait for it', async () => {
    const { db } = await open();
    const failing = db.transaction().execute(async (transaction) => {
      await add(transaction, account('a'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('no');
    });
    const other = add(db, account('b'));
    await expect(failing).rejects.toThrow('no');
    await other;
    expect(await names(db)).toEqual(['name-b']);
  });

  it('says that the disk is full, leaves nothing, and works again when there is space', async () => {
    const { db } = await open();
    await add(db, account('a'));
    await sql`pragma max_page_count = ${sql.lit(60)}`.execute(db);
    const many = () =>
      db.transaction().execute(async (transaction) => {
        for (let n = 0; n < 300; n++) await add(transaction, account(`b${n}`, { recovery: 'x'.repeat(1000) }));
      });
    expect(await refused(ours(many()), 'no-space')).toContain('no space left');
    expect(await names(db)).toEqual(['name-a']);
    await sql`pragma max_page_count = ${sql.lit(1_000_000)}`.execute(db);
    await many();
    expect(await count(db, 'accounts')).toBe(301);
  });

  it('is waited for when the database is closed', async () => {
    const database = await open();
    const slow = database.db.transaction().execute(async (transaction) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await add(transaction, account('a'));
    });
    await Promise.all([slow, database.close()]);
    await refused(ours(add(database.db, account('b'))), 'failed');
    expect(await names((await open()).db)).toEqual(['name-a']);
  });
});

describe('tables of another neo', () => {
  const NEXT = '9999';
  const more = (up: (db: Kysely<Tables>) => Promise<unknown>): Migrations => ({
    ...MIGRATIONS,
    [NEXT]: { up: async (db: Kysely<Tables>) => void (await up(db)) },
  });
  const addColumn = more((db) => db.schema.alterTable('accounts').addColumn('colour', 'text').execute());

  it('that is newer are refused, and not touched', async () => {
    await (await open(addColumn)).close();
    const before = await readFile(path);
    expect(await refused(open(), 'needs-newer-neo')).toContain(path);
    expect(await readFile(path)).toEqual(before);
    expect((await readdir(folder)).sort()).toEqual(['server.db', 'server.db.lock']);
    await open(addColumn);
  });

  it('are changed after a backup, with which the older neo goes on', async () => {
    const first = await open();
    const made = await settings(first);
    await fill(first.db);
    await first.close();
    const second = await open(addColumn);
    expect(await sql`select colour from accounts`.execute(second.db)).toMatchObject({ rows: { length: 3 } });
    const kept = `${path}.before-${NEXT}`;
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    const older = await open(MIGRATIONS, kept);
    expect(await settings(older)).toEqual(made);
    expect(await count(older.db, 'devices')).toBe(1);
  });

  it.each(Object.keys(MIGRATIONS).slice(0, -1))('that were made by %s become those of today', async (latest) => {
    const older = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name <= latest));
    const [next] = Object.keys(MIGRATIONS).filter((name) => name > latest);
    const first = await open(older);
    const made = await settings(first);
    await fill(first.db);
    await first.close();
    const second = await open();
    expect(await settings(second)).toEqual(made);
    for (const [table, rows] of [['accounts', 3] as const, ['targets', 1] as const, ['tokens', 2] as const]) {
      expect(await count(second.db, table), table).toBe(rows);
    }
    await second.db.insertInto('config').values({ name: 'x', value: null, before: '1', since: 1 }).execute();
    const kept = await open(older, `${path}.before-${next}`);
    expect(await count(kept.db, 'devices')).toBe(1);
  });

  it('stay as they were when the change fails, and one backup is all that it leaves', async () => {
    await (await open()).close();
    const failing = more(async (db) => {
      await db.schema.dropTable('tokens').execute();
      throw new Error('no idea');
    });
    for (let n = 0; n < 3; n++) expect(await refused(open(failing), 'failed')).toContain('no idea');
    expect((await readdir(folder)).sort()).toEqual(['server.db', `server.db.before-${NEXT}`, 'server.db.lock']);
    expect(await count((await open()).db, 'tokens')).toBe(0);
  });

  it('may be built anew without what points at them, but not so that something points at nothing', async () => {
    const first = await open();
    await fill(first.db);
    await first.close();
    const rebuild = (where: string) =>
      more(async (db) => {
        await sql`create table other as select * from accounts ${sql.raw(where)}`.execute(db);
        await db.schema.dropTable('accounts').execute();
        await sql`create table accounts (id text primary key not null, name text, parent text) strict`.execute(db);
        await sql`insert into accounts select id, name, parent from other`.execute(db);
        await db.schema.dropTable('other').execute();
      });
    expect(await refused(open(rebuild("where id <> 'a'")), 'failed')).toContain('point at nothing');
    const second = await open(rebuild(''));
    expect(await count(second.db, 'devices')).toBe(1);
    await second.db.deleteFrom('accounts').where('id', '=', 'a').execute();
    expect(await count(second.db, 'devices')).toBe(0);
  });
});

describe('a backup', () => {
  it('opens, is for nobody else to read, and never takes the place of a file', async () => {
    const database = await open();
    await fill(database.db);
    const to = join(folder, 'copy.db');
    await database.backup(to);
    await database.db.deleteFrom('accounts').execute();
    expect((await stat(to)).mode & 0o777).toBe(0o600);
    await refused(database.backup(to), 'already-exists');
    await refused(database.backup(path), 'already-exists');
    await refused(database.backup(join(folder, 'none', 'copy.db')), 'failed');
    const copy = await open(MIGRATIONS, to);
    expect(await count(copy.db, 'accounts')).toBe(3);
    expect(await settings(copy)).toEqual(await settings(database));
  });

  it('waits for a transaction', async () => {
    const database = await open();
    const slow = database.db.transaction().execute(async (transaction) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await add(transaction, account('a'));
    });
    await Promise.all([slow, database.backup(join(folder, 'copy.db'))]);
    expect(await names((await open(MIGRATIONS, join(folder, 'copy.db'))).db)).toEqual(['name-a']);
  });
});
