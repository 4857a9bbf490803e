/** That somebody can still administer the server: else nobody ever could again. */
import { NeoError } from '../../core/errors.ts';
import type { Change } from './context.ts';

/** Those that nobody has shut, and that have no end. */
function administrators(trx: Change) {
  return (
    trx
      .selectFrom('accounts')
      .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
      .where('accounts.is_admin', '=', 1)
      .where((eb) => eb.and([eb('accounts.is_disabled', '=', 0), eb('accounts.expires', 'is', null)]))
      // A sub-account is shut with whoever made it.
      .where((eb) => eb.or([eb('parents.is_disabled', 'is', null), eb('parents.is_disabled', '=', 0)]))
      .where('parents.expires', 'is', null)
      .select('accounts.id')
      .limit(1)
  );
}

/** After a change of accounts. @throws NeoError usage when none is left */
export async function requireAdministrator(trx: Change): Promise<void> {
  if ((await administrators(trx).execute()).length > 0) return;
  throw new NeoError('usage', 'the server would have no administrator any more', {
    hint: 'first make another account an administrator',
  });
}

/**
 * After a device has gone: one has another device that may do all, or a secret to log in by. A code that was made may never be used.
 * @throws NeoError usage when none can get in
 */
export async function requireWayIn(trx: Change): Promise<void> {
  const able = await administrators(trx)
    .where((eb) =>
      eb.or([
        eb('accounts.verifier', 'is not', null),
        eb.exists(
          eb
            .selectFrom('devices')
            .whereRef('devices.account', '=', 'accounts.id')
            .where('devices.revoked', 'is', null)
            .where('devices.role', '=', 'admin')
            .select('devices.id'),
        ),
      ]),
    )
    .execute();
  if (able.length > 0) return;
  throw new NeoError('usage', 'nobody could administer the server any more: that is the last device of its last one', {
    hint: 'first let in another device (neo account device invite), or set a secret (neo account secret)',
  });
}
