/** From a control verb to what it does: standing and schema are looked at here, before anything else. */
import { NeoError } from '../core/errors.ts';
import { CONTROL, type ControlVerb, isControlVerb } from '../protocol/control.ts';
import { accounts } from './control/accounts.ts';
import { config } from './control/config.ts';
import type { AnybodyContext, ControlFacts, Controls, KnownContext } from './control/context.ts';
import { devices } from './control/devices.ts';
import { keys } from './control/keys.ts';
import { ledger } from './control/ledger.ts';
import { login } from './control/login.ts';
import { others } from './control/others.ts';
import { replicas } from './control/replicas.ts';
import { secrets } from './control/secrets.ts';
import { server } from './control/server.ts';
import { targets } from './control/targets.ts';
import type { Caller, Principal } from './principal.ts';
import { readJson } from './request-json.ts';
import { requireSecondFactor, requireStanding } from './rights.ts';

const HANDLERS: Controls<ControlVerb> = {
  ...{
    ...login,
    ...targets,
    ...secrets,
    ...devices,
    ...accounts,
    ...others,
    ...config,
    ...keys,
    ...ledger,
    ...replicas,
    ...server,
  },
};

/** Bytes of a request. Strangers may send many at once, and need little. */
const MOST_OF_STRANGERS = 4 << 10;
const MOST_BYTES = 64 << 10;

/** The answer. @throws NeoError for what is refused */
export async function control(
  facts: ControlFacts,
  caller: Caller,
  principal: Principal | undefined,
  name: string,
  body: AsyncIterable<Uint8Array>,
): Promise<unknown> {
  if (!isControlVerb(name)) {
    throw new NeoError('usage', 'there is no such request', { hint: 'GET /v1/help lists all that there is' });
  }
  requireStanding(principal, name);
  if (facts.settings.secondFactor === 'required') requireSecondFactor(principal, name);
  const parsed = CONTROL[name].request.safeParse(
    await readJson(body, CONTROL[name].standing === 'anybody' ? MOST_OF_STRANGERS : MOST_BYTES),
  );
  if (!parsed.success) throw malformed(name, parsed.error.issues[0]?.path ?? []);
  // The table says of each name which request and which context are its own; TypeScript does not follow that through a union.
  const handler = HANDLERS[name] as (context: AnybodyContext | KnownContext, request: unknown) => Promise<unknown>;
  return handler({ ...facts, caller, principal }, parsed.data);
}

function malformed(verb: ControlVerb, path: readonly PropertyKey[]): NeoError {
  const member = path.map(String).join('.').slice(0, 50);
  if (!/^[\w.-]+$/.test(member)) return new NeoError('usage', `not a request for ${verb}: see docs/protocol.md`);
  const isName = ['name', 'account', 'target', 'to', 'owner'].includes(member);
  const hint = isName ? 'names are of a-z, 0-9, ., _ and -, and at most 64 characters long' : 'see docs/protocol.md';
  return new NeoError('usage', `${verb}: ${member} is missing, or not valid`, { hint });
}
