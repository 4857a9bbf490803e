/** What is under way when its right ends: it ends as well, nothing of it becomes visible, and others go on. */
import { once } from 'node:events';
import fs from 'node:fs';
import type { ClientHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlClient } from '../../src/backends/neo-control.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { answerOf, type Credentials, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertDevice, insertGrant, insertTarget, insertToken } from '../support/server-rows.ts';
import { SimClock } from '../support/sim-clock.ts';

let server: OwnServer;
let clock: SimClock;
let root: ControlClient;
let owner: ControlClient;
let target: string;
const clients: RawClient[] = [];

beforeEach(async () => {
  clock = new SimClock(Date.now());
  server = await startOwnServer(undefined, { clock });
  root = await server.admin();
  owner = await server.admin(await server.trustOf('owner'));
  const { db } = server.database;
  target = await insertTarget(db, await insertAccount(db, 'owner'), 'notes');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  const { faults } = server;
  await server.stop();
  expect(faults).toEqual([]);
});

function client(credentials: Credentials): RawClient {
  const made = new RawClient(server.port, credentials);
  clients.push(made);
  return made;
}

const ownerId = (): Promise<string> => insertAccount(server.database.db, 'owner');

/** Somebody who may put into the target, and what takes that away. */
interface Holder {
  readonly client: RawClient;
  readonly place: string;
  end(): Promise<unknown>;
}

async function onDevice(): Promise<Holder> {
  const device = newDevice();
  const id = await insertDevice(server.database.db, await ownerId(), { ...device, role: 'admin' });
  return { client: client({ device }), place: 'notes', end: () => owner.call('device-revoke', { id }) };
}

async function granted(end: () => Promise<unknown>, expires?: number): Promise<Holder> {
  const { db } = server.database;
  const { device } = await server.trustOf('guest');
  await insertGrant(db, target, await insertAccount(db, 'guest'), 'prune', expires);
  return { client: client(device === undefined ? {} : { device }), place: 'owner:notes', end };
}

const HOLDERS: Readonly<Record<string, () => Promise<Holder>>> = {
  'its device is revoked': onDevice,
  'its account is disabled': async () => ({
    ...(await onDevice()),
    end: () => root.call('user-set', { name: 'owner', isDisabled: true }),
  }),
  'its account ends': async () => ({
    ...(await onDevice()),
    end: async () => {
      await root.call('user-set', { name: 'owner', expires: clock.now() + 1000 });
      clock.advance(1000);
    },
  }),
  'its account is removed': async () => ({
    ...(await onDevice()),
    end: () => root.call('user-remove', { name: 'owner' }),
  }),
  'its token is revoked': async () => {
    const id = await insertToken(server.database.db, await ownerId(), { text: 'script', role: 'prune' });
    return { client: client({ token: 'script' }), place: 'notes', end: () => owner.call('token-revoke', { id }) };
  },
  'its token ends': async () => {
    const expires = clock.now() + 1000;
    await insertToken(server.database.db, await ownerId(), { text: 'script', role: 'prune', expires });
    return { client: client({ token: 'script' }), place: 'notes', end: async () => clock.advance(1000) };
  },
  'a new secret ends its token': async () => {
    await insertToken(server.database.db, await ownerId(), { text: 'script', role: 'prune' });
    const kdf = { salt: '00'.repeat(16), memory: 65_536, passes: 3, lanes: 4 };
    const end = () => owner.call('secret-set', { kdf, proof: 'ab'.repeat(32) });
    return { client: client({ token: 'script' }), place: 'notes', end };
  },
  'its grant is removed': () => granted(() => owner.call('grant-remove', { target: 'notes', to: 'guest' })),
  'its grant ends': () => granted(async () => clock.advance(1000), clock.now() + 1000),
  'the owner of what it was granted is disabled': () =>
    granted(() => root.call('user-set', { name: 'owner', isDisabled: true })),
  'the target is removed': async () => ({
    ...(await onDevice()),
    end: () => owner.call('target-remove', { name: 'notes' }),
  }),
};

/** Of the target, also those that are not visible. */
function files(id = target): string[] {
  const folder = join(server.dataRoot, 'targets', id);
  if (!fs.existsSync(folder)) return [];
  const found = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return found.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).sort();
}

const HALF = new Uint8Array(300_000).fill(7);
const pause = (milliseconds: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function putHalf(by: RawClient, place: string, path = 'packs/00/slow'): Promise<ClientHttp2Stream> {
  const stream = by.start('put', { target: place, path, headers: { 'content-length': 2 * HALF.length } });
  stream.write(HALF);
  await expect.poll(() => fs.existsSync(join(server.dataRoot, 'targets', target))).toBe(true);
  await pause(50);
  return stream;
}

const isRefused = { code: expect.stringMatching(/^(permission-denied|no-repository|unreachable)$/) };

describe.each(Object.entries(HOLDERS))('when %s', (why, makeHolder) => {
  it.each(['the rest comes', 'all has come but the end'])('a put is refused of which %s afterwards', async (when) => {
    const holder = await makeHolder();
    const stream = await putHalf(holder.client, holder.place);
    if (when === 'all has come but the end') stream.write(HALF);
    await pause(50);
    await holder.end();
    const answer = answerOf(stream);
    if (when === 'the rest comes') stream.write(HALF);
    stream.end();
    expect(await answer).toMatchObject(isRefused);
    await expect.poll(() => files()).toEqual([]);
    expect(await holder.client.ask('put', { target: holder.place, path: 'packs/00/new', body: 'x' })).toMatchObject(
      isRefused,
    );
  });

  it('a get ends in the midst, and what was asked for is never whole', async () => {
    const holder = await makeHolder();
    const size = 24 << 20;
    const put = holder.client.start('put', {
      target: holder.place,
      path: 'packs/00/big',
      headers: { 'content-length': size },
    });
    put.end(new Uint8Array(size).fill(9));
    expect((await answerOf(put)).status).toBe(204);
    const stream = holder.client.start('get', { target: holder.place, path: 'packs/00/big' });
    stream.end();
    await once(stream, 'response');
    await pause(100);
    await holder.end();
    let bytes = 0;
    stream.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    let isWhole = false;
    stream.on('end', () => {
      isWhole = bytes === size;
    });
    await new Promise((resolve) => stream.once('close', resolve));
    // What was on its way, and one piece that was read already; not what the client made room for later.
    expect([isWhole, bytes < 2 << 20]).toEqual([false, true]);
    expect(stream.rstCode).not.toBe(0);
    if (why !== 'the target is removed' && why !== 'its account is removed') expect(files()).toContain('packs/00/big');
  });
});

it('other devices, tokens and grants go on undisturbed', async () => {
  const [gone, device] = [await onDevice(), await onDevice()];
  const token = await HOLDERS['its token is revoked']?.();
  const guest = await HOLDERS['its grant is removed']?.();
  const others = [device, token, guest].filter((each) => each !== undefined);
  const streams = await Promise.all(others.map((each, n) => putHalf(each.client, each.place, `packs/00/${n}`)));
  const stopped = await putHalf(gone.client, gone.place);
  const answers = [stopped, ...streams].map(answerOf);
  await gone.end();
  for (const stream of [stopped, ...streams]) stream.end(HALF);
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([403, 204, 204, 204]);
  expect(files()).toEqual(['packs/00/0', 'packs/00/1', 'packs/00/2']);
});

it('a role that becomes less holds at once: what was begun with more is refused', async () => {
  const holder = await granted(async () => undefined);
  const stream = await putHalf(holder.client, holder.place, 'tombs/x');
  await owner.call('grant', { target: 'notes', to: 'guest', role: 'append' });
  stream.end(HALF);
  expect(await answerOf(stream)).toMatchObject({ code: 'permission-denied' });
  expect((await holder.client.ask('put', { target: holder.place, path: 'index/x', body: 'x' })).status).toBe(204);
  expect(files()).toEqual(['index/x']);
});

describe('a target that is removed', () => {
  it('while many put into it is gone with all that they put, and stays gone', async () => {
    const uploader = (await onDevice()).client;
    let isOver = false;
    const codes = new Set<string>();
    const lane = async (name: number): Promise<void> => {
      for (let n = 0; !isOver; n += 1) {
        const path = `packs/0${name}/${n}`;
        const answer = await uploader.ask('put', { target: 'notes', path, body: 'some bytes' });
        codes.add(answer.code ?? String(answer.status));
      }
    };
    const lanes = Array.from({ length: 8 }, (_, name) => lane(name));
    // On a machine that has much to do the first one takes a while.
    while (!codes.has('204')) await pause(50);
    const { objects } = await owner.call('target-remove', { name: 'notes' });
    await pause(200);
    isOver = true;
    await Promise.all(lanes);
    expect(objects).toBeGreaterThan(0);
    expect([...codes].filter((code) => !['204', 'no-repository', 'unreachable'].includes(code))).toEqual([]);
    expect(codes).toContain('no-repository');
    expect(fs.existsSync(join(server.dataRoot, 'targets', target))).toBe(false);
    expect(await owner.call('usage', {})).toMatchObject({ bytes: 0, objects: 0, used: 0 });
    await owner.call('target-create', { name: 'notes' });
    expect((await uploader.ask('get', { target: 'notes', path: 'packs/00/0' })).status).toBe(404);
    expect((await uploader.ask('put', { target: 'notes', path: 'packs/00/0', body: 'new' })).status).toBe(204);
  });

  it('after the server was killed leaves the others of the account usable', async () => {
    const { db } = server.database;
    const id = await ownerId();
    await insertTarget(db, id, 'no-other');
    // As they are found after a kill.
    await db.updateTable('targets').set({ is_open: 1 }).execute();
    await owner.call('usage', {});
    await owner.call('target-remove', { name: 'notes' });
    const { client: device } = await onDevice();
    expect((await device.ask('put', { target: 'no-other', path: 'packs/00/a', body: 'x' })).status).toBe(204);
    expect(await owner.call('usage', {})).toMatchObject({ bytes: 1, objects: 1 });
    expect((await root.call('fsck', {})).targets.map(({ target: name }) => name)).toEqual(['no-other']);
  });
});

it('a quota that becomes less during an upload lets that one end, which has its room, and no other', async () => {
  const { client: device } = await onDevice();
  await root.call('user-set', { name: 'owner', quota: 10 * HALF.length });
  const stream = await putHalf(device, 'notes');
  await root.call('user-set', { name: 'owner', quota: HALF.length });
  expect(await device.ask('put', { target: 'notes', path: 'index/x', body: 'x' })).toMatchObject({
    code: 'quota-exceeded',
  });
  stream.end(HALF);
  expect((await answerOf(stream)).status).toBe(204);
  expect(files()).toEqual(['packs/00/slow']);
  expect(await owner.call('usage', {})).toMatchObject({ used: 2 * HALF.length, quota: HALF.length });
  expect(await device.ask('put', { target: 'notes', path: 'index/x', body: 'x' })).toMatchObject({
    code: 'quota-exceeded',
  });
  // What is there already needs no room.
  const again = device.start('put', {
    target: 'notes',
    path: 'packs/00/slow',
    headers: { 'content-length': 2 * HALF.length },
  });
  again.write(HALF);
  again.end(HALF);
  expect((await answerOf(again)).status).toBe(204);
});
