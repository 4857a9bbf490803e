/** Targets of an account, what others may do in them, and what is stored. */
import { NeoError } from '../../core/errors.ts';
import { type Change, type Controls, change, type KnownContext, newId } from './context.ts';

type Verbs =
  | 'targets'
  | 'loss-allow'
  | 'target-create'
  | 'target-remove'
  | 'grants'
  | 'grant'
  | 'grant-remove'
  | 'usage';

export const targets: Controls<Verbs> = {
  async targets({ directory, principal, targets: store }) {
    const places = await directory.placesOf(principal);
    const shown = places.map(async ({ id, owner, name, role, created, ...kept }) => {
      // Servers have no targets, and are granted none.
      if (role === 'replica') throw new NeoError('failed', 'a replica looks into targets');
      const { bytes, objects } = (await store.sizesOf(owner.id, id)) ?? kept;
      return { owner: owner.name, name, role, created, bytes, objects };
    });
    return { targets: await Promise.all(shown) };
  },

  async 'target-create'(context, { name }) {
    const { account } = context.principal;
    if (account.parent !== undefined) {
      throw new NeoError('permission-denied', 'a sub-account has no targets of its own');
    }
    const id = newId(context);
    const row = { id, account: account.id, name, created: context.clock.now(), bytes: 0, objects: 0, is_open: 0 };
    await change(context, 'target-create', { name }, async (trx) => {
      const known = await trx
        .selectFrom('targets')
        .where('account', '=', account.id)
        .where('name', '=', name)
        .select('id')
        .executeTakeFirst();
      if (known !== undefined) throw new NeoError('already-exists', `there is a target ${name} already`);
      await trx.insertInto('targets').values(row).execute();
      await trx.deleteFrom('removed_targets').where('owner', '=', account.name).where('name', '=', name).execute();
    });
    return {};
  },

  async 'target-remove'(context, { name }) {
    const { targets: store } = context;
    const id = await ownTarget(context, context.db, name);
    await store.count(context.principal.account.id);
    const { name: owner } = context.principal.account;
    await change(context, 'target-remove', { name }, async (trx) => {
      await trx.deleteFrom('targets').where('id', '=', id).execute();
      await noteRemoved(trx, [{ owner, name }]);
    });
    context.removals.forget(id);
    return store.remove(context.principal.account.id, id);
  },

  async 'loss-allow'(context, { name, milliseconds }) {
    const { id, name: owner } = context.principal.account;
    const target = await ownTarget(context, context.db, name);
    await change(context, 'loss-allow', { name, milliseconds }, async () => undefined);
    (await context.removals.guardOf({ id: target, owner: { id, name: owner } })).allowLoss(milliseconds);
    return {};
  },

  async grants({ db, principal }) {
    const rows = await grantsIn(db).where('targets.account', '=', principal.account.id).execute();
    return { grants: rows.map(({ owner, ...row }) => ({ ...row, share: row.share === '' ? null : row.share })) };
  },

  async grant(context, { target, to, share, role, expires }) {
    if (share !== undefined && role !== 'read')
      throw new NeoError('usage', 'of a share nothing but read can be granted');
    await change(
      context,
      'grant',
      { target, to, share: share ?? null, role, expires: expires ?? null },
      async (trx) => {
        const id = await ownTarget(context, trx, target);
        const account = await otherAccount(context, trx, to);
        const row = { role, expires: expires ?? null, created: context.clock.now() };
        await trx
          .insertInto('grants')
          .values({ target: id, account, share: share ?? '', ...row })
          .onConflict((conflict) => conflict.columns(['target', 'account', 'share']).doUpdateSet(row))
          .execute();
      },
    );
    return {};
  },

  async 'grant-remove'(context, { target, to, share = '' }) {
    await change(context, 'grant-remove', { target, to, share }, async (trx) => {
      await removeGrant(trx, await ownTarget(context, trx, target), { target, to, share });
    });
    return {};
  },

  async usage({ principal, targets: store }) {
    return store.usageOf(principal.account.parent ?? principal.account.id);
  },
};

/** No other server brings them back. */
export async function noteRemoved(trx: Change, targets: readonly { owner: string; name: string }[]): Promise<void> {
  if (targets.length === 0) return;
  await trx
    .insertInto('removed_targets')
    .values([...targets])
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** By whom and to whom; `share` is empty where all of the target is meant. */
export function grantsIn(db: Pick<Change, 'selectFrom'>) {
  return db
    .selectFrom('grants')
    .innerJoin('targets', 'targets.id', 'grants.target')
    .innerJoin('accounts', 'accounts.id', 'grants.account')
    .innerJoin('accounts as owners', 'owners.id', 'targets.account')
    .select(['owners.name as owner', 'targets.name as target', 'accounts.name as to'])
    .select(['grants.share', 'grants.role', 'grants.expires'])
    .orderBy('owners.name')
    .orderBy('targets.name')
    .orderBy('accounts.name');
}

/** @param id of the target. @throws NeoError not-found */
export async function removeGrant(
  trx: Change,
  id: string,
  { target, to, share }: { readonly target: string; readonly to: string; readonly share: string },
): Promise<void> {
  const { numDeletedRows } = await trx
    .deleteFrom('grants')
    .where('target', '=', id)
    .where('share', '=', share)
    .where('account', 'in', (eb) => eb.selectFrom('accounts').where('name', '=', to).select('id'))
    .executeTakeFirst();
  if (numDeletedRows !== 1n) throw new NeoError('not-found', `${to} was granted nothing in ${target}`);
}

async function ownTarget({ principal }: KnownContext, db: Pick<Change, 'selectFrom'>, name: string): Promise<string> {
  const row = await db
    .selectFrom('targets')
    .where('account', '=', principal.account.id)
    .where('name', '=', name)
    .select('id')
    .executeTakeFirst();
  if (row !== undefined) return row.id;
  throw new NeoError('no-repository', `the account has no target ${name}`);
}

async function otherAccount({ principal }: KnownContext, trx: Change, name: string): Promise<string> {
  const row = await trx.selectFrom('accounts').where('name', '=', name).select('id').executeTakeFirst();
  if (row === undefined) throw new NeoError('not-found', `there is no account ${name}`);
  if (row.id === principal.account.id) throw new NeoError('usage', 'the owner may do all already');
  return row.id;
}
