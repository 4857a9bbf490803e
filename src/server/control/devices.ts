/** Devices and tokens of whoever asks. */
import { toBase64, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { hashToken } from '../../engine/verifier.ts';
import type { ControlAnswer } from '../../protocol/control.ts';
import { requireWayIn } from './administrators.ts';
import { type Change, type Controls, change, type KnownContext, newId } from './context.ts';
import { insertCode } from './new-account.ts';

type Verbs = 'devices' | 'device-invite' | 'device-revoke' | 'tokens' | 'token-create' | 'token-revoke';

export const devices: Controls<Verbs> = {
  async devices(context) {
    return { devices: await devicesOf(context, context.principal.account.id) };
  },

  async 'device-invite'(context, { role, until }) {
    const { account } = context.principal;
    return change(context, 'device-invite', { role }, (trx) => insertCode(context, trx, account.id, role, until));
  },

  async 'device-revoke'(context, { id }) {
    const { account } = context.principal;
    await change(context, 'device-revoke', { id }, (trx) => revokeDevice(context, trx, account.id, id));
    return {};
  },

  async tokens(context) {
    return { tokens: await tokensOf(context, context.principal.account.id) };
  },

  async 'token-create'(context, { name, target, role, expires }) {
    const { principal, directory, random, clock } = context;
    const place = target === undefined ? undefined : await directory.placeOf(principal, target);
    if (target !== undefined && place === undefined)
      throw new NeoError('no-repository', `there is no target ${target}`);
    const token = `neo_${toBase64(random.bytes(32))}`;
    const id = newId(context);
    const row = { id, account: principal.account.id, name, role, created: clock.now(), expires: expires ?? null };
    const hash = toHex(hashToken(token));
    await change(context, 'token-create', { id, name, target: target ?? null, role }, (trx) =>
      trx
        .insertInto('tokens')
        .values({ ...row, hash, target: place?.id ?? null, revoked: null })
        .execute(),
    );
    return { id, token };
  },

  async 'token-revoke'(context, { id }) {
    const { account } = context.principal;
    await change(context, 'token-revoke', { id }, (trx) => revokeToken(context, trx, account.id, id));
    return {};
  },
};

/** @param account id */
export async function devicesOf(
  { db, directory, principal }: KnownContext,
  account: string,
): Promise<ControlAnswer<'devices'>['devices']> {
  const rows = await db
    .selectFrom('devices')
    .where('account', '=', account)
    .select(['id', 'name', 'role', 'created', 'seen', 'revoked'])
    .orderBy('created')
    .execute();
  const { device } = principal;
  return rows.map((row) => ({ ...row, seen: directory.seen(row.id) ?? row.seen, isThis: row.id === device?.id }));
}

/** @param account id */
export async function tokensOf({ db }: KnownContext, account: string): Promise<ControlAnswer<'tokens'>['tokens']> {
  return db
    .selectFrom('tokens')
    .leftJoin('targets', 'targets.id', 'tokens.target')
    .where('tokens.account', '=', account)
    .select(['tokens.id', 'tokens.name', 'targets.name as target', 'tokens.role'])
    .select(['tokens.created', 'tokens.expires', 'tokens.revoked'])
    .orderBy('tokens.created')
    .execute();
}

/** @param account id. @throws NeoError not-found; usage when nobody could administer the server any more */
export async function revokeDevice({ clock }: KnownContext, trx: Change, account: string, id: string): Promise<void> {
  const device = await trx
    .updateTable('devices')
    .where('id', '=', id)
    .where('account', '=', account)
    .where('revoked', 'is', null)
    .set({ revoked: clock.now() })
    .returning('role')
    .executeTakeFirst();
  if (device === undefined) throw new NeoError('not-found', `the account has no device ${id} that could be revoked`);
  const { is_admin } = await trx
    .selectFrom('accounts')
    .where('id', '=', account)
    .select('is_admin')
    .executeTakeFirstOrThrow();
  if (is_admin === 1 && device.role === 'admin') await requireWayIn(trx);
}

/** @param account id. @throws NeoError not-found */
export async function revokeToken({ clock }: KnownContext, trx: Change, account: string, id: string): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable('tokens')
    .where('id', '=', id)
    .where('account', '=', account)
    .where('revoked', 'is', null)
    .set({ revoked: clock.now() })
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new NeoError('not-found', `the account has no token ${id} that could be revoked`);
}
