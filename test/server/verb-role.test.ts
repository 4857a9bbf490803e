/**
 * Every verb with everybody who may come to a server, as requests go over the wire. What is expected is written down here as people are told it
 * (docs/protocol.md); each request would be right, and what it is about is there, so that nothing but the right refuses.
 */
import { HOTP, Secret } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { verifierOf } from '../../src/engine/verifier.ts';
import { CONTROL, type ControlVerb, ROLES, type Role } from '../../src/protocol/control.ts';
import { VERBS, type Verb } from '../../src/protocol/verbs.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Asked, answerOf, type RawAnswer, RawClient } from '../support/raw-client.ts';
import * as rows from '../support/server-rows.ts';

/** Put below removals/, shares/ and tombs/ count as verbs of their own. */
const READ = ['time', 'list', 'changes', 'ranges', 'stat', 'get'];
const APPEND = [...READ, 'put'];
const WRITE = [...APPEND, 'put removals/', 'put shares/'];
const PRUNE = [...WRITE, 'put tombs/', 'remove'];
const IN_TARGETS: Readonly<Record<Role, readonly string[]>> = {
  read: READ,
  append: APPEND,
  write: WRITE,
  prune: PRUNE,
  admin: PRUNE,
};
const ANYBODY = ['hello', 'help', 'health', 'login-start'];
/** These need the key of a device that the server does not know yet. */
const LETS_IN = ['login', 'enrol'];
const KNOWN = ['whoami', 'targets', 'usage'];
const MANAGER = [
  ...['target-create', 'target-remove', 'loss-allow', 'grants', 'grant', 'grant-remove'],
  ...['secret-set', 'second-start', 'second-confirm', 'second-remove'],
  ...['devices', 'device-invite', 'device-revoke', 'tokens', 'token-create', 'token-revoke'],
  ...['subs', 'sub-add', 'sub-set', 'sub-invite', 'sub-remove'],
];
const ADMINISTRATOR = [
  ...['users', 'user-add', 'user-set', 'user-invite', 'user-remove', 'user-usage', 'fsck', 'audit', 'shutdown'],
  ...['metrics', 'events'],
];
const OBJECTS = [...PRUNE];
const ALL = [...ANYBODY, ...LETS_IN, ...KNOWN, ...MANAGER, ...ADMINISTRATOR, ...OBJECTS];

/** Who may do what beside what anybody may; and what all else is refused with. */
interface Told {
  readonly may: readonly string[];
  /** Of verbs of objects: may look into the target and do no more, may not look into it, is nobody. */
  readonly objects: 'denied' | 'no target' | 'not logged in';
  readonly controls: 'denied' | 'not logged in';
  /** Why a device is not let in by `login` and `enrol`; undefined: it is. */
  readonly letIn?: 'no key' | 'known';
}

const nobody: Told = { may: [], objects: 'not logged in', controls: 'not logged in' };
const known = { objects: 'denied', controls: 'denied', letIn: 'known' } as const;
const TOLD: Readonly<Record<string, Told>> = {
  nobody: { ...nobody, letIn: 'no key' },
  'unknown device': nobody,
  ...ofRoles('token', (role) => ({ ...known, may: [...KNOWN, ...IN_TARGETS[role]], letIn: 'no key' })),
  ...ofRoles('device', (role) => ({
    ...known,
    may: [...KNOWN, ...IN_TARGETS[role], ...(role === 'admin' ? MANAGER : [])],
  })),
  ...ofRoles('grantee', (role) => ({ ...known, may: [...KNOWN, ...MANAGER, ...IN_TARGETS[role]] })),
  'sub-account': {
    ...known,
    may: [...KNOWN, ...MANAGER.filter((verb) => !['target-create', 'sub-add'].includes(verb))],
    objects: 'no target',
  },
  'other account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'disabled account': { ...nobody, letIn: 'known' },
  'expired account': { ...nobody, letIn: 'known' },
  'sub-account of a disabled one': { ...nobody, letIn: 'known' },
  'sub-account of an expired one': { ...nobody, letIn: 'known' },
  'expired grant': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'grant of a disabled account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'grant of an expired account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'expired token': { ...nobody, letIn: 'no key' },
  'revoked token': { ...nobody, letIn: 'no key' },
  'revoked device': { ...nobody, letIn: 'known' },
  'token of an administrator': {
    ...known,
    may: [...KNOWN, 'metrics', 'events'],
    objects: 'no target',
    letIn: 'no key',
  },
  administrator: { ...known, may: [...KNOWN, ...MANAGER, ...ADMINISTRATOR], objects: 'no target' },
};

function ofRoles(kind: string, toldOf: (role: Role) => Told): Readonly<Record<string, Told>> {
  return Object.fromEntries(ROLES.map((role) => [`${kind}, ${role}`, toldOf(role)]));
}

type Outcome = 'done' | 'denied' | 'no target' | 'not logged in' | 'no key' | 'known';

function told(who: string, verb: string): Outcome {
  const { may, objects, controls, letIn } = TOLD[who] ?? nobody;
  if (ANYBODY.includes(verb)) return 'done';
  if (LETS_IN.includes(verb)) return letIn ?? 'done';
  if (may.includes(verb)) return 'done';
  // Monitors have no account: how they get in is said to whoever does not.
  if (verb === 'metrics') return 'denied';
  if (verb === 'stat') return 'denied';
  return OBJECTS.includes(verb) ? objects : controls;
}

const REFUSED: readonly (readonly [code: string, message: RegExp, outcome: Outcome])[] = [
  ['permission-denied', /may look into/, 'no target'],
  ['usage', /without a key/, 'no key'],
  ['permission-denied', /^not logged in$/, 'not logged in'],
  ['permission-denied', /knows the key of this device already/, 'known'],
  ['permission-denied', /^/, 'denied'],
];

function seen({ status, code, message }: RawAnswer, verb: string): string {
  if (status >= 200 && status < 300) return 'done';
  // To HEAD there is no body.
  if (verb === 'stat') return status === 403 ? 'denied' : `status ${status}`;
  const found = REFUSED.find((each) => each[0] === code && each[1].test(message));
  return found?.[2] ?? (code === undefined ? `status ${status}` : `refused: ${code}`);
}

let server: OwnServer;
let nth = 0;
const cells = { asked: 0, done: 0, refused: 0 };
beforeAll(async () => {
  server = await startOwnServer();
});
afterAll(() => server.stop());

const PAST = 1;
const SECRET = new Secret({ size: 20 }).base32;
const proof = 'ab'.repeat(32);
const kdf = { salt: '00'.repeat(16), memory: 65_536, passes: 3, lanes: 4 };
const totpNow = (): string =>
  HOTP.generate({ secret: Secret.fromBase32(SECRET), counter: Math.floor(Date.now() / 30_000) });

interface World {
  readonly client: RawClient;
  /** Of whoever asks. */
  readonly account: string;
  readonly target: string;
}

/** Somebody with a target of a name that is nobody else's, and whoever is to ask for it. */
async function worldOf(who: string): Promise<World> {
  const { db } = server.database;
  const [kind = '', role = 'admin'] = who.split(', ') as [string, Role?];
  nth += 1;
  const owner = await rows.insertAccount(db, `owner-${nth}`);
  const name = `notes-${nth}`;
  const id = await rows.insertTarget(db, owner, name);
  await fillTarget(owner, name);
  const device = newDevice();
  const token = `token-${nth}`;
  const make = async (account: string, lasts: { revoked?: number } = {}) => {
    await rows.insertDevice(db, account, { ...device, role: 'admin', ...lasts });
    return { client: new RawClient(server.port, { device }), account, target: `owner-${nth}:${name}` };
  };
  const withToken = async (lasts: { revoked?: number; expires?: number }): Promise<World> => {
    await rows.insertToken(db, owner, { text: token, role, ...lasts });
    return { client: new RawClient(server.port, { token }), account: owner, target: name };
  };
  const other = (more: Parameters<typeof rows.insertAccount>[2] = {}) => rows.insertAccount(db, `other-${nth}`, more);
  const grantee = async (granted: Role, expires?: number): Promise<World> => {
    const account = await other();
    await rows.insertGrant(db, id, account, granted, expires);
    return make(account);
  };
  const sub = async (): Promise<World> => ({ ...(await make(await other({ parent: owner }))), target: name });
  const shut = async (more: Parameters<typeof rows.insertAccount>[2], world: Promise<World>): Promise<World> => {
    const made = await world;
    await rows.insertAccount(db, `owner-${nth}`, more);
    return made;
  };
  const own = async (lasts: { revoked?: number } = {}): Promise<World> => ({
    ...(await make(owner, lasts)),
    target: name,
  });
  switch (kind) {
    case 'token':
      return withToken({});
    case 'expired token':
      return withToken({ expires: PAST });
    case 'revoked token':
      return withToken({ revoked: PAST });
    case 'device':
      await rows.insertDevice(db, owner, { ...device, role });
      return { client: new RawClient(server.port, { device }), account: owner, target: name };
    case 'revoked device':
      return own({ revoked: PAST });
    case 'disabled account':
      return shut({ is_disabled: 1 }, own());
    case 'expired account':
      return shut({ expires: PAST }, own());
    case 'grantee':
      return grantee(role);
    case 'expired grant':
      return grantee('admin', PAST);
    case 'grant of a disabled account':
      return shut({ is_disabled: 1 }, grantee('admin'));
    case 'grant of an expired account':
      return shut({ expires: PAST }, grantee('admin'));
    case 'sub-account':
      return sub();
    case 'sub-account of a disabled one':
      return shut({ is_disabled: 1 }, sub());
    case 'sub-account of an expired one':
      return shut({ expires: PAST }, sub());
    case 'other account':
      return make(await other());
    case 'token of an administrator':
      await rows.insertToken(db, await other({ is_admin: 1 }), { text: token, role: 'admin' });
      return { client: new RawClient(server.port, { token }), account: await other(), target: `owner-${nth}:${name}` };
    case 'administrator':
      return make(await other({ is_admin: 1 }));
    default: {
      const credentials = kind === 'nobody' ? {} : { device };
      return { client: new RawClient(server.port, credentials), account: owner, target: name };
    }
  }
}

async function fillTarget(owner: string, target: string): Promise<void> {
  const token = `filler-${nth}`;
  await rows.insertToken(server.database.db, owner, { text: token, role: 'append' });
  const filler = new RawClient(server.port, { token });
  expect((await filler.ask('put', { target, path: 'packs/00/a', body: 'bytes' })).status).toBe(204);
  filler.close();
}

type Prepared = { readonly verb: Verb; readonly asked: Asked };
const control = (verb: ControlVerb, request: unknown): Prepared => {
  // What refuses is the right and never the form.
  expect(CONTROL[verb].request.safeParse(request).success).toBe(true);
  return { verb: 'control', asked: { path: verb, body: JSON.stringify(request) } };
};

/** What has to be there of the account that asks for it to be possible, made anew for each. */
const CONTROLS: Readonly<Record<ControlVerb, (account: string, name: string) => unknown>> = {
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
  fsck: () => ({}),
  audit: () => ({}),
  shutdown: () => ({}),
};

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

async function prepare(verb: string, { account, target }: World): Promise<Prepared> {
  nth += 1;
  const name = `no-${nth}`;
  if (Object.hasOwn(CONTROLS, verb)) {
    return control(verb as ControlVerb, await CONTROLS[verb as ControlVerb](account, name));
  }
  const [plain = '', folder = 'packs/00/'] = verb.split(' ');
  const path = { put: `${folder}${name}`, remove: 'packs/00/none', stat: 'packs/00/a', get: 'packs/00/a' }[plain];
  const body = { put: 'x', ranges: '{"ranges":[["packs/00/a",0,1]]}' }[plain];
  return { verb: plain as Verb, asked: { target, ...(path && { path }), ...(body && { body }) } };
}

/** What begins, and would not end. */
function firstOf(client: RawClient): Promise<RawAnswer> {
  const stream = client.start('events', {});
  stream.once('data', () => stream.close());
  stream.end();
  return answerOf(stream);
}

const lastEntry = async (): Promise<unknown> => {
  const last = server.database.db.selectFrom('audit').select('seq').orderBy('seq', 'desc').limit(1);
  return (await last.executeTakeFirst())?.seq ?? 0;
};

it('all verbs are told of', () => {
  const objects = Object.keys(VERBS).filter((verb) => verb !== 'control');
  const folders = ['put removals/', 'put shares/', 'put tombs/'];
  expect([...ALL].sort()).toEqual([...objects, ...folders, ...Object.keys(CONTROL)].sort());
  expect(new Set(ALL).size).toBe(ALL.length);
});

describe.each(Object.keys(TOLD))('%s', (who) => {
  let world: World;
  beforeAll(async () => {
    world = await worldOf(who);
  });
  afterAll(() => world.client.close());

  it.each(ALL)('%s', async (name) => {
    // One that was let in is no stranger any more.
    if (who === 'unknown device') world = await worldOf(who);
    const { verb, asked } = await prepare(name, world);
    const before = await lastEntry();
    const answer = await (verb === 'events' ? firstOf(world.client) : world.client.ask(verb, asked));
    const expected = told(who, name);
    const outcome = seen(answer, name);
    cells.asked += 1;
    cells[expected === 'done' ? 'done' : 'refused'] += 1;
    if (expected === 'done') expect(outcome).toMatch(/^done$|^refused: (?!permission-denied|failed)/);
    else {
      expect(outcome).toBe(name === 'stat' ? 'denied' : expected);
      expect(await lastEntry()).toBe(before);
    }
  });
});

it('every cell was asked for, and the server had no fault', () => {
  const count = Object.keys(TOLD).length * ALL.length;
  console.info(`${cells.asked} cells: ${cells.done} allowed, ${cells.refused} refused`);
  expect(cells).toEqual({ asked: count, done: cells.done, refused: count - cells.done });
  expect(server.faults).toEqual([]);
});
