/**
 * The tables of tables.ts, step by step. A migration that was published is never changed; one more is added. Each happens as a whole or not
 * at all, with foreign keys off, so that a table may be built anew and the old one dropped without what points at it: whether all still
 * points at something is looked at before it counts.
 */
import { type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { NeoError } from '../../core/errors.ts';
import { BRING_BACK, databaseError } from './errors.ts';
import type { Tables } from './tables.ts';

/** By name; they are run in the order of their names, four digits. */
export type Migrations = Readonly<Record<string, Migration>>;

type Column = (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;

/** For another database than SQLite these are `bigint` and `double precision`. */
const INTEGER = 'integer';
const REAL = 'real';
/** SQLite's own: without it a column takes values of any type. */
const STRICT = sql`strict`;

const required: Column = (column) => column.notNull();
const key: Column = (column) => column.notNull().primaryKey();
const unique: Column = (column) => column.notNull().unique();
/** What is beyond 2^53 would not be the same number when it is read. */
const orCount =
  (name: string): Column =>
  (column) =>
    column.check(sql`${sql.ref(name)} between 0 and ${sql.lit(Number.MAX_SAFE_INTEGER)}`);
const count =
  (name: string): Column =>
  (column) =>
    orCount(name)(column).notNull();
const flag =
  (name: string): Column =>
  (column) =>
    column.notNull().check(sql`${sql.ref(name)} in (0, 1)`);
const orOf =
  (table: string): Column =>
  (column) =>
    column.references(`${table}.id`).onDelete('cascade');
const of =
  (table: string): Column =>
  (column) =>
    orOf(table)(column).notNull();

async function make(table: CreateTableBuilder<string, string>): Promise<void> {
  await table.modifyEnd(STRICT).execute();
}

async function makeAccounts({ schema }: Kysely<unknown>): Promise<void> {
  await make(
    schema
      .createTable('accounts')
      .addColumn('id', 'text', key)
      .addColumn('name', 'text', unique)
      .addColumn('parent', 'text', orOf('accounts'))
      .addColumn('is_admin', INTEGER, flag('is_admin'))
      .addColumn('is_disabled', INTEGER, flag('is_disabled'))
      .addColumn('expires', INTEGER, orCount('expires'))
      .addColumn('quota', INTEGER, orCount('quota'))
      .addColumn('per_object', INTEGER, count('per_object'))
      .addColumn('created', INTEGER, count('created'))
      .addColumn('kdf', 'text')
      .addColumn('verifier', 'text')
      .addColumn('totp', 'text')
      .addColumn('totp_new', 'text')
      .addColumn('totp_step', INTEGER, count('totp_step'))
      .addColumn('recovery', 'text', required)
      // A terabyte for a day is beyond 2^63.
      .addColumn('byte_time', REAL, (column) => column.notNull().check(sql`byte_time >= 0`))
      .addColumn('metered', INTEGER, count('metered')),
  );
  await schema.createIndex('accounts_parent').on('accounts').column('parent').execute();
}

async function makeTargets({ schema }: Kysely<unknown>): Promise<void> {
  await make(
    schema
      .createTable('targets')
      .addColumn('id', 'text', key)
      .addColumn('account', 'text', of('accounts'))
      .addColumn('name', 'text', required)
      .addColumn('created', INTEGER, count('created'))
      .addColumn('bytes', INTEGER, count('bytes'))
      .addColumn('objects', INTEGER, count('objects'))
      .addColumn('is_open', INTEGER, flag('is_open'))
      .addUniqueConstraint('targets_name', ['account', 'name']),
  );
  await make(
    schema
      .createTable('grants')
      .addColumn('target', 'text', of('targets'))
      .addColumn('account', 'text', of('accounts'))
      .addColumn('share', 'text', required)
      .addColumn('role', 'text', required)
      .addColumn('expires', INTEGER, orCount('expires'))
      .addColumn('created', INTEGER, count('created'))
      .addPrimaryKeyConstraint('grants_key', ['target', 'account', 'share']),
  );
  await schema.createIndex('grants_account').on('grants').column('account').execute();
}

/** What lets somebody in. */
async function makeKeys({ schema }: Kysely<unknown>): Promise<void> {
  await make(
    schema
      .createTable('devices')
      .addColumn('id', 'text', key)
      .addColumn('account', 'text', of('accounts'))
      .addColumn('name', 'text', required)
      .addColumn('key', 'text', unique)
      .addColumn('role', 'text', required)
      .addColumn('created', INTEGER, count('created'))
      .addColumn('seen', INTEGER, orCount('seen'))
      .addColumn('revoked', INTEGER, orCount('revoked')),
  );
  await make(
    schema
      .createTable('tokens')
      .addColumn('id', 'text', key)
      .addColumn('account', 'text', of('accounts'))
      .addColumn('name', 'text', required)
      .addColumn('hash', 'text', unique)
      .addColumn('target', 'text', orOf('targets'))
      .addColumn('role', 'text', required)
      .addColumn('created', INTEGER, count('created'))
      .addColumn('expires', INTEGER, orCount('expires'))
      .addColumn('revoked', INTEGER, orCount('revoked')),
  );
  await make(
    schema
      .createTable('codes')
      .addColumn('hash', 'text', key)
      .addColumn('account', 'text', orOf('accounts'))
      .addColumn('role', 'text', required)
      .addColumn('created', INTEGER, count('created'))
      .addColumn('until', INTEGER, count('until')),
  );
  for (const table of ['devices', 'tokens', 'codes'])
    await schema.createIndex(`${table}_account`).on(table).column('account').execute();
  await schema.createIndex('tokens_target').on('tokens').column('target').execute();
}

async function makeRest({ schema }: Kysely<unknown>): Promise<void> {
  await make(schema.createTable('settings').addColumn('name', 'text', key).addColumn('value', 'text', required));
  await make(
    schema
      .createTable('audit')
      // A number that was given away is never given again.
      .addColumn('seq', INTEGER, (column) => column.primaryKey().autoIncrement())
      .addColumn('time', INTEGER, count('time'))
      .addColumn('account', 'text')
      .addColumn('device', 'text')
      .addColumn('action', 'text', required)
      .addColumn('detail', 'text', required),
  );
}

async function addLosses({ schema }: Kysely<unknown>): Promise<void> {
  const counted = (name: string): Column => {
    return (column) => count(name)(column).defaultTo(0);
  };
  await schema.alterTable('targets').addColumn('loss_began', INTEGER, orCount('loss_began')).execute();
  for (const name of ['loss_bytes', 'loss_lost'])
    await schema.alterTable('targets').addColumn(name, INTEGER, counted(name)).execute();
}

async function makeConfig({ schema }: Kysely<unknown>): Promise<void> {
  await make(
    schema
      .createTable('config')
      .addColumn('name', 'text', key)
      .addColumn('value', 'text')
      .addColumn('before', 'text')
      .addColumn('since', INTEGER, count('since')),
  );
}

async function makeLedger({ schema }: Kysely<unknown>): Promise<void> {
  await make(
    schema
      .createTable('ledger')
      .addColumn('seq', INTEGER, (column) => column.primaryKey().check(sql`seq > 0`))
      .addColumn('kind', 'text', required)
      .addColumn('header', 'text', required)
      .addColumn('signature', 'text', required)
      .addColumn('salt', 'text', required)
      .addColumn('content', 'text', required)
      .addColumn('hash', 'text', required)
      .addColumn('subject', 'text'),
  );
  await schema.createIndex('ledger_kind').on('ledger').columns(['kind', 'seq']).execute();
  await schema.createIndex('ledger_subject').on('ledger').column('subject').execute();
  await make(
    schema
      .createTable('ledger_readers')
      // No reference: who is removed was there all the same, and nobody gets his id again.
      .addColumn('account', 'text', required)
      .addColumn('seq', INTEGER, (column) => column.notNull().references('ledger.seq'))
      .addPrimaryKeyConstraint('ledger_readers_key', ['account', 'seq']),
  );
  await make(
    schema
      .createTable('ledger_nodes')
      .addColumn('level', INTEGER, count('level'))
      .addColumn('place', INTEGER, count('place'))
      .addColumn('hash', 'text', required)
      .addPrimaryKeyConstraint('ledger_nodes_key', ['level', 'place']),
  );
}

async function addHeld({ schema }: Kysely<unknown>): Promise<void> {
  const held: Column = (column) => flag('is_held')(column).defaultTo(0);
  await schema.alterTable('accounts').addColumn('is_held', INTEGER, held).execute();
}

async function addReplication({ schema }: Kysely<unknown>): Promise<void> {
  for (const name of ['is_replica', 'is_copy', 'reaches_all']) {
    const off: Column = (column) => flag(name)(column).defaultTo(0);
    await schema.alterTable('accounts').addColumn(name, INTEGER, off).execute();
  }
  await make(
    schema
      .createTable('removed_targets')
      .addColumn('owner', 'text', required)
      .addColumn('name', 'text', required)
      .addPrimaryKeyConstraint('removed_targets_key', ['owner', 'name']),
  );
  await make(
    schema
      .createTable('turns')
      .addColumn('target', 'text', of('targets'))
      .addColumn('path', 'text', required)
      .addColumn('turns', INTEGER, count('turns'))
      .addPrimaryKeyConstraint('turns_key', ['target', 'path']),
  );
  await make(
    schema
      .createTable('replicas')
      .addColumn('id', 'text', key)
      .addColumn('name', 'text', unique)
      .addColumn('location', 'text', required)
      .addColumn('keys', 'text', required)
      .addColumn('site', 'text', unique)
      .addColumn('device_key', 'text', required)
      .addColumn('created', INTEGER, count('created'))
      .addColumn('compared', INTEGER, orCount('compared'))
      .addColumn('witness', 'text'),
  );
  await make(
    schema
      .createTable('replica_queue')
      // A number that was given away is never given again: whoever has sent one entry removes that one, and no later one of the same object.
      .addColumn('seq', INTEGER, (column) => column.primaryKey().autoIncrement())
      .addColumn('replica', 'text', of('replicas'))
      .addColumn('target', 'text', of('targets'))
      .addColumn('path', 'text', required)
      .addColumn('action', 'text', required)
      .addColumn('origin', 'text', required)
      .addColumn('since', INTEGER, count('since'))
      .addColumn('due', INTEGER, count('due'))
      .addColumn('tries', INTEGER, count('tries'))
      .addColumn('error', 'text')
      .addColumn('code', 'text')
      .addUniqueConstraint('replica_queue_path', ['replica', 'target', 'path']),
  );
  await schema.createIndex('replica_queue_target').on('replica_queue').columns(['target']).execute();
  await make(
    schema
      .createTable('replica_heads')
      .addColumn('account', 'text', (column) => of('accounts')(column).primaryKey())
      .addColumn('site', 'text', required)
      .addColumn('key', 'text', required)
      .addColumn('size', INTEGER, count('size'))
      .addColumn('root', 'text', required),
  );
}

export const MIGRATIONS: Migrations = {
  '0001': {
    async up(db: Kysely<unknown>) {
      await makeAccounts(db);
      await makeTargets(db);
      await makeKeys(db);
      await makeRest(db);
    },
  },
  '0002': { up: addLosses },
  '0003': { up: makeConfig },
  '0004': { up: makeLedger },
  '0005': { up: addHeld },
  '0006': { up: addReplication },
};

/**
 * Those that a database has not seen yet, in order.
 * @throws NeoError needs-newer-neo when it has seen one that is not among these; integrity when it cannot be a database of a server
 */
export async function pendingMigrations(
  db: Kysely<Tables>,
  path: string,
  migrations: Migrations = MIGRATIONS,
): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const done = new Set(rows.map(({ name }) => name));
  const known = Object.keys(migrations).sort();
  const pending = known.filter((name) => !done.has(name));
  const strange = [...done].filter((name) => !Object.hasOwn(migrations, name));
  const isInOrder = known.slice(0, known.length - pending.length).every((name) => done.has(name));
  if (done.size === 0 || !isInOrder || (strange.length > 0 && pending.length > 0)) throw notOurs(path);
  if (strange.length > 0)
    throw new NeoError('needs-newer-neo', `the database ${path} was made by a newer neo`, {
      hint: 'Update neo on this machine, or bring back the backup that the newer one made beside it.',
    });
  return pending;
}

function notOurs(path: string): NeoError {
  return new NeoError('integrity', `the database ${path} is damaged, or of another program`, { hint: BRING_BACK });
}

/**
 * Runs what is pending; nothing else may use the database meanwhile.
 * @param path of the database, for messages
 * @throws NeoError when one failed: what it did is undone
 */
export async function migrate(db: Kysely<Tables>, path: string, migrations: Migrations = MIGRATIONS): Promise<void> {
  const checked = Object.fromEntries(Object.entries(migrations).map(([name, step]) => [name, withCheck(step)]));
  await sql`pragma foreign_keys = off`.execute(db);
  try {
    const { error } = await new Migrator({ db, provider: { getMigrations: async () => checked } }).migrateToLatest();
    if (error !== undefined) throw migrationError(error, path);
  } finally {
    await sql`pragma foreign_keys = on`.execute(db);
  }
}

function withCheck({ up }: Migration): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await up(db);
      const { rows } = await sql`pragma foreign_key_check`.execute(db);
      if (rows.length > 0) throw new Error(`${rows.length} rows would point at nothing`);
    },
  };
}

function migrationError(error: unknown, path: string): NeoError {
  const { code, message, hint } = databaseError(error, `bring the database ${path} up to date`);
  return new NeoError(code, message, {
    hint: hint ?? 'It is as it was before: the older neo can use it.',
    cause: error,
  });
}
