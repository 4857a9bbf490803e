/** A row for an account, and codes that let its devices in. */
import { toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { makeCode, normalizeCode } from '../../engine/second-factor.ts';
import { hashToken } from '../../engine/verifier.ts';
import type { Role } from '../../protocol/control.ts';
import { type Change, type ControlFacts, newId } from './context.ts';

export interface NewAccount {
  readonly name: string;
  readonly parent?: string;
  readonly isAdministrator?: boolean | undefined;
  readonly expires?: number | null | undefined;
  readonly quota?: number | null | undefined;
  readonly perObject?: number | undefined;
}

/** The id. @throws NeoError already-exists */
export async function insertAccount(
  facts: Pick<ControlFacts, 'random' | 'clock'>,
  trx: Change,
  { name, parent, isAdministrator = false, expires, quota, perObject = 0 }: NewAccount,
): Promise<string> {
  const known = await trx.selectFrom('accounts').where('name', '=', name).select('id').executeTakeFirst();
  if (known !== undefined) throw new NeoError('already-exists', `there is an account ${name} already`);
  const id = newId(facts);
  const created = facts.clock.now();
  const said = { name, parent: parent ?? null, expires: expires ?? null, quota: quota ?? null, per_object: perObject };
  const without = { kdf: null, verifier: null, totp: null, totp_new: null, totp_step: 0, recovery: '[]' };
  const flags = { is_admin: isAdministrator ? 1 : 0, is_disabled: 0 };
  await trx
    .insertInto('accounts')
    .values({ id, created, metered: created, byte_time: 0, ...said, ...flags, ...without })
    .execute();
  return id;
}

const CODE_MS = 7 * 24 * 3_600_000;

/**
 * A code that lets one device in, once.
 * @param account id; null: whoever has the code makes the first administrator
 * @param until milliseconds since 1970; a week from now by default
 */
export async function insertCode(
  { random, clock }: Pick<ControlFacts, 'random' | 'clock'>,
  trx: Change,
  account: string | null,
  role: Role,
  until: number = clock.now() + CODE_MS,
): Promise<{ code: string; until: number }> {
  const now = clock.now();
  if (until <= now) throw new NeoError('usage', 'the code would have ended before it began');
  const code = makeCode(random);
  await trx.deleteFrom('codes').where('until', '<=', now).execute();
  await trx
    .insertInto('codes')
    .values({ hash: toHex(hashToken(normalizeCode(code))), account, role, created: now, until })
    .execute();
  return { code, until };
}
