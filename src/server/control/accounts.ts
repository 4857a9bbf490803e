/** Accounts: those of the server, for its administrators, and sub-accounts, for whoever made them. */
import type { Selectable } from 'kysely';
import { NeoError } from '../../core/errors.ts';
import type { ControlAnswer } from '../../protocol/control.ts';
import type { Tables } from '../database/tables.ts';
import { requireAdministrator } from './administrators.ts';
import { type Change, type Controls, change, type KnownContext } from './context.ts';
import { insertAccount, insertCode } from './new-account.ts';
import { noteRemoved } from './targets.ts';

type Verbs =
  | 'subs'
  | 'sub-add'
  | 'sub-set'
  | 'sub-invite'
  | 'sub-remove'
  | 'users'
  | 'user-add'
  | 'user-set'
  | 'user-invite'
  | 'user-remove'
  | 'user-usage';

type AccountRow = Selectable<Tables['accounts']>;

export const accounts: Controls<Verbs> = {
  async subs({ db, principal }) {
    const { account } = principal;
    const rows = await db.selectFrom('accounts').where('parent', '=', account.id).selectAll().orderBy('name').execute();
    return { accounts: rows.map((row) => accountJson(row, account.name)) };
  },

  async 'sub-add'(context, { name, expires }) {
    const { account } = context.principal;
    if (account.parent !== undefined) throw new NeoError('permission-denied', 'a sub-account has none of its own');
    return change(context, 'sub-add', { name, expires: expires ?? null }, async (trx) => {
      const id = await insertAccount(context, trx, { name, parent: account.id, expires });
      return insertCode(context, trx, id, 'admin');
    });
  },

  async 'sub-set'(context, { name, ...settings }) {
    await change(context, 'sub-set', { name, ...settings }, async (trx) => {
      const { id, is_admin, is_held } = await subAccount(context, trx, name);
      if (is_held === 1 && settings.isDisabled === false) throw held(name);
      await setAccount(trx, id, settings);
      if (is_admin === 1) await requireAdministrator(trx);
    });
    return {};
  },

  async 'sub-invite'(context, { name }) {
    return change(context, 'sub-invite', { name }, async (trx) => {
      const { id } = await subAccount(context, trx, name);
      return insertCode(context, trx, id, 'admin');
    });
  },

  async 'sub-remove'(context, { name }) {
    await change(context, 'sub-remove', { name }, async (trx) => {
      const { id, is_admin } = await subAccount(context, trx, name);
      await trx.deleteFrom('accounts').where('id', '=', id).execute();
      if (is_admin === 1) await requireAdministrator(trx);
    });
    return {};
  },

  async users({ db }) {
    const rows = await db
      .selectFrom('accounts')
      .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
      .selectAll('accounts')
      .select('parents.name as parentName')
      .orderBy('accounts.name')
      .execute();
    return { accounts: rows.map((row) => accountJson(row, row.parentName)) };
  },

  async 'user-add'(context, { name, ...settings }) {
    return change(context, 'user-add', { name, ...settings }, async (trx) => {
      const id = await insertAccount(context, trx, { name, ...settings });
      return insertCode(context, trx, id, 'admin');
    });
  },

  async 'user-set'(context, { name, ...settings }) {
    const id = await change(context, 'user-set', { name, ...settings }, async (trx) => {
      const row = await anyAccount(trx, name);
      const { isDisabled } = settings;
      await setAccount(trx, row.id, settings, isDisabled === undefined ? {} : { is_held: isDisabled ? 1 : 0 });
      await requireAdministrator(trx);
      return row.id;
    });
    await context.targets.accountChanged(id);
    return {};
  },

  async 'user-invite'(context, { name }) {
    return change(context, 'user-invite', { name }, async (trx) => {
      const { id, is_replica } = await anyAccount(trx, name);
      if (is_replica === 1) {
        const hint = `neo admin replica invite ${name}`;
        throw new NeoError('usage', `${name} is another server`, { hint });
      }
      return insertCode(context, trx, id, 'admin');
    });
  },

  async 'user-remove'(context, { name }) {
    await context.targets.count((await anyAccount(context.db, name)).id);
    const removed = await change(context, 'user-remove', { name }, async (trx) => {
      const { id } = await anyAccount(trx, name);
      const rows = await trx.selectFrom('targets').where('account', '=', id).select(['id', 'name']).execute();
      const targets = rows.map((row) => ({ owner: name, name: row.name }));
      await noteRemoved(trx, targets);
      await trx.deleteFrom('accounts').where('id', '=', id).execute();
      await requireAdministrator(trx);
      return { id, rows };
    });
    let [bytes, objects] = [0, 0];
    for (const { id } of removed.rows) {
      const gone = await context.targets.remove(removed.id, id);
      bytes += gone.bytes;
      objects += gone.objects;
    }
    context.targets.forget(removed.id);
    return { bytes, objects };
  },

  async 'user-usage'({ targets }) {
    return { usage: await targets.usageOfAll() };
  },
};

export function accountJson(row: AccountRow, parent: string | null): ControlAnswer<'whoami'>['account'] {
  return {
    name: row.name,
    parent,
    isAdministrator: row.is_admin === 1,
    isDisabled: row.is_disabled === 1,
    expires: row.expires,
    quota: row.quota,
    perObject: row.per_object,
    hasSecondFactor: row.totp !== null,
    created: row.created,
  };
}

interface Settings {
  readonly isDisabled?: boolean | undefined;
  readonly isAdministrator?: boolean | undefined;
  readonly expires?: number | null | undefined;
  readonly quota?: number | null | undefined;
  readonly perObject?: number | undefined;
}

async function setAccount(
  trx: Change,
  id: string,
  settings: Settings,
  more: { readonly is_held?: number } = {},
): Promise<void> {
  const { isDisabled, isAdministrator, expires, quota, perObject } = settings;
  const set = {
    ...(isDisabled === undefined ? {} : { is_disabled: isDisabled ? 1 : 0 }),
    ...(isAdministrator === undefined ? {} : { is_admin: isAdministrator ? 1 : 0 }),
    ...(expires === undefined ? {} : { expires }),
    ...(quota === undefined ? {} : { quota }),
    ...(perObject === undefined ? {} : { per_object: perObject }),
    ...more,
  };
  if (Object.keys(set).length === 0) throw new NeoError('usage', 'nothing to change is given');
  await trx.updateTable('accounts').where('id', '=', id).set(set).execute();
}

function held(name: string): NeoError {
  return new NeoError('permission-denied', `an administrator has disabled ${name}`, {
    hint: 'only an administrator lets it in again (neo admin user set)',
  });
}

async function subAccount({ principal }: KnownContext, trx: Change, name: string): Promise<AccountRow> {
  const row = await trx.selectFrom('accounts').where('name', '=', name).selectAll().executeTakeFirst();
  if (row !== undefined && row.parent === principal.account.id) return row;
  throw new NeoError('not-found', `there is no sub-account ${name}`);
}

export async function anyAccount(db: Pick<Change, 'selectFrom'>, name: string): Promise<AccountRow> {
  const row = await db.selectFrom('accounts').where('name', '=', name).selectAll().executeTakeFirst();
  if (row !== undefined) return row;
  throw new NeoError('not-found', `there is no account ${name}`);
}
