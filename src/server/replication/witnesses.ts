/**
 * Other servers sign the heads of a ledger that they have seen to continue what they signed before: whoever would show two histories of it would need
 * them, too.
 */
import type { Kysely } from 'kysely';
import type { ReplicaClient } from '../../backends/neo-replica.ts';
import { toHex } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import { NeoError } from '../../core/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ControlAnswer, ControlRequest } from '../../protocol/control.ts';
import { checkHead } from '../../protocol/ledger-check.ts';
import { isWitness, type Witness } from '../../protocol/witness.ts';
import type { Tables } from '../database/tables.ts';
import type { Ledger } from '../ledger/ledger.ts';

export interface WitnessFacts {
  readonly db: Kysely<Tables>;
  readonly engine: Engine;
  readonly clock: Pick<Clock, 'now'>;
  readonly site: string;
  readonly ledger: Ledger;
}

/**
 * Of this server's ledger, by another; undefined: it has signed it already.
 * @throws NeoError integrity when that one knows another history; unreachable
 */
export async function haveHeadSigned(
  { ledger, engine, site }: Pick<WitnessFacts, 'ledger' | 'engine' | 'site'>,
  client: ReplicaClient,
  last: Witness | undefined,
): Promise<Witness | undefined> {
  const size = await ledger.size();
  if (last !== undefined && last.size === size) return undefined;
  let from = last?.size ?? 0;
  for (let n = 0; n < 2; n += 1) {
    const { head, consistency } = await ledger.head(from);
    const answer = await client.head({ key: toHex(ledger.key), head, from, consistency });
    const { witness } = answer;
    if (witness !== undefined) {
      const isRight = witness.site === site && witness.size === head.size && witness.root === head.root;
      if (isRight && isWitness(engine, witness)) return witness;
      throw new NeoError('integrity', 'the replica signs another head than it was shown');
    }
    from = answer.known;
  }
  throw new NeoError('failed', 'the replica does not say what it knows of the ledger');
}

/**
 * Signs the head of another server's ledger.
 * @param account id, of that server here
 * @throws NeoError integrity when it does not continue what was signed before
 */
export async function signHeadOf(
  { db, engine, clock, site, ledger }: WitnessFacts,
  account: string,
  { key, head, from, consistency }: ControlRequest<'replica-head'>,
): Promise<ControlAnswer<'replica-head'>> {
  const row = await db.selectFrom('replica_heads').where('account', '=', account).selectAll().executeTakeFirst();
  // What it has to be shown from: another length proves nothing.
  if (row !== undefined && row.size !== from && head.size >= row.size) return { known: row.size };
  const known = row === undefined ? undefined : { site: row.site, key: row.key, size: row.size, root: row.root };
  const now = checkHead(engine, known, { key, head, consistency });
  const values = { account, ...now };
  await db
    .insertInto('replica_heads')
    .values(values)
    .onConflict((conflict) => conflict.column('account').doUpdateSet(now))
    .execute();
  const { size, root } = now;
  return { known: size, witness: ledger.witness({ site: head.site, size, root, time: clock.now(), witness: site }) };
}
