/** Rows of a server's database as tests put them there, past all that the server would ask. */
import { randomBytes } from 'node:crypto';
import type { Insertable, Kysely } from 'kysely';
import { toHex } from '../../src/core/bytes.ts';
import { deviceFingerprint } from '../../src/engine/device-certificate.ts';
import { normalizeCode } from '../../src/engine/second-factor.ts';
import { hashToken } from '../../src/engine/verifier.ts';
import type { Role } from '../../src/protocol/control.ts';
import type { Tables } from '../../src/server/database/tables.ts';
import { account } from './server-database.ts';

type Db = Kysely<Tables>;
type Account = Insertable<Tables['accounts']>;

const newId = (): string => randomBytes(16).toString('hex');

/** Its id; of one that is there already `more` is set. */
export async function insertAccount(db: Db, name: string, more: Partial<Account> = {}): Promise<string> {
  const known = await db.selectFrom('accounts').where('name', '=', name).select('id').executeTakeFirst();
  const id = known?.id ?? newId();
  if (known === undefined)
    await db
      .insertInto('accounts')
      .values(account(id, { name, created: Date.now(), metered: Date.now(), ...more }))
      .execute();
  else if (Object.keys(more).length > 0) await db.updateTable('accounts').where('id', '=', id).set(more).execute();
  return id;
}

export async function insertTarget(db: Db, owner: string, name: string, id: string = newId()): Promise<string> {
  await db
    .insertInto('targets')
    .values({ id, account: owner, name, created: Date.now(), bytes: 0, objects: 0, is_open: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return id;
}

/**
 * @param expires milliseconds since 1970
 * @param share id; empty: of all of the target
 */
export async function insertGrant(db: Db, target: string, to: string, role: Role, expires?: number, share = '') {
  await db
    .insertInto('grants')
    .values({ target, account: to, role, share, expires: expires ?? null, created: 1 })
    .execute();
}

interface Lasting {
  readonly role: Role;
  readonly expires?: number;
  readonly revoked?: number;
}

/** Its id. */
export async function insertDevice(db: Db, owner: string, made: Omit<Lasting, 'expires'> & { key: string }) {
  const id = newId();
  const key = toHex(deviceFingerprint(made.key));
  const row = { id, account: owner, name: 'a device', role: made.role, revoked: made.revoked ?? null };
  await db
    .insertInto('devices')
    .values({ ...row, key, created: 1, seen: null })
    .execute();
  return id;
}

/** Its id. */
export async function insertToken(db: Db, owner: string, made: Lasting & { text: string; target?: string }) {
  const id = newId();
  const lasts = { expires: made.expires ?? null, revoked: made.revoked ?? null };
  const row = { id, account: owner, name: 'a token', role: made.role, target: made.target ?? null, ...lasts };
  await db
    .insertInto('tokens')
    .values({ ...row, hash: toHex(hashToken(made.text)), created: 1 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return id;
}

/** @param owner id; null: of the first administrator */
export async function insertCode(db: Db, owner: string | null, code: string, until: number, role: Role = 'admin') {
  const hash = toHex(hashToken(normalizeCode(code)));
  await db.insertInto('codes').values({ hash, account: owner, role, created: 1, until }).execute();
}
