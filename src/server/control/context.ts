/** What the handlers of control verbs work with. */
import type { Kysely, Transaction } from 'kysely';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Engine } from '../../engine/engine.ts';
import type { CONTROL, ControlAnswer, ControlRequest, ControlVerb } from '../../protocol/control.ts';
import type { BackOff } from '../back-off.ts';
import type { Tables } from '../database/tables.ts';
import type { Directory } from '../directory.ts';
import type { ServerKeys } from '../key-pool.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../log.ts';
import type { Caller, Principal } from '../principal.ts';
import type { Removals } from '../removals.ts';
import type { Replication } from '../replication/replication.ts';
import type { Turns } from '../replication/turns.ts';
import type { Settings } from '../settings.ts';
import type { TargetStore } from '../targets.ts';

/** Of the server, for all requests. */
export interface ControlFacts {
  readonly db: Kysely<Tables>;
  readonly directory: Directory;
  readonly targets: TargetStore;
  readonly removals: Removals;
  readonly backOff: BackOff;
  readonly clock: Clock;
  readonly random: Random;
  /** From which the salts of accounts that are not there are made. */
  readonly pepper: Uint8Array;
  /** What the server is called where second factors are kept. */
  readonly issuer: string;
  readonly settings: Settings;
  readonly keys: ServerKeys;
  readonly ledger: Ledger;
  readonly turns: Turns;
  readonly replication: Replication;
  readonly engine: Engine;
  /** Of this server, for ever. */
  readonly site: string;
  /** Where the database lies. */
  readonly dataRoot: string;
  readonly log: Log;
  /** Ends the server in good order, after the answer. */
  readonly shutdown: () => void;
}

export interface AnybodyContext extends ControlFacts {
  readonly caller: Caller;
  readonly principal: Principal | undefined;
}

export interface KnownContext extends AnybodyContext {
  readonly principal: Principal;
}

type ContextOf<V extends ControlVerb> = (typeof CONTROL)[V]['standing'] extends 'anybody'
  ? AnybodyContext
  : KnownContext;

/** Some of the control verbs. */
export type Controls<V extends ControlVerb> = {
  readonly [Name in V]: (context: ContextOf<Name>, request: ControlRequest<Name>) => Promise<ControlAnswer<Name>>;
};

export type Change = Transaction<Tables>;

/**
 * Changes something and writes down who did it, both or none; then nobody goes by what was so before, and the log tells it.
 * @param by by default the one who asks
 * @param detail without secrets
 */
export async function change<T>(
  { db, directory, ledger, clock, principal, caller, log }: AnybodyContext,
  action: string,
  detail: Readonly<Record<string, unknown>>,
  work: (change: Change) => Promise<T>,
  by?: { readonly account: string; readonly device: string },
): Promise<T> {
  const account = by?.account ?? principal?.account.name ?? null;
  const device = by?.device ?? principal?.device?.name ?? null;
  const result = await db.transaction().execute(async (trx) => {
    const done = await work(trx);
    const entry = { time: clock.now(), account, device, action, detail: JSON.stringify(detail) };
    await trx.insertInto('audit').values(entry).execute();
    const readers = await concerned(trx, account, action, detail);
    await ledger.append(trx, { kind: 'change', content: { account, device, action, detail }, readers });
    return done;
  });
  directory.changed();
  const event = action === 'login' || action === 'enrol' ? action : REVOKING.has(action) ? 'revoked' : 'change';
  const what = event === 'change' || event === 'revoked' ? { action } : {};
  log(event, { account, device, network: caller.network, ...what, detail });
  return result;
}

/** Ids of the accounts that it is about, as far as they are still there. */
async function concerned(
  trx: Change,
  account: string | null,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const named = [account, detail['owner'], detail['to'], /^(?:user|sub)-/.test(action) ? detail['name'] : undefined];
  const names = named.filter((name) => typeof name === 'string');
  if (names.length === 0) return [];
  const found = await trx.selectFrom('accounts').where('name', 'in', names).select('id').execute();
  return found.map(({ id }) => id);
}

const REVOKING: ReadonlySet<string> = new Set([
  ...['device-revoke', 'token-revoke', 'logout'],
  ...['user-device-revoke', 'user-token-revoke'],
]);

export function newId({ random }: Pick<ControlFacts, 'random'>): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}
