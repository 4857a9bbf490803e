/**
 * Every verb with everybody who may come to a server, as requests go over the wire. What is expected is in support/verb-rules.ts; each request
 * would be right, and what it is about is there, so that nothing but the right refuses.
 */
import { HOTP, Secret } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { verifierOf } from '../../src/engine/verifier.ts';
import { CONTROL, type ControlVerb } from '../../src/protocol/control.ts';
import { VERBS, type Verb } from '../../src/protocol/verbs.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Asked, answerOf, type RawAnswer, type RawClient } from '../support/raw-client.ts';
import { SECRET, SHARE, stateOf, type World, worldOf } from '../support/server-callers.ts';
import * as rows from '../support/server-rows.ts';
import { ALL, type Outcome, TOLD, type Told, told } from '../support/verb-rules.ts';

const REFUSED: readonly (readonly [status: number, code: string, message: RegExp, outcome: Outcome])[] = [
  [403, 'permission-denied', /may look into/, 'no target'],
  [400, 'usage', /without a key/, 'no key'],
  [403, 'permission-denied', /^not logged in$/, 'not logged in'],
  [403, 'permission-denied', /knows the key of this device already/, 'known'],
  [403, 'permission-denied', /^the share does not reach that$/, 'not reached'],
  [403, 'permission-denied', /demands a second factor/, 'no second factor'],
  [403, 'permission-denied', /^/, 'denied'],
];

function seen({ status, code, message }: RawAnswer, verb: string): string {
  if (status >= 200 && status < 300) return 'done';
  // To HEAD there is no body.
  if (verb === 'stat') return status === 403 ? 'denied' : `status ${status}`;
  const found = REFUSED.find((each) => each[0] === status && each[1] === code && each[2].test(message));
  return found?.[3] ?? (code === undefined ? `status ${status}` : `refused: ${code}`);
}

/** The one that is asked now: one of these. */
let server: OwnServer;
const servers: OwnServer[] = [];
let nth = 0;
const cells = { asked: 0, done: 0, refused: 0 };
beforeAll(async () => {
  servers.push(await startOwnServer(), await startOwnServer(undefined, { secondFactor: 'required' }));
});
afterAll(async () => {
  for (const each of servers) await each.stop();
});

function serverFor(who: string): OwnServer {
  const found = servers[TOLD[who]?.second === undefined ? 0 : 1];
  if (found === undefined) throw new Error('there is no such server');
  return found;
}

const proof = 'ab'.repeat(32);
const NO_KEY = `SHA256:${'A'.repeat(43)}`;
const SITE = '01234567-89ab-4def-8123-456789abcdef';
const kdf = { salt: '00'.repeat(16), memory: 65_536, passes: 3, lanes: 4 };
const totpNow = (): string =>
  HOTP.generate({ secret: Secret.fromBase32(SECRET), counter: Math.floor(Date.now() / 30_000) });

type Prepared = { readonly verb: Verb; readonly asked: Asked };
const control = (verb: ControlVerb, request: unknown): Prepared => {
  // What refuses is the right and never the form.
  expect(CONTROL[verb].request.safeParse(request).success).toBe(true);
  return { verb: 'control', asked: { path: verb, body: JSON.stringify(request) } };
};

/** What has to be there of the account that asks for it to be possible, made anew for each. */
const CONTROLS: Readonly<Record<ControlVerb, (account: string, name: string, target: string) => unknown>> = {
  'login-start': (_, name) => ({ account: name }),
  login: async (_, name) => {
    await rows.insertAccount(server.database.db, name, { verifier: toHex(verifierOf(Buffer.from(proof, 'hex'))) });
    return { account: name, proof, device: 'laptop' };
  },
  enrol: async (_, name) => ({ code: await codeFor(name), device: 'laptop' }),
  whoami: () => ({}),
  targets: () => ({}),
  usage: () => ({}),
  'target-create': (_, name) => ({ name }),
  'target-remove': async (account, name) => {
    await rows.insertTarget(server.database.db, account, name);
    return { name };
  },
  'loss-allow': async (account, name) => {
    await rows.insertTarget(server.database.db, account, name);
    return { name, milliseconds: 1000 };
  },
  'secret-set': async (account) => {
    await setAccount(account, { verifier: null });
    return { kdf, proof };
  },
  'second-start': async (account) => {
    await setAccount(account, { totp: null });
    return {};
  },
  'second-confirm': async (account) => {
    await setAccount(account, { totp: null, totp_new: SECRET, totp_step: 0 });
    return { second: totpNow() };
  },
  'second-remove': async (account) => {
    await setAccount(account, { totp: SECRET, totp_step: 0 });
    return { second: totpNow() };
  },
  devices: () => ({}),
  'device-invite': () => ({ role: 'read' }),
  'device-revoke': async (account) => ({
    id: await rows.insertDevice(server.database.db, account, { ...newDevice(), role: 'read' }),
  }),
  tokens: () => ({}),
  'token-create': (_, name) => ({ name, role: 'read' }),
  'token-revoke': async (account, text) => ({
    id: await rows.insertToken(server.database.db, account, { text, role: 'read' }),
  }),
  grants: () => ({}),
  grant: async (account, name) => {
    await rows.insertTarget(server.database.db, account, name);
    await rows.insertAccount(server.database.db, name);
    return { target: name, to: name, role: 'read' };
  },
  'grant-remove': async (account, name) => {
    const { db } = server.database;
    await rows.insertGrant(db, await rows.insertTarget(db, account, name), await rows.insertAccount(db, name), 'read');
    return { target: name, to: name };
  },
  subs: () => ({}),
  'sub-add': (_, name) => ({ name }),
  'sub-set': async (account, name) => {
    await rows.insertAccount(server.database.db, name, { parent: account });
    return { name, isDisabled: true };
  },
  'sub-invite': async (account, name) => {
    await rows.insertAccount(server.database.db, name, { parent: account });
    return { name };
  },
  'sub-remove': async (account, name) => {
    await rows.insertAccount(server.database.db, name, { parent: account });
    return { name };
  },
  users: () => ({}),
  'user-add': (_, name) => ({ name }),
  'user-set': async (_, name) => ({ ...(await victim(name)), isDisabled: true }),
  'user-invite': (_, name) => victim(name),
  'user-remove': (_, name) => victim(name),
  'user-usage': () => ({}),
  'user-devices': (_, name) => victim(name),
  'user-device-revoke': async (_, name) => {
    const { db } = server.database;
    const device = { ...newDevice(), role: 'admin' } as const;
    return { name, id: await rows.insertDevice(db, await rows.insertAccount(db, name), device) };
  },
  'user-token-revoke': async (_, name) => {
    const { db } = server.database;
    return { name, id: await rows.insertToken(db, await rows.insertAccount(db, name), { text: name, role: 'read' }) };
  },
  'user-grants': (_, name) => victim(name),
  'user-grant-remove': async (_, owner) => {
    const { db } = server.database;
    const [target, to] = ['notes', `${owner}-friend`];
    const id = await rows.insertTarget(db, await rows.insertAccount(db, owner), target);
    await rows.insertGrant(db, id, await rows.insertAccount(db, to), 'read');
    return { owner, target, to };
  },
  config: () => ({}),
  'config-set': () => ({ name: 'log-level', value: 'info' }),
  'config-unset': () => ({ name: 'log-level' }),
  keys: () => ({}),
  'key-add': () => ({}),
  'key-present': async () => ({ key: await waitingKey() }),
  'key-retire': async () => ({ key: await waitingKey() }),
  fsck: () => ({}),
  audit: () => ({}),
  'ledger-head': () => ({ from: 1 }),
  ledger: () => ({ size: 1 }),
  'ledger-find': (_, __, target) => ({ target, path: 'snapshots/none', size: 1 }),
  'record-put': (_, name) => ({ kind: name, data: 'AAAA' }),
  replicas: () => ({}),
  'replica-add': (_, name) => ({ name, location: 'neo://127.0.0.1:1', fingerprint: NO_KEY, code: name }),
  'replica-remove': async (_, name) => {
    const row = { id: name, name, site: name, location: 'neo://127.0.0.1:1', keys: JSON.stringify([NO_KEY]) };
    await server.database.db
      .insertInto('replicas')
      .values({ ...row, device_key: '', created: 1, compared: null, witness: null })
      .execute();
    return { name };
  },
  'replica-compare': (_, name) => ({ name }),
  'replica-invite': (_, name) => ({ name }),
  'replica-offer': (_, name) => ({ site: SITE, owner: name, target: name, configs: [], objects: [] }),
  'replica-prove': (_, name) => ({ owner: name, target: name, nonce: proof, paths: ['packs/00/a'] }),
  'replica-head': () => {
    const head = { v: 1, site: SITE, size: 1, root: proof, time: 1, signature: proof.repeat(2) };
    return { key: proof, head, from: 0, consistency: [] };
  },
  shutdown: () => ({}),
};

async function waitingKey(): Promise<string> {
  const { keys } = server;
  const found = keys.list().find(({ state }) => state === 'waiting') ?? (await keys.add(keys.make(), false));
  return found.fingerprint;
}

async function setAccount(id: string, set: Parameters<typeof rows.insertAccount>[2] & object): Promise<void> {
  await server.database.db.updateTable('accounts').where('id', '=', id).set(set).execute();
}

async function codeFor(name: string): Promise<string> {
  const { db } = server.database;
  await rows.insertCode(db, await rows.insertAccount(db, name), name, Date.now() + 60_000);
  return name;
}

async function victim(name: string): Promise<{ name: string }> {
  await rows.insertAccount(server.database.db, name);
  return { name };
}

const PACK = { path: 'packs/00/a' };
const OBJECT_REQUESTS: Readonly<Record<string, Asked>> = {
  'list share': { query: `?folder=shares/${SHARE}` },
  ranges: { body: '{"ranges":[["packs/00/a",0,1]]}' },
  'ranges beyond': { body: '{"ranges":[["packs/00/a",0,1],["packs/00/a",1,1]]}' },
  'get share': { path: `shares/${SHARE}/1` },
  'get reached': { ...PACK, headers: { range: 'bytes=0-0' } },
  get: PACK,
  stat: PACK,
  tree: { body: '{"prefixes":[""]}' },
  remove: { path: 'packs/00/none' },
  'remove keys/': { path: 'keys/none' },
};

async function prepare(verb: string, { account, target }: World): Promise<Prepared> {
  nth += 1;
  const name = `no-${nth}`;
  if (Object.hasOwn(CONTROLS, verb)) {
    return control(verb as ControlVerb, await CONTROLS[verb as ControlVerb](account, name, target));
  }
  const [plain = '', folder = 'packs/00/'] = verb.split(' ');
  const asked = OBJECT_REQUESTS[verb] ?? (plain === 'put' ? { path: `${folder}${name}`, body: 'x' } : {});
  return { verb: plain as Verb, asked: { target, ...asked } };
}

/** What begins, and would not end. */
function firstOf(client: RawClient): Promise<RawAnswer> {
  const stream = client.start('events', {});
  stream.once('data', () => stream.close());
  stream.end();
  return answerOf(stream);
}

it('all verbs are told of', () => {
  const objects = Object.keys(VERBS).filter((verb) => verb !== 'control');
  const folders = ['put removals/', 'put shares/', 'put tombs/', 'remove keys/'];
  folders.push('list share', 'get share', 'get reached', 'ranges beyond');
  expect([...ALL].sort()).toEqual([...objects, ...folders, ...Object.keys(CONTROL)].sort());
  expect(new Set(ALL).size).toBe(ALL.length);
});

describe.each(Object.keys(TOLD))('%s', (who) => {
  let world: World;
  beforeAll(async () => {
    server = serverFor(who);
    world = await worldOf(server, who);
  });
  afterAll(() => world.client.close());

  /** Others ask for a second factor, or do away with one. */
  const setSecond = (second: Told['second'], totp: string | null) =>
    TOLD[who]?.second === second ? setAccount(world.account, { totp, totp_step: 0 }) : undefined;

  it.each(ALL)('%s', async (name) => {
    // One that was let in is no stranger any more.
    if (who === 'unknown device') world = await worldOf(server, who);
    await setSecond('has', SECRET);
    const { verb, asked } = await prepare(name, world);
    await setSecond('lacks', null);
    // The code is spent before it is known that it was in vain.
    const state = () => stateOf(server, world, name === 'enrol');
    const before = await state();
    const answer = await (verb === 'events' ? firstOf(world.client) : world.client.ask(verb, asked));
    const expected = told(who, name);
    const outcome = seen(answer, name);
    cells.asked += 1;
    cells[expected === 'done' ? 'done' : 'refused'] += 1;
    if (expected === 'done') expect(outcome).toMatch(/^done$|^refused: (?!permission-denied|failed)/);
    else {
      expect(outcome).toBe(expected);
      expect(await state()).toEqual(before);
    }
  });
});

it('every cell was asked for, and the server had no fault', () => {
  const count = Object.keys(TOLD).length * ALL.length;
  console.info(`${cells.asked} cells: ${cells.done} allowed, ${cells.refused} refused`);
  expect(cells).toEqual({ asked: count, done: cells.done, refused: count - cells.done });
  for (const { faults } of servers) expect(faults).toEqual([]);
});
