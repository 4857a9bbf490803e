/**
 * Snapshots that a server which was killed had stored, and had not written down yet. Whoever put them was not told that they are there, and perhaps never
 * asks again; others read them all the same.
 */
import type { Kysely } from 'kysely';
import type { Tables } from '../database/tables.ts';
import type { TargetStore } from '../targets.ts';
import type { Ledger } from './ledger.ts';

const SNAPSHOTS = 'snapshots';

interface Unclean {
  readonly id: string;
  readonly name: string;
  readonly owner: { readonly id: string; readonly name: string };
}

/** Targets that nobody closed; to be asked for before any is opened. */
export async function uncleanTargets(db: Kysely<Tables>): Promise<Unclean[]> {
  const rows = await db
    .selectFrom('targets')
    .innerJoin('accounts', 'accounts.id', 'targets.account')
    .where('targets.is_open', '=', 1)
    .select(['targets.id', 'targets.name', 'accounts.id as ownerId', 'accounts.name as owner'])
    .execute();
  return rows.map(({ id, name, ownerId, owner }) => ({ id, name, owner: { id: ownerId, name: owner } }));
}

/** @param before milliseconds since 1970, of the storage: what came later is written down by whoever stores it */
export async function catchUp(
  ledger: Ledger,
  targets: TargetStore,
  unclean: readonly Unclean[],
  before: number,
): Promise<number> {
  let written = 0;
  for (const { id, name, owner } of unclean) {
    const storage = await targets.open({ id, owner });
    for await (const { path, size, modified } of storage.list(SNAPSHOTS)) {
      const subject = `${id}/${path}`;
      if (modified >= before || (await ledger.knows(subject))) continue;
      // Nobody knows any more who it was.
      const content = { owner: owner.name, target: name, by: '', path, size };
      await ledger.record({ kind: 'snapshot', content, readers: [owner.id], subject });
      written += 1;
    }
  }
  return written;
}
