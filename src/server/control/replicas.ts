/** Servers that are sent what comes here, and those that send here what they have. */
import { fromHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { MOST_OFFERED, type Reply } from '../../protocol/replication.ts';
import { checkSameRepository } from '../replication/arrivals.ts';
import { setAside } from '../replication/aside.ts';
import { enrolAt } from '../replication/enrolling.ts';
import { prove } from '../replication/proofs.ts';
import { signHeadOf } from '../replication/witnesses.ts';
import { checkPathSent } from '../sent-paths.ts';
import { type Change, type Controls, change, type KnownContext, newId } from './context.ts';
import { insertAccount, insertCode } from './new-account.ts';

type Verbs =
  | 'replicas'
  | 'replica-add'
  | 'replica-remove'
  | 'replica-compare'
  | 'replica-invite'
  | 'replica-offer'
  | 'replica-prove'
  | 'replica-head';

export const replicas: Controls<Verbs> = {
  async replicas({ replication }) {
    return { replicas: await replication.list() };
  },

  async 'replica-add'(context, { name, location, fingerprint, code }) {
    const { db, clock, site: own, replication } = context;
    await refuseKnown(context, name, undefined);
    const { site, keys, deviceKey } = await enrolAt(clock, own, { location, fingerprint, code });
    await refuseKnown(context, name, site);
    const id = newId(context);
    const created = Math.round(clock.now());
    const row = { id, name, location, keys: JSON.stringify(keys), site, device_key: deviceKey, created };
    await change({ ...context, db }, 'replica-add', { name, location, site }, (trx) =>
      trx
        .insertInto('replicas')
        .values({ ...row, compared: null, witness: null })
        .execute(),
    );
    await replication.added(id);
    return { site };
  },

  async 'replica-remove'(context, { name }) {
    const row = await context.db.selectFrom('replicas').where('name', '=', name).select('id').executeTakeFirst();
    if (row === undefined) throw noReplica(name);
    await change(context, 'replica-remove', { name }, (trx) =>
      trx.deleteFrom('replicas').where('id', '=', row.id).execute(),
    );
    await context.replication.removed(row.id);
    return {};
  },

  async 'replica-compare'({ replication }, { name }) {
    if (!replication.compare(name)) throw noReplica(name);
    return {};
  },

  async 'replica-invite'(context, { name, reachesAll = false }) {
    return change(context, 'replica-invite', { name, reachesAll }, async (trx) => {
      const account = await replicaAccount(context, trx, name);
      await trx
        .updateTable('accounts')
        .where('id', '=', account)
        .set({ is_replica: 1, reaches_all: reachesAll ? 1 : 0 })
        .execute();
      // It may have been set up anew: what its ledger was before counts no longer.
      await trx.deleteFrom('replica_heads').where('account', '=', account).execute();
      context.turns.keep();
      return insertCode(context, trx, account, 'append');
    });
  },

  async 'replica-offer'(context, { owner, target, configs, objects }) {
    const { directory, principal, targets, replication } = context;
    for (const [path] of objects) checkPathSent(path);
    const name = `${owner}:${target}`;
    const place = (await directory.placeOf(principal, name)) ?? (await makePlace(context, owner, target));
    const storage = await targets.open(place);
    await checkSameRepository(storage, name, configs);
    const replies: Reply[] = [];
    for (const [path, size, turns] of objects.slice(0, MOST_OFFERED)) {
      replies.push(await replication.arrivals.reply(principal.account.id, place.id, storage, { path, size, turns }));
    }
    return { replies };
  },

  async 'replica-prove'(context, { owner, target, nonce, paths }) {
    const { directory, principal, targets, engine, log, dataRoot } = context;
    for (const path of paths) checkPathSent(path);
    const place = await directory.placeOf(principal, `${owner}:${target}`);
    if (place === undefined) return { proofs: paths.map(() => null) };
    const storage = await targets.open(place);
    const proofs: (string | null)[] = [];
    for (const path of paths) {
      const damaged = async (): Promise<void> => {
        log('damaged', { account: owner, target, path });
        await setAside(dataRoot, place.id, storage, path);
      };
      proofs.push(await prove(engine, storage, path, fromHex(nonce), damaged));
    }
    return { proofs };
  },

  'replica-head': (context, request) => signHeadOf(context, context.principal.account.id, request),
};

/** @throws NeoError already-exists */
async function refuseKnown({ db }: KnownContext, name: string, site: string | undefined): Promise<void> {
  const known = await db
    .selectFrom('replicas')
    .where((eb) => eb.or([eb('name', '=', name), eb('site', '=', site ?? '')]))
    .select('name')
    .executeTakeFirst();
  if (known !== undefined) throw new NeoError('already-exists', `what comes here is sent to ${known.name} already`);
}

function noReplica(name: string): NeoError {
  return new NeoError('not-found', `there is no replica ${name}`, { hint: 'neo admin replica list' });
}

/** One that is there already is let in once more, such as when it was set up anew. */
async function replicaAccount(context: KnownContext, trx: Change, name: string): Promise<string> {
  const known = await trx
    .selectFrom('accounts')
    .where('name', '=', name)
    .select(['id', 'is_replica'])
    .executeTakeFirst();
  if (known?.is_replica === 1) return known.id;
  // Throws where there is an account of somebody else.
  return insertAccount(context, trx, { name });
}

/** An account that is made so has no device: an administrator lets its owner in (`user-invite`). */
async function makePlace(context: KnownContext, owner: string, target: string) {
  const { directory, principal, clock } = context;
  await change(context, 'replica-target', { owner, target }, async (trx) => {
    const account = await ownerAccount(context, trx, owner);
    const known = await trx
      .selectFrom('targets')
      .where('account', '=', account)
      .where('name', '=', target)
      .select('id')
      .executeTakeFirst();
    if (known !== undefined) return;
    await refuseRemoved(trx, owner, target);
    const created = Math.round(clock.now());
    const row = { id: newId(context), account, name: target, created, bytes: 0, objects: 0, is_open: 0 };
    await trx.insertInto('targets').values(row).execute();
  });
  const place = await directory.placeOf(principal, `${owner}:${target}`);
  if (place === undefined) throw new NeoError('failed', `${owner}:${target} was removed as soon as it was made`);
  return place;
}

/** Whoever removed it here meant it. */
async function refuseRemoved(trx: Change, owner: string, name: string): Promise<void> {
  const row = await trx
    .selectFrom('removed_targets')
    .where('owner', '=', owner)
    .where('name', '=', name)
    .select('name')
    .executeTakeFirst();
  if (row === undefined) return;
  throw new NeoError('permission-denied', `${owner}:${name} was removed there`, {
    hint: 'remove it here, too; or its owner makes it there anew: neo target create',
  });
}

async function ownerAccount(context: KnownContext, trx: Change, owner: string): Promise<string> {
  const known = await trx
    .selectFrom('accounts')
    .where('name', '=', owner)
    .select(['id', 'parent', 'is_replica', 'is_copy'])
    .executeTakeFirst();
  if (known === undefined) {
    const id = await insertAccount(context, trx, { name: owner });
    await trx.updateTable('accounts').where('id', '=', id).set({ is_copy: 1 }).execute();
    return id;
  }
  const { account } = context.principal;
  const isAllowed = known.is_copy === 1 || account.reachesAll;
  if (isAllowed && known.parent === null && known.is_replica === 0) return known.id;
  throw new NeoError('permission-denied', `the account ${owner} was not brought there by another server`, {
    hint: `if it is the same person's: neo admin replica invite ${account.name} --all-accounts, at that server`,
  });
}
