/** How a device is let in: by an account's secret, or by a code that works once. The device has proved its key by then. */
import { fromHex, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { DEFAULT_ARGON2 } from '../../engine/kdf.ts';
import { checkSecondFactor, normalizeCode } from '../../engine/second-factor.ts';
import { decoySalt, equalSecret, hashToken, verifierOf } from '../../engine/verifier.ts';
import { loginKdfSchema, type Role } from '../../protocol/control.ts';
import { type AnybodyContext, type Change, type Controls, change, newId } from './context.ts';
import { insertAccount } from './new-account.ts';

const DECOY = new Uint8Array(32);
/** Of the account, whatever is wrong with it: nobody learns which accounts there are. */
const WRONG = 'the account or its secret is wrong';
const FIRST_ADMINISTRATOR = 'admin';

export const login: Controls<'login-start' | 'login' | 'enrol'> = {
  async 'login-start'({ db, pepper }, { account }) {
    const row = await db.selectFrom('accounts').where('name', '=', account).select('kdf').executeTakeFirst();
    if (typeof row?.kdf === 'string') return { kdf: loginKdfSchema.parse(JSON.parse(row.kdf)) };
    return { kdf: { salt: toHex(decoySalt(pepper, account)), ...DEFAULT_ARGON2 } };
  },

  async login(context, { account: name, proof, second, device }) {
    const { db, backOff, caller, clock } = context;
    const key = requireDeviceKey(context);
    backOff.check(name, caller.network);
    const account = await db.selectFrom('accounts').where('name', '=', name).selectAll().executeTakeFirst();
    // The same work, whether there is such an account or not.
    const isRight = equalSecret(verifierOf(fromHex(proof)), fromHexOr(account?.verifier, DECOY));
    const isOpen = account?.is_disabled === 0 && (account.expires ?? Number.POSITIVE_INFINITY) > clock.now();
    if (account === undefined || !isRight || account.verifier === null || !isOpen) throw refused(context, name, WRONG);
    if (account.totp !== null) {
      if (second === undefined) return { needsSecondFactor: true };
      if (!(await useSecondFactor(context, account.id, second))) {
        throw refused(context, name, 'the code of the second factor is wrong, or was used before');
      }
    }
    backOff.succeeded(name, caller.network);
    const by = { account: name, device };
    const id = await change(context, 'login', {}, (trx) => admit(context, trx, account.id, key, device, 'admin'), by);
    return { account: name, device: id, role: 'admin', isAdministrator: account.is_admin === 1 };
  },

  async enrol(context, { code, account: wanted, device }) {
    const { db, backOff, caller } = context;
    const key = requireDeviceKey(context);
    backOff.check('', caller.network);
    const hash = toHex(hashToken(normalizeCode(code)));
    const known = await db.selectFrom('codes').where('hash', '=', hash).selectAll().executeTakeFirst();
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
  },
};

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
    .where('id', '=', id)
    .select(['name', 'is_admin', 'is_disabled', 'expires'])
    .executeTakeFirstOrThrow();
  if (row.is_disabled === 1 || (row.expires !== null && row.expires <= clock.now())) {
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

/** A code of the time, or one of those for recovery; each is good once. */
async function useSecondFactor({ db, clock }: AnybodyContext, account: string, second: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('accounts')
      .where('id', '=', account)
      .select(['totp', 'totp_step', 'recovery'])
      .executeTakeFirstOrThrow();
    if (row.totp === null) return true;
    const step = checkSecondFactor(row.totp, second, clock.now(), row.totp_step);
    if (step !== undefined) {
      await trx.updateTable('accounts').where('id', '=', account).set({ totp_step: step }).execute();
      return true;
    }
    const left = JSON.parse(row.recovery) as readonly string[];
    const hash = toHex(hashToken(normalizeCode(second)));
    if (!left.includes(hash)) return false;
    const recovery = JSON.stringify(left.filter((each) => each !== hash));
    await trx.updateTable('accounts').where('id', '=', account).set({ recovery }).execute();
    return true;
  });
}
