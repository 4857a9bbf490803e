/** What lets into accounts of others, and what they have granted, for administrators of the server. */
import { NeoError } from '../../core/errors.ts';
import { anyAccount } from './accounts.ts';
import { type Change, type Controls, change } from './context.ts';
import { devicesOf, revokeDevice, revokeToken, tokensOf } from './devices.ts';
import { grantsIn, removeGrant } from './targets.ts';

type Verbs = 'user-devices' | 'user-device-revoke' | 'user-token-revoke' | 'user-grants' | 'user-grant-remove';

export const others: Controls<Verbs> = {
  async 'user-devices'(context, { name }) {
    const { id } = await anyAccount(context.db, name);
    return { devices: await devicesOf(context, id), tokens: await tokensOf(context, id) };
  },

  async 'user-device-revoke'(context, { name, id }) {
    await change(context, 'user-device-revoke', { name, id }, async (trx) =>
      revokeDevice(context, trx, (await anyAccount(trx, name)).id, id),
    );
    return {};
  },

  async 'user-token-revoke'(context, { name, id }) {
    await change(context, 'user-token-revoke', { name, id }, async (trx) =>
      revokeToken(context, trx, (await anyAccount(trx, name)).id, id),
    );
    return {};
  },

  async 'user-grants'({ db }, { name }) {
    const { id } = await anyAccount(db, name);
    const rows = await grantsIn(db)
      .where((eb) => eb.or([eb('targets.account', '=', id), eb('grants.account', '=', id)]))
      .execute();
    return { grants: rows.map((row) => ({ ...row, share: row.share === '' ? null : row.share })) };
  },

  async 'user-grant-remove'(context, { owner, target, to, share = '' }) {
    await change(context, 'user-grant-remove', { owner, target, to, share }, async (trx) => {
      await removeGrant(trx, await targetOf(trx, owner, target), { target: `${owner}/${target}`, to, share });
    });
    return {};
  },
};

async function targetOf(trx: Change, owner: string, name: string): Promise<string> {
  const { id } = await anyAccount(trx, owner);
  const row = await trx
    .selectFrom('targets')
    .where('account', '=', id)
    .where('name', '=', name)
    .select('id')
    .executeTakeFirst();
  if (row !== undefined) return row.id;
  throw new NeoError('no-repository', `${owner} has no target ${name}`);
}
