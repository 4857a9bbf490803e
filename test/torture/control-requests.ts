/** Requests about accounts, devices and rights, as they should be or nearly so. Those that would end who asks, or the server's use, are made of other names. */
import { toHex } from '../../src/core/bytes.ts';
import { CONTROL, type ControlVerb, ROLES } from '../../src/protocol/control.ts';
import type { SimRandom } from '../support/sim-random.ts';

const VERBS = Object.keys(CONTROL) as ControlVerb[];
/** They take long, and longer the more there is. */
const RARE: readonly ControlVerb[] = ['fsck', 'user-usage', 'audit'];
/** Neither the account whose tokens are used nor the administrator's. */
const NAMES = ['one', 'two', 'three', 'sub', 'nobody'];

type Field = (random: SimRandom) => unknown;
const hex =
  (bytes: number): Field =>
  (random) =>
    toHex(random.bytes(bytes));
const name: Field = (random) => pick(random, NAMES);
const time: Field = (random) => pick(random, [null, 0, 1, Date.now() + random.below(1e6), Number.MAX_SAFE_INTEGER]);
const amount: Field = (random) => pick(random, [null, 0, random.below(1e6), Number.MAX_SAFE_INTEGER]);
const flag: Field = (random) => random.below(2) === 0;
const text: Field = (random) =>
  pick(random, ['', 'a', '00000', '123456', 'abcde-fghjk-mnpqr-stvwx', 'ü', 'x'.repeat(64)]);

/** By name: a verb that is new is asked for with what is known here, and rubbish for the rest. */
const FIELDS: Readonly<Record<string, Field>> = {
  ...{ name, account: name, to: name, target: name, role: (random) => pick(random, ROLES) },
  ...{ proof: hex(32), current: hex(32), id: hex(16), share: hex(16) },
  ...{ second: text, device: text, code: text },
  ...{ until: time, expires: time, after: amount, quota: amount, perObject: amount },
  ...{ isDisabled: flag, isAdministrator: flag },
  kdf: (random) => ({ salt: toHex(random.bytes(16)), memory: 65_536, passes: random.below(66), lanes: 4 }),
};

const RUBBISH: readonly unknown[] = [
  ...[null, true, -1, 0.5, 1e300, 2 ** 53, '', 'null', [], {}, [[]]],
  ...['__proto__', 'constructor', '../x', "' or 1=1 --", '\u0000', '\ud800', 'x'.repeat(5000), { toString: null }],
];

export function controlRequest(random: SimRandom): { readonly verb: ControlVerb; readonly json: string } {
  const drawn = pick(random, VERBS);
  const verb = RARE.includes(drawn) && random.below(10) > 0 ? pick(random, VERBS) : drawn;
  const fields = Object.keys((CONTROL[verb].request as unknown as { shape: object }).shape);
  const request: Record<string, unknown> = {};
  for (const field of fields) {
    if (random.below(10) > 0) request[field] = FIELDS[field]?.(random) ?? pick(random, RUBBISH);
    if (random.below(25) === 0) request[field] = pick(random, RUBBISH);
  }
  if (random.below(20) === 0)
    request[pick(random, ['__proto__', 'constructor', '', 'x'.repeat(5000)])] = pick(random, RUBBISH);
  const json = JSON.stringify(random.below(30) === 0 ? pick(random, RUBBISH) : request);
  return { verb, json: random.below(30) === 0 ? `${'['.repeat(random.below(50_000))}${json}` : json };
}

function pick<T>(random: SimRandom, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}
