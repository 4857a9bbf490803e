/** What a target's followers are told: all that becomes durable, once each and in its order, for as long as they may know it. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/core/random.ts';
import type { ChangesPage } from '../../src/protocol/messages.ts';
import { type Change, ChangeFeeds } from '../../src/server/changes.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { answerOf, type Credentials, jsonIn, type RawAnswer, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertDevice, insertGrant, insertTarget, insertToken } from '../support/server-rows.ts';
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

function client(credentials: Credentials = { token: server.token('prune') }): RawClient {
  const made = new RawClient(server.port, credentials);
  clients.push(made);
  return made;
}

function ask(by: RawClient, after: string, wait = 0, target = 'files'): Promise<RawAnswer> {
  return by.ask('changes', { target, query: `?after=${after}&wait=${wait}` });
}

async function changes(by: RawClient, after: string, wait = 0, target = 'files'): Promise<ChangesPage> {
  const answer = await ask(by, after, wait, target);
  expect([answer.status, answer.message]).toEqual([200, '']);
  return jsonIn<ChangesPage>(answer);
}

/** From where on all is told. */
async function start(by: RawClient, target = 'files'): Promise<string> {
  const { cursor, lost } = await changes(by, '', 0, target);
  expect(lost).toBe(true);
  return cursor;
}

const put = (by: RawClient, path: string, body = 'some bytes', target = 'files') =>
  by.ask('put', { target, path, body });
const pause = (milliseconds: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const since = (from: number): number => performance.now() - from;

/** Puts and removes one path in turn, and brings what four others bring as well. */
async function lane(writer: RawClient, n: number): Promise<void> {
  const own = `packs/00/own-${n}`;
  for (const body of ['one', 'three']) {
    expect((await put(writer, own, body)).status).toBe(204);
    expect((await writer.ask('remove', { target: 'files', path: own })).status).toBe(204);
  }
  expect((await put(writer, `packs/00/same-${n % 10}`)).status).toBe(204);
  // Nothing is told of a removal of nothing.
  expect((await writer.ask('remove', { target: 'files', path: 'packs/00/none' })).status).toBe(204);
  expect((await put(writer, own, 'stays')).status).toBe(204);
}

/** All that is told from a cursor on, until nothing is left after it is over. */
async function follow(reader: RawClient, from: string, isOver: () => boolean): Promise<Change[]> {
  const told: Change[] = [];
  for (let cursor = from; ; ) {
    const wasOver = isOver();
    const page = await changes(reader, cursor, wasOver ? 0 : 1);
    expect(page.lost).toBe(false);
    told.push(...page.changes);
    if (wasOver && page.changes.length === 0) return told;
    cursor = page.cursor;
  }
}

/** What somebody has who does what he is told. */
function heldBy(told: readonly Change[]): Map<string, number> {
  const held = new Map<string, number>();
  for (const [action, path, size] of told) {
    if (action === 'put') held.set(path, size);
    else held.delete(path);
  }
  return held;
}

describe('what is told', () => {
  it('is each change once, in its order, while fifty put and remove at once', async () => {
    const [writer, reader] = [client(), client({ token: server.token('read') })];
    const cursor = await start(reader);
    let isOver = false;
    const lanes = Promise.all(Array.from({ length: 50 }, (_, n) => lane(writer, n))).finally(() => {
      isOver = true;
    });
    const told = await follow(reader, cursor, () => isOver);
    await lanes;
    for (let n = 0; n < 50; n += 1) {
      const own = told.filter(([, path]) => path === `packs/00/own-${n}`);
      expect(own.map(([action, , size]) => [action, size])).toEqual([
        ...[3, 5].flatMap((size) => [
          ['put', size],
          ['remove', size],
        ]),
        ['put', 5],
      ]);
    }
    for (let n = 0; n < 10; n += 1) {
      expect(told.filter(([, path]) => path === `packs/00/same-${n}`)).toEqual([['put', `packs/00/same-${n}`, 10]]);
    }
    expect(told.length).toBe(50 * 5 + 10);
    // Whoever does what he is told has what is there.
    const held = heldBy(told);
    const { objects } = jsonIn<{ objects: [string, number, number][] }>(await writer.ask('list', { target: 'files' }));
    expect([...held].sort()).toEqual(objects.map(([path, size]) => [path, size]).sort());
  });

  it('comes in pages of a thousand', async () => {
    const feeds = new ChangeFeeds(systemRandom);
    const waiter = { again: async () => undefined, gone: new AbortController().signal };
    let { cursor } = await feeds.read('a', '', 0, waiter);
    for (let n = 0; n < 2_500; n += 1) feeds.tell('a', ['put', `index/${n}`, n]);
    const sizes: number[] = [];
    for (let lengths = [0]; lengths.length > 0; ) {
      const page = await feeds.read('a', cursor, 0, waiter);
      lengths = page.changes.map(([, , size]) => size);
      sizes.push(...lengths);
      cursor = page.cursor;
    }
    expect(sizes).toEqual(Array.from({ length: 2_500 }, (_, n) => n));
  });

  it('is of one target alone', async () => {
    const by = client();
    const [one, other] = [await start(by, 'one'), await start(by, 'other')];
    await put(by, 'index/x', 'x', 'one');
    expect((await changes(by, one, 0, 'one')).changes).toEqual([['put', 'index/x', 1]]);
    expect(await changes(by, other, 0, 'other')).toMatchObject({ changes: [], lost: false });
    expect(await changes(by, one, 0, 'other')).toMatchObject({ changes: [], lost: true });
  });
});

describe('whoever waits', () => {
  it('is answered as soon as there is something, and else when the time is over', async () => {
    const [by, other] = [client(), client()];
    const cursor = await start(by);
    const from = performance.now();
    const waiting = changes(by, cursor, 30);
    await pause(300);
    await put(other, 'index/x');
    expect((await waiting).changes).toEqual([['put', 'index/x', 10]]);
    expect(since(from)).toBeLessThan(5_000);
    const next = (await waiting).cursor;
    const again = performance.now();
    expect(await changes(by, next, 1)).toEqual({ changes: [], cursor: next, lost: false });
    expect(since(again)).toBeGreaterThan(900);
  });

  it('waits no longer than it may', async () => {
    const by = client();
    for (const wait of ['61', '-1', '1.5', 'x', '1e1', '600']) {
      const answer = await by.ask('changes', { target: 'files', query: `?after=x&wait=${wait}` });
      expect([wait, answer.code]).toEqual([wait, 'usage']);
    }
  });

  it('and goes away leaves nothing behind', async () => {
    const by = client();
    const cursor = await start(by);
    const id = basename(server.folder('files'));
    const streams = Array.from({ length: 20 }, () => {
      const stream = by.start('changes', { target: 'files', query: `?after=${cursor}&wait=60` });
      return stream.end();
    });
    await expect.poll(() => server.feeds.waiting(id)).toBe(20);
    for (const stream of streams.slice(0, 10)) stream.close();
    await expect.poll(() => server.feeds.waiting(id)).toBe(10);
    by.close();
    await expect.poll(() => server.feeds.waiting(id)).toBe(0);
  });

  it('is answered when the server ends', async () => {
    const by = client();
    const waiting = changes(by, await start(by), 60);
    await pause(200);
    server.endWaiting();
    expect(await waiting).toMatchObject({ changes: [], lost: false });
  });
});

describe('what was lost', () => {
  it('is said where a server was started anew', async () => {
    const first = await startOwnServer(undefined, { keep: true });
    const before = new RawClient(first.port, { token: first.token('prune') });
    const cursor = await start(before);
    await put(before, 'index/x');
    before.close();
    await first.stop();
    const second = await startOwnServer(undefined, { dataRoot: first.dataRoot });
    const after = new RawClient(second.port, { token: second.token('prune') });
    const page = await changes(after, cursor, 60);
    expect(page).toMatchObject({ changes: [], lost: true });
    await put(after, 'index/y');
    expect((await changes(after, page.cursor)).changes).toEqual([['put', 'index/y', 10]]);
    after.close();
    await second.stop();
  });

  it('is said to whoever comes after more than is remembered, also while it waits', async () => {
    const feeds = new ChangeFeeds(systemRandom);
    const waiter = { again: async () => undefined, gone: new AbortController().signal };
    const { cursor } = await feeds.read('a', '', 0, waiter);
    const tell = (count: number) => {
      for (let n = 0; n < count; n += 1) feeds.tell('a', ['put', `index/${n}`, n]);
    };
    tell(10_000);
    expect(await feeds.read('a', cursor, 0, waiter)).toMatchObject({ lost: false });
    const waiting = feeds.read('a', (await feeds.read('a', '', 0, waiter)).cursor, 60_000, waiter);
    tell(1);
    expect((await waiting).changes).toHaveLength(1);
    expect(await feeds.read('a', cursor, 60_000, waiter)).toMatchObject({ changes: [], lost: true });
  });

  it('are the changes of those targets that nobody asked for longest, when there are too many of all', async () => {
    const feeds = new ChangeFeeds(systemRandom, 100);
    const waiter = { again: async () => undefined, gone: new AbortController().signal };
    const cursors = new Map<string, string>();
    for (const name of ['a', 'b', 'c']) cursors.set(name, (await feeds.read(name, '', 0, waiter)).cursor);
    const tell = (name: string, count: number) => {
      for (let n = 0; n < count; n += 1) feeds.tell(name, ['put', `index/${n}`, n]);
    };
    for (const name of ['a', 'b', 'c']) tell(name, 30);
    await feeds.read('a', cursors.get('a') ?? '', 0, waiter);
    tell('c', 20);
    const isLost = async (name: string) => (await feeds.read(name, cursors.get(name) ?? '', 0, waiter)).lost;
    expect([await isLost('a'), await isLost('b'), await isLost('c')]).toEqual([false, true, false]);
    // Of targets that nobody follows nothing is kept.
    tell('d', 1_000);
    expect(await isLost('a')).toBe(false);
  });

  it.each(['0123456789abcdef-0', 'x', '-', '0', 'none/none'])('is said to who asks with %s', async (cursor) => {
    const by = client();
    await start(by);
    expect(await changes(by, cursor, 60)).toMatchObject({ changes: [], lost: true });
  });

  it('is said when somebody else changed the storage', async () => {
    const by = client();
    await put(by, 'index/x');
    const cursor = await start(by);
    const root = await server.admin();
    await root.call('fsck', {});
    expect(await changes(by, cursor)).toMatchObject({ lost: false });
    writeFileSync(join(server.folder('files'), 'index/y'), 'by hand');
    await root.call('fsck', {});
    expect(await changes(by, cursor)).toMatchObject({ lost: true });
  });
});

describe('a right that ends ends the waiting', () => {
  const refused = async (
    begin: () => Promise<{ credentials: Credentials; target: string; end(): Promise<unknown> }>,
  ) => {
    const { credentials, target, end } = await begin();
    const by = client(credentials);
    const answer = ask(by, await start(by, target), 60, target);
    await pause(200);
    const from = performance.now();
    await end();
    const { code } = await answer;
    expect(since(from)).toBeLessThan(3_000);
    return code;
  };

  it('of a device', async () => {
    const owner = await server.admin(await server.trustOf('owner'));
    const { db } = server.database;
    const id = await insertAccount(db, 'owner');
    await insertTarget(db, id, 'no-docs');
    const device = newDevice();
    const of = await insertDevice(db, id, { ...device, role: 'read' });
    const end = () => owner.call('device-revoke', { id: of });
    expect(await refused(async () => ({ credentials: { device }, target: 'no-docs', end }))).toBe('permission-denied');
  });

  it('of a token whose time is over', async () => {
    const { db } = server.database;
    const expires = clock.now() + 1_000;
    await insertToken(db, await insertAccount(db, 'tester'), { text: 'short', role: 'read', expires });
    const end = async () => clock.advance(1_000);
    const begin = async () => ({ credentials: { token: 'short' }, target: 'files', end });
    expect(await refused(begin)).toBe('permission-denied');
  });

  it('with the target', async () => {
    const owner = await server.admin(await server.trustOf('owner'));
    const { db } = server.database;
    await insertTarget(db, await insertAccount(db, 'owner'), 'no-docs');
    const device = newDevice();
    await insertDevice(db, await insertAccount(db, 'owner'), { ...device, role: 'read' });
    const end = () => owner.call('target-remove', { name: 'no-docs' });
    expect(await refused(async () => ({ credentials: { device }, target: 'no-docs', end }))).toBe('no-repository');
  });

  it('of a guest who is left with a share; and of shares alone there never is one', async () => {
    const owner = await server.admin(await server.trustOf('owner'));
    const { db } = server.database;
    const target = await insertTarget(db, await insertAccount(db, 'owner'), 'no-docs');
    const { device } = await server.trustOf('guest');
    await insertGrant(db, target, await insertAccount(db, 'guest'), 'read');
    const share = 'ab'.repeat(16);
    await owner.call('grant', { target: 'no-docs', to: 'guest', share, role: 'read' });
    const credentials = device === undefined ? {} : { device };
    const end = () => owner.call('grant-remove', { target: 'no-docs', to: 'guest' });
    expect(await refused(async () => ({ credentials, target: 'owner:no-docs', end }))).toBe('permission-denied');
    const guest = client(credentials);
    expect((await guest.ask('time', { target: 'owner:no-docs' })).status).toBe(200);
    expect((await ask(guest, '', 0, 'owner:no-docs')).code).toBe('permission-denied');
  });

  it('of others it does not', async () => {
    const by = client();
    const cursor = await start(by);
    const answer = by.start('changes', { target: 'files', query: `?after=${cursor}&wait=2` });
    answer.end();
    const root = await server.admin();
    await root.call('user-add', { name: 'somebody' });
    expect(jsonIn(await answerOf(answer))).toEqual({ changes: [], cursor, lost: false });
  });
});
