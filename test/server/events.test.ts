/** What administrators are told while it happens: to whom, how fast, and how little of it is kept for those who do not read. */
import type { ClientHttp2Stream } from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlClient, Trust } from '../../src/backends/neo-control.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/server/log.ts';
import { News } from '../../src/server/news.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { answerOf, type Credentials, jsonIn, RawClient } from '../support/raw-client.ts';
import { enrol } from '../support/serve-admin.ts';
import { insertAccount, insertDevice, insertToken } from '../support/server-rows.ts';
import { SimClock } from '../support/sim-clock.ts';

type Event = Readonly<Record<string, unknown>> & { readonly event: string };

/** What comes on a stream. */
class Watcher {
  readonly stream: ClientHttp2Stream;
  readonly ended: Promise<number>;
  text = '';

  constructor(by: RawClient) {
    this.stream = by.start('events', {});
    this.stream.on('data', (piece: Buffer) => {
      this.text += piece.toString();
    });
    this.ended = new Promise((resolve) => this.stream.once('close', () => resolve(this.stream.rstCode ?? -1)));
    this.stream.end();
  }

  get events(): Event[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event);
  }

  of(event: string): Event[] {
    return this.events.filter((each) => each.event === event);
  }

  async has(event: string, detail: object = {}): Promise<void> {
    await expect
      .poll(() => this.events, { timeout: 5_000 })
      .toContainEqual(expect.objectContaining({ event, ...detail }));
  }
}

let server: OwnServer;
let clock: SimClock;
let trust: Trust;
let root: ControlClient;
const clients: RawClient[] = [];

async function begin(idle?: number): Promise<void> {
  clock = new SimClock(Date.now());
  server = await startOwnServer(undefined, { clock, ...(idle !== undefined && { limits: { idle } }) });
  trust = await server.trustOf('root');
  await insertAccount(server.database.db, 'root', { is_admin: 1 });
  root = await server.admin(trust);
}

beforeEach(() => begin());
afterEach(async () => {
  for (const each of clients.splice(0)) each.close();
  const { faults } = server;
  await server.stop();
  expect(faults).toEqual([]);
});

function client(credentials: Credentials): RawClient {
  const made = new RawClient(server.port, credentials);
  clients.push(made);
  return made;
}

const device = (): Credentials => (trust.device === undefined ? {} : { device: trust.device });

async function watch(by = client(device())): Promise<Watcher> {
  const watcher = new Watcher(by);
  await watcher.has('watching');
  return watcher;
}

const put = (by: RawClient, path: string, body = 'bytes') => by.ask('put', { target: 'files', path, body });
const pause = (milliseconds: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('it is told', () => {
  it('what is put and removed, by whom and where, once', async () => {
    const watcher = await watch();
    expect(watcher.events[0]).toEqual({
      event: 'watching',
      time: expect.any(String),
      version: '0.0.0',
      site: server.site,
    });
    const by = client({ token: server.token('prune') });
    await put(by, 'packs/00/a');
    await put(by, 'packs/00/a');
    expect((await put(by, 'packs/00/a', 'other')).code).toBe('integrity');
    await by.ask('remove', { target: 'files', path: 'packs/00/a' });
    await by.ask('remove', { target: 'files', path: 'packs/00/a' });
    await watcher.has('object', { action: 'remove' });
    await pause(100);
    const facts = { account: 'tester', target: 'files', path: 'packs/00/a', size: 5, by: 'tester@a token' };
    const time = new Date(clock.now()).toISOString();
    expect(watcher.of('object')).toEqual([
      { event: 'object', time, action: 'put', ...facts },
      { event: 'object', time, action: 'remove', ...facts },
    ]);
  });

  it('what is in the log, as it is held back there', async () => {
    const watcher = await watch();
    await root.call('user-add', { name: 'ann' });
    const nobody = client({});
    for (let n = 0; n < 50; n += 1) await nobody.control('whoami');
    await watcher.has('change', { level: 'info', action: 'user-add', account: 'root', device: 'a device' });
    await watcher.has('refused', { level: 'warning', verb: 'whoami', reason: 'not logged in' });
    await watcher.has('refused', { unwritten: expect.any(Number) });
    expect(watcher.of('refused').length).toBeLessThan(5);
    // Of the level debug.
    expect(watcher.of('request')).toEqual([]);
  });

  it('to many at once, and nothing is left of those who go', async () => {
    const watchers = await Promise.all(Array.from({ length: 40 }, () => watch()));
    expect(server.news.readers).toBe(40);
    const by = client({ token: server.token('append') });
    for (let n = 0; n < 20; n += 1) await put(by, `packs/00/${n}`);
    await Promise.all(watchers.map((each) => each.has('object', { path: 'packs/00/19' })));
    for (const each of watchers) expect(each.of('object')).toHaveLength(20);
    for (const each of watchers.slice(0, 20)) each.stream.close();
    await expect.poll(() => server.news.readers).toBe(20);
    for (const each of clients.splice(0)) each.close();
    await expect.poll(() => server.news.readers).toBe(0);
  });

  it('over HTTP/1.1 as well', async () => {
    const { token } = await root.call('token-create', { name: 'monitor', role: 'admin' });
    const headers = { authorization: `Bearer ${token}` };
    const options = { host: '127.0.0.1', port: server.port, path: '/v1/events', headers, rejectUnauthorized: false };
    let text = '';
    const request = https.get({ ...options, agent: false }, (response) => {
      response.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
      response.on('error', () => undefined);
    });
    request.on('error', () => undefined);
    await expect.poll(() => text).toContain('watching');
    await put(client({ token: server.token('append') }), 'packs/00/a');
    await expect.poll(() => text).toContain('"object"');
    request.destroy();
    await expect.poll(() => server.news.readers).toBe(0);
  });

  it('that the server ends, and then the stream does', async () => {
    await using real = await startNeoServe();
    const { control } = await enrol(real);
    const told: string[] = [];
    for await (const { event } of control.events(new AbortController().signal)) {
      if (told.length === 0) process.kill(real.pid, 'SIGTERM');
      told.push(event);
    }
    expect(told).toEqual(['watching', 'stopping']);
    expect(await real.ended).toBe(0);
    await control.close();
  });

  it('without any secret', async () => {
    const watcher = await watch();
    const { code } = await root.call('user-add', { name: 'ann' });
    const made = newDevice();
    const ann = client({ device: made });
    await ann.control('enrol', { code: 'aaaaa-bbbbb', device: 'laptop' });
    expect((await ann.control('enrol', { code, device: 'laptop' })).status).toBe(200);
    const proof = '5a'.repeat(32);
    const kdf = { salt: '00'.repeat(16), memory: 65_536, passes: 3, lanes: 4 };
    expect((await ann.control('secret-set', { kdf, proof })).status).toBe(200);
    const { token } = jsonIn<{ token: string }>(await ann.control('token-create', { name: 'script', role: 'read' }));
    await ann.control('login', { account: 'ann', proof: 'ab'.repeat(32), device: 'x' });
    const { secret } = jsonIn<{ secret: string }>(await ann.control('second-start'));
    await put(client({ token: server.token('append') }), 'packs/00/a', 'these bytes are nobodys');
    await watcher.has('object');
    await watcher.has('change', { action: 'token-create' });
    await watcher.has('enrol-refused');
    expect(watcher.events.length).toBeGreaterThan(5);
    for (const each of [
      code,
      code.replaceAll('-', ''),
      token,
      proof,
      secret,
      'aaaaa',
      'nobodys',
      'append-token',
      'PRIVATE',
    ])
      expect([each, watcher.text.includes(each)]).toEqual([each, false]);
  });
});

describe('whoever is slow', () => {
  const object = (news: News, n: number) =>
    news.object(['put', `packs/00/${'x'.repeat(100)}${n}`, n], { account: 'ann', target: 'files', by: 'ann@laptop' });

  it('misses the oldest, is told how many, and has no more kept for it than a part', async () => {
    const news = new News(systemClock);
    const gone = new AbortController();
    const reading = news.read({}, { again: async () => undefined, gone: gone.signal })[Symbol.asyncIterator]();
    await reading.next();
    for (let n = 0; n < 50_000; n += 1) object(news, n);
    news.alsoTo(silentLog)('change', { action: 'last' });
    const { value } = await reading.next();
    const text = Buffer.from(value).toString();
    const [first, ...rest] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    expect(first).toEqual({ event: 'unread', count: 50_001 - rest.length });
    expect(rest.at(-1)).toMatchObject({ event: 'change', action: 'last' });
    expect([text.length < 300_000, rest.length > 500]).toEqual([true, true]);
    object(news, 0);
    expect(Buffer.from((await reading.next()).value).toString()).not.toContain('unread');
    gone.abort();
    expect(await reading.next()).toMatchObject({ done: true });
    expect(news.readers).toBe(0);
  });

  it('holds up nobody, and gets the newest when it reads again', async () => {
    const [slow, fast] = [await watch(), await watch()];
    slow.stream.pause();
    for (let round = 0; round < 100; round += 1) {
      for (let n = 0; n < 500; n += 1) object(server.news, round * 500 + n);
      await pause(1);
    }
    await fast.has('object', { size: 49_999 });
    expect(slow.of('object').length).toBeLessThan(49_000);
    slow.stream.resume();
    await slow.has('object', { size: 49_999 });
    const unread = slow.of('unread').reduce((sum, { count }) => sum + Number(count), 0);
    expect(unread).toBeGreaterThan(1_000);
    expect(unread + slow.of('object').length).toBe(50_000);
  });
});

describe('a right that ends ends it within a second', () => {
  const cutBy = async (watcher: Watcher, end: () => Promise<unknown>): Promise<void> => {
    await pause(100);
    await end();
    const from = performance.now();
    expect(await watcher.ended).not.toBe(0);
    expect(performance.now() - from).toBeLessThan(1_000);
    expect(server.news.readers).toBe(0);
  };

  it('of a device', async () => {
    const { db } = server.database;
    const made = newDevice();
    const id = await insertDevice(db, await insertAccount(db, 'root'), { ...made, role: 'admin' });
    await cutBy(await watch(client({ device: made })), () => root.call('device-revoke', { id }));
  });

  it('of somebody who takes nothing', async () => {
    const { db } = server.database;
    const made = newDevice();
    const id = await insertDevice(db, await insertAccount(db, 'root'), { ...made, role: 'admin' });
    const watcher = await watch(client({ device: made }));
    watcher.stream.pause();
    for (let n = 0; n < 20_000; n += 1) {
      server.news.object(['put', `packs/00/${'x'.repeat(100)}`, n], { account: 'a', target: 'b', by: 'c' });
      if (n % 500 === 0) await pause(1);
    }
    await root.call('device-revoke', { id });
    await expect.poll(() => server.news.readers, { timeout: 1_000 }).toBe(0);
  });

  it('of an account that administers no longer', async () => {
    const { db } = server.database;
    await insertAccount(db, 'other', { is_admin: 1 });
    const made = newDevice();
    await insertDevice(db, await insertAccount(db, 'other'), { ...made, role: 'admin' });
    const watcher = await watch(client({ device: made }));
    await cutBy(watcher, () => root.call('user-set', { name: 'other', isAdministrator: false }));
    expect((await client({ device: made }).ask('events')).code).toBe('permission-denied');
  });

  it('of a token whose time is over', async () => {
    const expires = clock.now() + 1_000;
    const { db } = server.database;
    await insertToken(db, await insertAccount(db, 'root'), { text: 'short', role: 'admin', expires });
    await cutBy(await watch(client({ token: 'short' })), async () => clock.advance(1_000));
  });

  it('and others go on', async () => {
    const { db } = server.database;
    const made = newDevice();
    const id = await insertDevice(db, await insertAccount(db, 'root'), { ...made, role: 'admin' });
    const [goes, stays] = [await watch(client({ device: made })), await watch()];
    await root.call('device-revoke', { id });
    await goes.ended;
    await stays.has('revoked', { action: 'device-revoke' });
  });
});

describe('where nothing happens', () => {
  beforeEach(async () => {
    await server.stop();
    await begin(2_000);
  });

  it('the line is kept alive beyond the time in which others have to move', async () => {
    const watcher = await watch();
    await pause(5_000);
    expect(watcher.of('alive').length).toBeGreaterThan(5);
    await put(client({ token: server.token('append') }), 'packs/00/a');
    await watcher.has('object');
    // A request for changes that waits longer is answered before.
    const by = client({ token: server.token('append') });
    const { cursor } = jsonIn(await by.ask('changes', { target: 'files' }));
    const from = performance.now();
    const waited = by.start('changes', { target: 'files', query: `?after=${cursor}&wait=60` });
    waited.end();
    expect(jsonIn(await answerOf(waited))).toEqual({ changes: [], cursor, lost: false });
    expect(performance.now() - from).toBeLessThan(2_000);
  });

  it('somebody who is gone without a word is missed', async () => {
    const sockets: net.Socket[] = [];
    const between = net.createServer((near) => {
      const far = net.connect(server.port, '127.0.0.1');
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on('error', () => undefined).pipe(other);
        sockets.push(one);
      }
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    const by = new RawClient((between.address() as net.AddressInfo).port, device());
    clients.push(by);
    const watcher = new Watcher(by);
    await watcher.has('alive');
    for (const socket of sockets) socket.unpipe().pause();
    await expect.poll(() => server.news.readers, { timeout: 5_000 }).toBe(0);
    for (const socket of sockets) socket.destroy();
    between.close();
  });
});
