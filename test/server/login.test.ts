/** How devices are let in, over the wire: by the first code, by codes, by secrets; and what is tried instead. */
import { HOTP, Secret } from 'otpauth';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { verifierOf } from '../../src/engine/verifier.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Credentials, jsonIn, type RawAnswer, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertCode, insertToken } from '../support/server-rows.ts';
import { SimClock } from '../support/sim-clock.ts';

let server: OwnServer;
let clock: SimClock;
const clients: RawClient[] = [];

beforeEach(async () => {
  clock = new SimClock(Date.now());
  server = await startOwnServer(undefined, { clock });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  const { faults } = server;
  await server.stop();
  expect(faults).toEqual([]);
});

function client(credentials: Credentials = {}, from?: string): RawClient {
  const made = new RawClient(server.port, credentials, from);
  clients.push(made);
  return made;
}

/** A device that nobody knows, at some address of this machine. */
const stranger = (from?: string): RawClient => client({ device: newDevice() }, from);

const RIGHT = 'ab'.repeat(32);
const WRONG = 'cd'.repeat(32);
const KDF = { salt: '0f'.repeat(16), memory: 65_536, passes: 3, lanes: 4 };

type More = NonNullable<Parameters<typeof insertAccount>[2]>;
function withSecret(name: string, more: More = {}): Promise<string> {
  const verifier = toHex(verifierOf(Buffer.from(RIGHT, 'hex')));
  return insertAccount(server.database.db, name, { kdf: JSON.stringify(KDF), verifier, ...more });
}

const login = (account: string, proof: string, second?: string, from?: string): Promise<RawAnswer> =>
  stranger(from).control('login', { account, proof, device: 'laptop', ...(second === undefined ? {} : { second }) });
const enrol = (code: string, from?: string, more: object = {}): Promise<RawAnswer> =>
  stranger(from).control('enrol', { code, device: 'laptop', ...more });
const told = ({ status, body }: RawAnswer): string => `${status} ${body}`;
const isEarly = ({ message }: RawAnswer): boolean => message.startsWith('too many tries');

describe('the code of the first administrator', () => {
  it('is good once, also for two at once', async () => {
    const code = server.adminCode ?? '';
    const answers = await Promise.all([enrol(code), enrol(code, undefined, { account: 'other' }), enrol(code)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403]);
    expect((await enrol(code)).code).toBe('permission-denied');
    const admins = await server.database.db.selectFrom('accounts').where('is_admin', '=', 1).select('id').execute();
    expect(admins.length).toBe(1);
  });

  it('makes nobody an administrator who has an account already', async () => {
    await insertAccount(server.database.db, 'anna');
    expect((await enrol(server.adminCode ?? '', undefined, { account: 'anna' })).code).toBe('already-exists');
    expect((await enrol(server.adminCode ?? '', undefined, { account: 'berta' })).status).toBe(200);
  });

  it('is of no use for as long as it was not used in time', async () => {
    clock.advance(25 * 3_600_000);
    expect((await enrol(server.adminCode ?? '')).code).toBe('permission-denied');
  });
});

describe('a code', () => {
  it('lets in to its account only', async () => {
    const { db } = server.database;
    await insertCode(db, await insertAccount(db, 'anna'), 'for-anna', clock.now() + 1000, 'append');
    expect(await enrol('for-anna', undefined, { account: 'berta' })).toMatchObject({ code: 'permission-denied' });
    const answer = await enrol('FOR ANNA', undefined, { account: 'anna' });
    expect(jsonIn(answer)).toMatchObject({ account: 'anna', role: 'append', isAdministrator: false });
    expect((await enrol('for-anna')).code).toBe('permission-denied');
  });

  it('that is too old is as one that was never made', async () => {
    const { db } = server.database;
    await insertCode(db, await insertAccount(db, 'anna'), 'old', clock.now() + 1000);
    clock.advance(1000);
    expect(told(await enrol('old'))).toBe(told(await enrol('never')));
  });

  it.each([{ is_disabled: 1 }, { expires: 1 }])('of an account with %j lets nobody in, and stays', async (closed) => {
    const { db } = server.database;
    await insertCode(db, await insertAccount(db, 'anna', closed), 'for-anna', clock.now() + 1000);
    expect((await enrol('for-anna')).code).toBe('permission-denied');
    await insertAccount(db, 'anna', { is_disabled: 0, expires: null });
    expect((await enrol('for-anna')).status).toBe(200);
  });

  it('lets no key in that is known: not twice, not to another account, not after it was revoked', async () => {
    const { db } = server.database;
    const anna = await insertAccount(db, 'anna');
    for (const code of ['one', 'two']) await insertCode(db, anna, code, clock.now() + 1000);
    await insertCode(db, await insertAccount(db, 'berta'), 'three', clock.now() + 1000);
    const device = client({ device: newDevice() });
    const { device: id } = jsonIn(await device.control('enrol', { code: 'one', device: 'laptop' }));
    const again = () => ['two', 'three'].map((code) => device.control('enrol', { code, device: 'laptop' }));
    for (const answer of await Promise.all(again())) expect(answer.message).toContain('knows the key');
    expect((await device.control('device-revoke', { id })).status).toBe(200);
    for (const answer of await Promise.all(again())) expect(answer.message).toContain('knows the key');
    expect((await enrol('two')).status).toBe(200);
  });
});

describe('the secret of an account', () => {
  it('that is wrong is answered as an account that is not there, is closed, or has none', async () => {
    const { db } = server.database;
    await withSecret('anna');
    await withSecret('disabled', { is_disabled: 1 });
    await withSecret('expired', { expires: clock.now() });
    await insertAccount(db, 'without');
    const parent = await insertAccount(db, 'parent', { is_disabled: 1 });
    await withSecret('sub-of-disabled', { parent });
    await withSecret('sub-of-expired', { parent: await insertAccount(db, 'parent-2', { expires: 1 }) });
    const wrong = told(await login('anna', WRONG));
    expect(wrong).toMatch(/^403/);
    const closed = ['disabled', 'expired', 'sub-of-disabled', 'sub-of-expired'];
    for (const name of ['nobody', 'without', ...closed])
      expect([name, told(await login(name, RIGHT))]).toEqual([name, wrong]);
    // Of those without one nothing lets in: not what would be compared in its place either.
    expect(told(await login('without', '00'.repeat(32)))).toBe(wrong);
    expect((await login('anna', RIGHT)).status).toBe(200);
  });

  it('takes as long to be refused whether there is such an account or not', async () => {
    const took: Record<'there' | 'none', number[]> = { there: [], none: [] };
    const device = stranger();
    for (let n = 0; n < 40; n += 1) {
      await withSecret(`there-${n}`);
      for (const kind of ['there', 'none'] as const) {
        // Longer than anybody waits.
        clock.advance(3_600_000);
        const from = performance.now();
        const { message } = await device.control('login', { account: `${kind}-${n}`, proof: WRONG, device: 'x' });
        took[kind].push(performance.now() - from);
        expect(message).toContain('is wrong');
      }
    }
    const [there = 0, none = 0] = Object.values(took).map((times) => times.sort((a, b) => a - b)[20] ?? 0);
    expect(Math.max(there, none)).toBeLessThan(4 * Math.min(there, none) + 2);
  });

  it('is stretched in a way that tells nothing of whether the account is there', async () => {
    await withSecret('anna');
    const anybody = client();
    const start = async (account: string) => (await anybody.control('login-start', { account })).body.toString();
    const none = await start('nobody');
    expect(await start('nobody')).toBe(none);
    expect(await start('no-one')).not.toBe(none);
    const salt = (text: string): string => /"salt":"([0-9a-f]{32})"/.exec(text)?.[1] ?? '';
    expect(none.replace(salt(none), '')).toBe((await start('anna')).replace(salt(await start('anna')), ''));
    expect(salt(none)).not.toBe('');
  });
});

/** Thirty that have all come as far as the database before it answers the first one. */
async function atOnce(ask: (n: number) => Promise<RawAnswer>): Promise<RawAnswer[]> {
  const held = Promise.withResolvers<void>();
  const holding = server.database.db.connection().execute(() => held.promise);
  const asked = Array.from({ length: 30 }, (_, n) => ask(n));
  setTimeout(held.resolve, 200);
  await holding;
  return Promise.all(asked);
}

const lookedAt = (answers: readonly RawAnswer[]): number => answers.filter((answer) => !isEarly(answer)).length;

describe('whoever tries', () => {
  it('waits after some tries; others from elsewhere, and with other accounts, do not', async () => {
    for (const name of ['anna', 'berta']) await withSecret(name);
    for (let n = 0; n < 4; n += 1) expect(isEarly(await login('anna', WRONG))).toBe(false);
    expect(isEarly(await login('anna', WRONG))).toBe(true);
    expect(isEarly(await login('anna', RIGHT))).toBe(true);
    expect((await login('berta', RIGHT)).status).toBe(200);
    expect((await login('anna', RIGHT, undefined, '127.0.0.2')).status).toBe(200);
    clock.advance(1_001);
    expect((await login('anna', RIGHT)).status).toBe(200);
  });

  it('waits longer each time', async () => {
    await withSecret('anna');
    const device = stranger();
    const ask = () => device.control('login', { account: 'anna', proof: WRONG, device: 'x' });
    for (let n = 0; n < 3; n += 1) expect(isEarly(await ask())).toBe(false);
    const waits: number[] = [];
    for (let n = 0; n < 15; n += 1) {
      expect(isEarly(await ask())).toBe(false);
      const wait = Number(/wait (\d+) s/.exec((await ask()).message)?.[1]);
      waits.push(wait);
      clock.advance(wait * 1000);
    }
    expect(waits.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
    expect(waits.slice(10)).toEqual([900, 900, 900, 900, 900]);
  });

  it('has no more tries at once than one after the other', async () => {
    const anna = await withSecret('anna');
    await insertCode(server.database.db, anna, 'right', clock.now() + 1000);
    const device = stranger();
    const logins = await atOnce(() => device.control('login', { account: 'anna', proof: WRONG, device: 'x' }));
    expect(lookedAt(logins)).toBe(4);
    const codes = await atOnce(() => device.control('enrol', { code: 'wrong', device: 'x' }));
    expect(lookedAt(codes)).toBe(4);
  });

  it('cannot keep those out who have a code, from however many networks', async () => {
    const { db } = server.database;
    await insertCode(db, await insertAccount(db, 'anna'), 'right', clock.now() + 1000);
    for (let n = 2; n < 42; n += 1) {
      for (let tries = 0; tries < 3; tries += 1) await enrol('wrong', `127.0.0.${n}`);
    }
    expect((await enrol('right')).status).toBe(200);
  });
});

describe('the second factor', () => {
  const codeNow = (secret: string): string =>
    HOTP.generate({ secret: Secret.fromBase32(secret), counter: Math.floor(clock.now() / 30_000) });

  async function withFactor(): Promise<{ owner: RawClient; secret: string; recovery: readonly string[] }> {
    await withSecret('anna');
    const { device } = await server.trustOf('anna');
    const owner = client(device === undefined ? {} : { device });
    const { secret } = jsonIn<{ secret: string }>(await owner.control('second-start'));
    const { recovery } = jsonIn<{ recovery: string[] }>(
      await owner.control('second-confirm', { second: codeNow(secret) }),
    );
    return { owner, secret, recovery };
  }

  it('is asked for after the secret, and its codes are good once', async () => {
    const { secret, recovery } = await withFactor();
    expect(jsonIn(await login('anna', RIGHT))).toEqual({ needsSecondFactor: true });
    expect((await login('anna', WRONG)).code).toBe('permission-denied');
    const first = codeNow(secret);
    expect((await login('anna', RIGHT, first)).code).toBe('permission-denied');
    clock.advance(30_000);
    const next = codeNow(secret);
    const both = await Promise.all([login('anna', RIGHT, next), login('anna', RIGHT, next)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 403]);
    clock.advance(3_600_000);
    expect((await login('anna', RIGHT, next)).status).toBe(403);
    clock.advance(3_600_000);
    expect((await login('anna', RIGHT, recovery[3]?.toUpperCase())).status).toBe(200);
    expect((await login('anna', RIGHT, recovery[3])).status).toBe(403);
    expect((await login('anna', RIGHT, recovery[4])).status).toBe(200);
  });

  it('is not found by many tries at once', async () => {
    const { owner } = await withFactor();
    clock.advance(30_000);
    const device = stranger();
    const second = (n: number): string => `00${1000 + n}`;
    const request = { account: 'anna', proof: RIGHT, device: 'x' };
    const tries = await atOnce((n) => device.control('login', { ...request, second: second(n) }));
    expect(lookedAt(tries)).toBe(4);
    clock.advance(3_600_000);
    // One more, and it is too early again.
    expect(lookedAt(await atOnce((n) => owner.control('second-remove', { second: second(n) })))).toBe(1);
  });

  it('goes only with one of its codes', async () => {
    const { owner, secret, recovery } = await withFactor();
    expect((await owner.control('second-start')).code).toBe('already-exists');
    expect((await owner.control('second-remove', { second: codeNow(secret) })).code).toBe('permission-denied');
    expect((await owner.control('second-remove', { second: recovery[0] })).status).toBe(200);
    expect((await login('anna', RIGHT)).status).toBe(200);
  });
});

describe('a new secret', () => {
  it('needs the one that holds, and ends tokens and codes, but no devices', async () => {
    const { db } = server.database;
    const anna = await withSecret('anna');
    await insertToken(db, anna, { text: 'a-token', role: 'read' });
    await insertCode(db, anna, 'a-code', clock.now() + 100_000);
    const [first, second] = [await server.trustOf('anna'), await server.trustOf('anna')].map(({ device }) =>
      client(device === undefined ? {} : { device }),
    );
    const set = (more: object) => first?.control('secret-set', { kdf: KDF, proof: WRONG, ...more });
    expect((await set({}))?.code).toBe('permission-denied');
    expect((await set({ current: WRONG }))?.code).toBe('permission-denied');
    expect((await client({ token: 'a-token' }).control('whoami')).status).toBe(200);
    expect((await set({ current: RIGHT }))?.status).toBe(200);
    expect((await client({ token: 'a-token' }).control('whoami')).code).toBe('permission-denied');
    expect((await enrol('a-code')).code).toBe('permission-denied');
    expect((await second?.control('whoami'))?.status).toBe(200);
    expect((await login('anna', RIGHT)).code).toBe('permission-denied');
    expect((await login('anna', WRONG)).status).toBe(200);
  });
});
