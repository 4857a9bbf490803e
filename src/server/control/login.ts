/** How a device is let in: by an account's secret, or by a code that works once. The device has proved its key by then. */
import { fromHex, toHex } from '../../core/bytes.ts';
import { isNeoError, NeoError } from '../../core/errors.ts';
import { DEFAULT_ARGON2 } from '../../engine/kdf.ts';
import { checkSecondFactor, normalizeCode } from '../../engine/second-factor.ts';
import { decoySalt, equalSecret, hashToken, verifierOf } from '../../engine/verifier.ts';
import { type ControlAnswer, type ControlRequest, loginKdfSchema, type Role } from '../../protocol/control.ts';
import { toWire } from '../../protocol/server-keys.ts';
import { type AnybodyContext, type Change, type Controls, change, newId } from './context.ts';
import { insertAccount } from './new-account.ts';

const DECOY = new Uint8Array(32);
/** Of the account, whatever is wrong with it: nobody learns which accounts there are. */
const WRONG = 'the account or its secret is wrong';
const FIRST_ADMINISTRATOR = 'admin';

export const login: Controls<'login-start' | 'login' | 'enrol'> = {
  async 'login-start'({ db, pepper, keys, caller }, { account }) {
    const row = await db.selectFrom('accounts').where('name', '=', account).select('kdf').executeTakeFirst();
    const lineage = caller.serverKey === undefined ? [] : toWire(keys.lineageOf(caller.serverKey));
    const more = lineage.length === 0 ? {} : { lineage };
    if (typeof row?.kdf === 'string') return { kdf: loginKdfSchema.parse(JSON.parse(row.kdf)), ...more };
    return { kdf: { salt: toHex(decoySalt(pepper, account)), ...DEFAULT_ARGON2 }, ...more };
  },

  login: (context, request) => told(context, 'login-refused', request.account, () => logIn(context, request)),
  // Of which account a code is nobody learns before it is right.
  enrol: (context, request) => told(context, 'enrol-refused', undefined, () => enrolDevice(context, request)),
};

/** @param account as it was asked for: it has the form of a name */
async function told<T>(
  { log, caller }: AnybodyContext,
  event: 'login-refused' | 'enrol-refused',
  account: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { network } = caller;
    if (isNeoError(error, 'permission-denied')) log(event, { account, network, reason: error.message });
    throw error;
  }
}

async function logIn(
  context: AnybodyContext,
  { account: name, proof, second, device }: ControlRequest<'login'>,
): Promise<ControlAnswer<'login'>> {
  const { db, backOff, caller, clock } = context;
  const key = requireDeviceKey(context);
  backOff.check(name, caller.network);
  const account = await db
    .selectFrom('accounts')
    .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
    .where('accounts.name', '=', name)
    .selectAll('accounts')
    .select(PARENT_COLUMNS)
    .executeTakeFirst();
  // Of many that came at once some have failed meanwhile; from here to `failed` nobody else is looked at.
  backOff.check(name, caller.network);
  // The same work, whether there is such an account or not.
  const isRight = equalSecret(verifierOf(fromHex(proof)), fromHexOr(account?.verifier, DECOY));
  const mayEnter = isRight && account !== undefined && account.verifier !== null && isOpen(account, clock.now());
  if (!mayEnter) throw refused(context, name, WRONG);
  if (account.totp !== null) {
    if (second === undefined) return { needsSecondFactor: true };
    await useSecondFactor(context, account, second);
  }
  backOff.succeeded(name, caller.network);
  const by = { account: name, device };
  const id = await change(context, 'login', {}, (trx) => admit(context, trx, account.id, key, device, 'admin'), by);
  return { account: name, device: id, role: 'admin', isAdministrator: account.is_admin === 1 };
}

async function enrolDevice(
  context: AnybodyContext,
  { code, account: wanted, device }: ControlRequest<'enrol'>,
): Promise<ControlAnswer<'enrol'>> {
  const { db, backOff, caller } = context;
  const key = requireDeviceKey(context);
  backOff.check('', caller.network);
  const hash = toHex(hashToken(normalizeCode(code)));
  const known = await db.selectFrom('codes').where('hash', '=', hash).selectAll().executeTakeFirst();
  backOff.check('', caller.network);
  if (known === undefined || known.until <= context.clock.now()) {
    throw refused(context, '', 'the code is wrong, was used before, or is too old');
  }
  const account = known.account === null ? undefined : await accountOf(context, known.account);
  const name = account?.name ?? wanted ?? FIRST_ADMINISTRATOR;
  if (account !== undefined && wanted !== undefined && wanted !== name) {
    throw refused(context, '', 'the code is one of another account');
  }
  const by = { account: name, device };
  const work = async (trx: Change): Promise<string> => {
    await spend(trx, hash);
    const id = known.account ?? (await makeFirstAdministrator(context, trx, name));
    return admit(context, trx, id, key, device, known.role);
  };
  const id = await change(context, 'enrol', { role: known.role }, work, by);
  backOff.succeeded('', caller.network);
  return { account: name, device: id, role: known.role, isAdministrator: account?.isAdministrator ?? true };
}

const PARENT_COLUMNS = ['parents.is_disabled as isParentDisabled', 'parents.expires as parentExpires'] as const;

interface Openness {
  readonly is_disabled: number;
  readonly expires: number | null;
  readonly isParentDisabled: number | null;
  readonly parentExpires: number | null;
}

/** Neither it nor the account that it is a sub-account of is disabled or has ended. */
function isOpen({ is_disabled, expires, isParentDisabled, parentExpires }: Openness, now: number): boolean {
  return is_disabled === 0 && isParentDisabled !== 1 && Math.min(expires ?? now + 1, parentExpires ?? now + 1) > now;
}

function fromHexOr(text: string | null | undefined, otherwise: Uint8Array): Uint8Array {
  return typeof text === 'string' ? fromHex(text) : otherwise;
}

function refused({ backOff, caller }: AnybodyContext, account: string, message: string): NeoError {
  backOff.failed(account, caller.network);
  return new NeoError('permission-denied', message);
}

function requireDeviceKey({ caller }: AnybodyContext): string {
  if (caller.deviceKey !== undefined) return caller.deviceKey;
  throw new NeoError('usage', 'no device can be let in without a key: the connection needs a certificate of its own');
}

/** Each code is good once, whoever has it twice. */
async function spend(trx: Change, hash: string): Promise<void> {
  const { numDeletedRows } = await trx.deleteFrom('codes').where('hash', '=', hash).executeTakeFirst();
  if (numDeletedRows !== 1n) throw new NeoError('permission-denied', 'the code was used before');
}

async function accountOf(
  { db, clock }: AnybodyContext,
  id: string,
): Promise<{ name: string; isAdministrator: boolean }> {
  const row = await db
    .selectFrom('accounts')
    .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
    .where('accounts.id', '=', id)
    .select(['accounts.name', 'accounts.is_admin', 'accounts.is_disabled', 'accounts.expires'])
    .select(PARENT_COLUMNS)
    .executeTakeFirstOrThrow();
  if (!isOpen(row, clock.now())) {
    throw new NeoError('permission-denied', 'the account is disabled');
  }
  return { name: row.name, isAdministrator: row.is_admin === 1 };
}

async function makeFirstAdministrator(context: AnybodyContext, trx: Change, name: string): Promise<string> {
  const others = await trx.selectFrom('accounts').where('is_admin', '=', 1).select('id').limit(1).execute();
  if (others.length > 0) throw new NeoError('permission-denied', 'there is an administrator already');
  return insertAccount(context, trx, { name, isAdministrator: true });
}

async function admit(
  context: AnybodyContext,
  trx: Change,
  account: string,
  key: string,
  name: string,
  role: Role,
): Promise<string> {
  const known = await trx.selectFrom('devices').where('key', '=', key).select('id').executeTakeFirst();
  if (known !== undefined) {
    throw new NeoError('permission-denied', 'the server knows the key of this device already', {
      hint: 'each login makes a key of its own',
    });
  }
  const id = newId(context);
  const now = context.clock.now();
  await trx
    .insertInto('devices')
    .values({ id, account, name, key, role, created: now, seen: now, revoked: null })
    .execute();
  return id;
}

/** A code of the time, or one of those for recovery; each is good once. @throws NeoError permission-denied */
async function useSecondFactor(
  context: AnybodyContext,
  { id, name }: { readonly id: string; readonly name: string },
  second: string,
): Promise<void> {
  const { db, clock, backOff, caller } = context;
  await db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('accounts')
      .where('id', '=', id)
      .select(['totp', 'totp_step', 'recovery'])
      .executeTakeFirstOrThrow();
    if (row.totp === null) return;
    backOff.check(name, caller.network);
    const step = checkSecondFactor(row.totp, second, clock.now(), row.totp_step);
    if (step !== undefined) {
      await trx.updateTable('accounts').where('id', '=', id).set({ totp_step: step }).execute();
      return;
    }
    const left = JSON.parse(row.recovery) as readonly string[];
    const hash = toHex(hashToken(normalizeCode(second)));
    if (!left.includes(hash))
      throw refused(context, name, 'the code of the second factor is wrong, or was used before');
    const recovery = JSON.stringify(left.filter((each) => each !== hash));
    await trx.updateTable('accounts').where('id', '=', id).set({ recovery }).execute();
  });
}
