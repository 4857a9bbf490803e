/** Devices and tokens of an account. */
import { toBase64, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { hashToken } from '../../engine/verifier.ts';
import { type Controls, change, newId } from './context.ts';
import { insertCode } from './new-account.ts';

type Verbs = 'devices' | 'device-invite' | 'device-revoke' | 'tokens' | 'token-create' | 'token-revoke';

export const devices: Controls<Verbs> = {
  async devices({ db, directory, principal }) {
    const { account, device } = principal;
    const rows = await db
      .selectFrom('devices')
      .where('account', '=', account.id)
      .select(['id', 'name', 'role', 'created', 'seen', 'revoked'])
      .orderBy('created')
      .execute();
    return {
      devices: rows.map((row) => ({ ...row, seen: directory.seen(row.id) ?? row.seen, isThis: row.id === device?.id })),
    };
  },

  async 'device-invite'(context, { role, until }) {
    const { account } = context.principal;
    return change(context, 'device-invite', { role }, (trx) => insertCode(context, trx, account.id, role, until));
  },

  async 'device-revoke'(context, { id }) {
    const { principal, clock } = context;
    await change(context, 'device-revoke', { id }, async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('devices')
        .where('id', '=', id)
        .where('account', '=', principal.account.id)
        .where('revoked', 'is', null)
        .set({ revoked: clock.now() })
        .executeTakeFirst();
      if (numUpdatedRows !== 1n)
        throw new NeoError('not-found', `the account has no device ${id} that could be revoked`);
    });
    return {};
  },

  async tokens({ db, principal }) {
    const rows = await db
      .selectFrom('tokens')
      .leftJoin('targets', 'targets.id', 'tokens.target')
      .where('tokens.account', '=', principal.account.id)
      .select(['tokens.id', 'tokens.name', 'targets.name as target', 'tokens.role'])
      .select(['tokens.created', 'tokens.expires', 'tokens.revoked'])
      .orderBy('tokens.created')
      .execute();
    return { tokens: rows };
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
    const { principal, clock } = context;
    await change(context, 'token-revoke', { id }, async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('tokens')
        .where('id', '=', id)
        .where('account', '=', principal.account.id)
        .where('revoked', 'is', null)
        .set({ revoked: clock.now() })
        .executeTakeFirst();
      if (numUpdatedRows !== 1n)
        throw new NeoError('not-found', `the account has no token ${id} that could be revoked`);
    });
    return {};
  },
};
