/** A whole life of an account, and then: no secret, proof, code or token in what the server keeps, nor in an answer but the one it is meant for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOTP, Secret } from 'otpauth';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { toBase64, toHex, utf8 } from '../../src/core/bytes.ts';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { deriveLogin } from '../../src/engine/login-secret.ts';
import { normalizeCode } from '../../src/engine/second-factor.ts';
import type { ControlVerb } from '../../src/protocol/control.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Credentials, jsonIn, RawClient } from '../support/raw-client.ts';
import { SimClock } from '../support/sim-clock.ts';

const PASSWORD = 'correct horse battery staple';
/** By what it is: texts in which it would be known again. */
const secrets = new Map<string, readonly string[]>();
const answers: { readonly verb: string; readonly text: string }[] = [];
const logged: string[] = [];
const clients: RawClient[] = [];
let server: OwnServer;
let clock: SimClock;

function connect(credentials: Credentials): (verb: ControlVerb, request?: object) => Promise<Record<string, string>> {
  const client = new RawClient(server.port, credentials);
  clients.push(client);
  return async (verb, request = {}) => {
    const answer = await client.control(verb, request);
    answers.push({ verb, text: answer.body.toString() });
    expect([verb, answer.status]).toEqual([
      verb,
      expect.toSatisfy((status: number) => status === 200 || status === 403),
    ]);
    return jsonIn<Record<string, string>>(answer);
  };
}

const hide = (what: string, text: string): string => {
  secrets.set(what, [...new Set([text, normalizeCode(text), text.replaceAll('-', ''), text.replace(/^neo_/, '')])]);
  return text;
};
const hideBytes = (what: string, bytes: Uint8Array): string => {
  const base64 = Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  secrets.set(what, [toHex(bytes), toBase64(bytes), base64, Buffer.from(bytes).toString('latin1')]);
  return toHex(bytes);
};

beforeAll(async () => {
  clock = new SimClock(Date.now());
  server = await startOwnServer(undefined, {
    clock,
    log: (event, detail) => logged.push(JSON.stringify({ event, ...detail })),
  });
  const engine = await loadEngine();
  const kdf = { memory: 65_536, passes: 3, lanes: 4 };
  const salt = systemRandom.bytes(16);
  const keys = await deriveLogin(engine, utf8(PASSWORD), { salt, ...kdf }, server.fingerprint);
  secrets.set('password', [PASSWORD, Buffer.from(PASSWORD).toString('base64'), Buffer.from(PASSWORD).toString('hex')]);
  const proof = hideBytes('proof', keys.proof);
  hideBytes('sealing key', keys.sealingKey);
  const wrong = hideBytes('wrong proof', systemRandom.bytes(32));

  const root = connect({ device: newDevice() });
  await root('enrol', { code: hide('first code', server.adminCode ?? ''), device: 'laptop' });
  await root('secret-set', { kdf: { salt: toHex(salt), ...kdf }, proof });
  await root('secret-set', { kdf: { salt: toHex(salt), ...kdf }, proof, current: wrong });
  const { secret = '' } = await root('second-start');
  secrets.set('second factor', [secret]);
  const code = (): string =>
    HOTP.generate({ secret: Secret.fromBase32(secret), counter: Math.floor(clock.now() / 30_000) });
  const { recovery } = (await root('second-confirm', { second: code() })) as unknown as { recovery: string[] };
  for (const [n, each] of recovery.entries()) hide(`recovery code ${n}`, each);
  await root('target-create', { name: 'notes' });
  const { token = '' } = await root('token-create', { name: 'script', target: 'notes', role: 'read' });
  hide('token', token);
  for (const [verb, request] of [
    ['device-invite', { role: 'append' }],
    ['user-add', { name: 'anna', quota: 1000 }],
    ['user-invite', { name: 'anna' }],
    ['sub-add', { name: 'sub' }],
  ] as const) {
    hide(`code of ${verb}`, (await root(verb, request))['code'] ?? '');
  }
  const [used = ''] = secrets.get('code of user-invite') ?? [];
  await connect({ device: newDevice() })('enrol', { code: used, account: 'anna', device: 'phone' });
  clock.advance(60_000);
  for (const request of [{ proof: wrong }, { proof }, { proof, second: code() }, { proof, second: recovery[1] }]) {
    await connect({ device: newDevice() })('login', { account: 'admin', device: 'tablet', ...request });
  }
  await connect({ token })('whoami');
  await connect({ token: hide('token that is none', `neo_${toBase64(systemRandom.bytes(32))}`) })('whoami');
  for (const verb of [
    'whoami',
    'targets',
    'usage',
    'devices',
    'tokens',
    'grants',
    'subs',
    'users',
    'user-usage',
    'audit',
  ] as const)
    await root(verb);
  await root('login-start', { account: 'admin' });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

/** All that lies in the data folder but the server's own key. */
function kept(): ReadonlyMap<string, Buffer> {
  const files = readdirSync(server.dataRoot, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const paths = files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !path.endsWith('server.key'));
  return new Map(paths.map((path) => [path.slice(server.dataRoot.length + 1), readFileSync(path)]));
}

it('there was something to be found', () => {
  expect(secrets.size).toBe(22);
  for (const texts of secrets.values()) for (const text of texts) expect(text.length).toBeGreaterThan(14);
  const files = kept();
  expect([...files.keys()].filter((name) => name.startsWith('server.db'))).toEqual(
    expect.arrayContaining(['server.db', 'server.db-wal']),
  );
  // What is written down is written as it is.
  expect(Buffer.concat([...files.values()]).includes('device-invite')).toBe(true);
});

it('nothing that lets in lies in the data folder', () => {
  for (const [name, bytes] of kept()) {
    for (const [what, texts] of secrets) {
      // It has to be known to compute its codes.
      if (what === 'second factor') continue;
      const found = texts.filter((text) => bytes.includes(Buffer.from(text, 'latin1')));
      expect([name, what, found]).toEqual([name, what, []]);
    }
  }
});

it('an answer has the secret that it is there to tell, once, and no other', () => {
  const told: string[] = [];
  for (const { verb, text } of answers) {
    for (const [what, texts] of secrets) if (texts.some((each) => text.includes(each))) told.push(`${verb}: ${what}`);
  }
  expect(told.sort()).toEqual(
    [
      'second-start: second factor',
      ...Array.from({ length: 10 }, (_, n) => `second-confirm: recovery code ${n}`),
      'token-create: token',
      ...['device-invite', 'user-add', 'user-invite', 'sub-add'].map((verb) => `${verb}: code of ${verb}`),
    ].sort(),
  );
});

it('the log has none', () => {
  expect(logged.length).toBeGreaterThan(10);
  for (const [what, texts] of secrets) {
    expect([what, logged.filter((line) => texts.some((each) => line.includes(each)))]).toEqual([what, []]);
  }
});
