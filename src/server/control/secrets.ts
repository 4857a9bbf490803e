/** The secret of an account, and its second factor. */
import { fromHex, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import {
  checkSecondFactor,
  makeRecoveryCodes,
  makeSecondFactor,
  normalizeCode,
  secondFactorUri,
} from '../../engine/second-factor.ts';
import { equalSecret, hashToken, verifierOf } from '../../engine/verifier.ts';
import { type Change, type Controls, change, type KnownContext } from './context.ts';

type Verbs = 'secret-set' | 'second-start' | 'second-confirm' | 'second-remove';

export const secrets: Controls<Verbs> = {
  /** What the old one let in ends with it: tokens, and codes that nobody has used. Devices have keys of their own, and stay. */
  async 'secret-set'(context, { kdf, proof, current }) {
    const { principal, clock } = context;
    const { id } = principal.account;
    guardTries(context);
    await change(context, 'secret-set', {}, async (trx) => {
      const row = await trx.selectFrom('accounts').where('id', '=', id).select('verifier').executeTakeFirstOrThrow();
      guardTries(context);
      if (row.verifier !== null) {
        if (current === undefined)
          throw new NeoError('permission-denied', 'the account has a secret: prove that you know it');
        if (!equalSecret(verifierOf(fromHex(current)), fromHex(row.verifier))) {
          throw wrong(context, 'the secret that holds now is another one');
        }
      }
      const verifier = toHex(verifierOf(fromHex(proof)));
      await trx
        .updateTable('accounts')
        .where('id', '=', id)
        .set({ kdf: JSON.stringify(kdf), verifier })
        .execute();
      await trx
        .updateTable('tokens')
        .where('account', '=', id)
        .where('revoked', 'is', null)
        .set({ revoked: clock.now() })
        .execute();
      await trx.deleteFrom('codes').where('account', '=', id).execute();
    });
    return {};
  },

  async 'second-start'(context) {
    const { principal, random, issuer } = context;
    const { id, name } = principal.account;
    const secret = makeSecondFactor(random);
    await change(context, 'second-start', {}, async (trx) => {
      if ((await factorOf(trx, id)).totp !== null) {
        throw new NeoError('already-exists', 'the account has a second factor', {
          hint: 'first: neo account 2fa remove',
        });
      }
      await trx.updateTable('accounts').where('id', '=', id).set({ totp_new: secret }).execute();
    });
    return { secret, uri: secondFactorUri(secret, name, issuer) };
  },

  async 'second-confirm'(context, { second }) {
    const { principal, clock, random } = context;
    const { id } = principal.account;
    guardTries(context);
    const recovery = makeRecoveryCodes(random);
    await change(context, 'second-confirm', {}, async (trx) => {
      const { totp_new: secret } = await factorOf(trx, id);
      guardTries(context);
      if (secret === null)
        throw new NeoError('usage', 'no second factor was begun with', { hint: 'neo account 2fa enrol' });
      const step = checkSecondFactor(secret, second, clock.now(), 0);
      if (step === undefined) throw wrong(context, 'the code is not one of this second factor, or the clocks differ');
      const hashes = JSON.stringify(recovery.map((each) => toHex(hashToken(normalizeCode(each)))));
      const set = { totp: secret, totp_new: null, totp_step: step, recovery: hashes };
      await trx.updateTable('accounts').where('id', '=', id).set(set).execute();
    });
    return { recovery };
  },

  async 'second-remove'(context, { second }) {
    const { principal, clock } = context;
    const { id } = principal.account;
    guardTries(context);
    await change(context, 'second-remove', {}, async (trx) => {
      const { totp, totp_step, recovery } = await factorOf(trx, id);
      guardTries(context);
      if (totp === null) throw new NeoError('not-found', 'the account has no second factor');
      const isOfTime = checkSecondFactor(totp, second, clock.now(), totp_step) !== undefined;
      const left = JSON.parse(recovery) as readonly string[];
      if (!isOfTime && !left.includes(toHex(hashToken(normalizeCode(second))))) {
        throw wrong(context, 'the code of the second factor is wrong, or was used before');
      }
      await trx
        .updateTable('accounts')
        .where('id', '=', id)
        .set({ totp: null, totp_new: null, recovery: '[]' })
        .execute();
    });
    return {};
  },
};

function factorOf(trx: Change, id: string) {
  return trx
    .selectFrom('accounts')
    .where('id', '=', id)
    .select(['totp', 'totp_new', 'totp_step', 'recovery'])
    .executeTakeFirstOrThrow();
}

/** A device that was stolen is not to find out secrets either. Asked again when all is there: of many at once some have failed by then. */
function guardTries({ backOff, principal, caller }: KnownContext): void {
  backOff.check(principal.account.name, caller.network);
}

function wrong({ backOff, principal, caller }: KnownContext, message: string): NeoError {
  backOff.failed(principal.account.name, caller.network);
  return new NeoError('permission-denied', message);
}
