/** What administrators do in accounts of others: devices, tokens and grants end at once, and nobody is locked out by mistake. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlClient } from '../../src/backends/neo-control.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Credentials, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertDevice, insertGrant, insertTarget, insertToken } from '../support/server-rows.ts';

let server: OwnServer;
let root: ControlClient;
const clients: RawClient[] = [];

beforeEach(async () => {
  server = await startOwnServer();
  root = await server.admin();
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

async function actions(): Promise<{ action: string; account: string | null; detail: unknown }[]> {
  const { entries } = await root.call('audit', {});
  return entries.map(({ action, account, detail }) => ({ action, account, detail }));
}

/** A put whose head and first byte are there. */
async function halfPut(holder: RawClient, target: string) {
  const stream = holder.start('put', { target, path: 'packs/00/half', headers: { 'content-length': 2 } });
  const status = new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])));
  stream.write('a');
  await new Promise((resolve) => setTimeout(resolve, 100));
  return async () => {
    stream.end('b');
    return status;
  };
}

describe('devices and tokens of an account', () => {
  it('are listed, and ended at once, with what they are doing; nobody else is', async () => {
    const { db } = server.database;
    const ann = await insertAccount(db, 'ann');
    await insertTarget(db, ann, 'photos-of-ann');
    const [lost, kept] = [newDevice(), newDevice()];
    const id = await insertDevice(db, ann, { ...lost, role: 'append' });
    await insertDevice(db, ann, { ...kept, role: 'admin' });
    const token = await insertToken(db, ann, { text: 'of-ann', role: 'append' });
    const listed = await root.call('user-devices', { name: 'ann' });
    expect(listed).toMatchObject({
      devices: [
        { id: expect.any(String), revoked: null, isThis: false },
        { revoked: null, isThis: false },
      ],
      tokens: [{ id: token, role: 'append', revoked: null }],
    });
    expect(JSON.stringify(listed)).not.toContain('of-ann');
    const [byDevice, byToken] = [client({ device: lost }), client({ token: 'of-ann' })];
    const ends = [await halfPut(byDevice, 'photos-of-ann'), await halfPut(byToken, 'photos-of-ann')];
    await root.call('user-device-revoke', { name: 'ann', id });
    await root.call('user-token-revoke', { name: 'ann', id: token });
    for (const end of ends) expect(await end()).toBe(403);
    for (const each of [byDevice, byToken]) expect((await each.control('whoami')).message).toBe('not logged in');
    expect((await client({ device: kept }).control('whoami')).status).toBe(200);
    expect((await actions()).slice(-2)).toEqual([
      { action: 'user-device-revoke', account: 'root', detail: { name: 'ann', id } },
      { action: 'user-token-revoke', account: 'root', detail: { name: 'ann', id: token } },
    ]);
    for (const verb of ['user-device-revoke', 'user-token-revoke'] as const) {
      const ended = verb === 'user-device-revoke' ? id : token;
      await expect(root.call(verb, { name: 'ann', id: ended })).rejects.toMatchObject({ code: 'not-found' });
    }
  });

  it('are not found under the name of another account, nor of one that is not there', async () => {
    const { db } = server.database;
    const id = await insertDevice(db, await insertAccount(db, 'ann'), { ...newDevice(), role: 'read' });
    await insertAccount(db, 'bob');
    const before = await actions();
    for (const name of ['bob', 'nobody']) {
      await expect(root.call('user-device-revoke', { name, id })).rejects.toMatchObject({ code: 'not-found' });
      await expect(root.call('user-token-revoke', { name, id })).rejects.toMatchObject({ code: 'not-found' });
    }
    for (const verb of ['user-devices', 'user-grants'] as const) {
      await expect(root.call(verb, { name: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });
    }
    expect(await actions()).toEqual(before);
    expect(await root.call('user-devices', { name: 'ann' })).toMatchObject({ devices: [{ id, revoked: null }] });
  });
});

describe('the last device of the last administrator', () => {
  const last = { code: 'usage', message: expect.stringContaining('last device of its last one') };
  const ownId = async (): Promise<string> => (await root.call('whoami', {})).device ?? '';
  const revokes = [
    ['user-device-revoke', (id: string) => root.call('user-device-revoke', { name: 'root', id })],
    ['device-revoke', (id: string) => root.call('device-revoke', { id })],
  ] as const;

  it.each(revokes)('stays: %s', async (_, revoke) => {
    const id = await ownId();
    const before = await actions();
    await expect(revoke(id)).rejects.toMatchObject(last);
    expect(await ownId()).toBe(id);
    expect(await actions()).toEqual(before);
    // None of these lets anybody administer the server.
    const { db } = server.database;
    await insertDevice(db, await insertAccount(db, 'root'), { ...newDevice(), role: 'prune' });
    await insertToken(db, await insertAccount(db, 'root'), { text: 'of-root', role: 'admin' });
    await root.call('user-add', { name: 'second', isAdministrator: true });
    await root.call('user-add', { name: 'third', isAdministrator: true });
    await server.trustOf('third');
    await root.call('user-set', { name: 'third', isDisabled: true });
    await server.trustOf('ann');
    await expect(revoke(id)).rejects.toMatchObject(last);
  });

  it.each(revokes)('goes when another one can get in, or by a secret: %s', async (name, revoke) => {
    if (name === 'device-revoke') await insertAccount(server.database.db, 'root', { verifier: 'ab'.repeat(32) });
    else await server.trustOf('root');
    await revoke(await ownId());
    await expect(root.call('whoami', {})).rejects.toMatchObject({ code: 'permission-denied' });
  });

  it('stays with one of two who take it from each other at once', async () => {
    const second = await server.admin(await server.trustOf('second'));
    await root.call('user-set', { name: 'second', isAdministrator: true });
    const of = (await second.call('whoami', {})).device ?? '';
    const taken = await Promise.allSettled([
      root.call('user-device-revoke', { name: 'second', id: of }),
      second.call('user-device-revoke', { name: 'root', id: await ownId() }),
    ]);
    expect(taken.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('a lesser device of the last one goes', async () => {
    const { db } = server.database;
    const id = await insertDevice(db, await insertAccount(db, 'root'), { ...newDevice(), role: 'read' });
    await root.call('user-device-revoke', { name: 'root', id });
  });
});

describe('grants', () => {
  it('are listed from both ends, and end at once with what is under way', async () => {
    const { db } = server.database;
    const [carol, dave] = [await insertAccount(db, 'carol'), await insertAccount(db, 'dave')];
    const papers = await insertTarget(db, carol, 'papers');
    const mail = await insertTarget(db, dave, 'mail');
    await insertGrant(db, papers, dave, 'append');
    await insertGrant(db, mail, carol, 'read', Date.now() + 1e9);
    const share = 'ab'.repeat(16);
    const { device } = await server.trustOf('carol');
    const owner = client(device === undefined ? {} : { device });
    expect((await owner.control('grant', { target: 'papers', to: 'dave', share, role: 'read' })).status).toBe(200);
    const granted = [
      { owner: 'carol', target: 'papers', to: 'dave', share: null, role: 'append', expires: null },
      { owner: 'carol', target: 'papers', to: 'dave', share, role: 'read', expires: null },
      { owner: 'dave', target: 'mail', to: 'carol', share: null, role: 'read', expires: expect.any(Number) },
    ];
    for (const name of ['carol', 'dave']) expect(await root.call('user-grants', { name })).toEqual({ grants: granted });
    expect(await root.call('user-grants', { name: 'root' })).toEqual({ grants: [] });

    const { device: ofDave } = await server.trustOf('dave');
    const guest = client(ofDave === undefined ? {} : { device: ofDave });
    const end = await halfPut(guest, 'carol:papers');
    const grant = { owner: 'carol', target: 'papers', to: 'dave' };
    await root.call('user-grant-remove', grant);
    expect(await end()).toBe(403);
    expect((await actions()).at(-1)).toEqual({
      ...{ action: 'user-grant-remove', account: 'root' },
      detail: { ...grant, share: '' },
    });
    expect(await root.call('user-grants', { name: 'dave' })).toEqual({ grants: granted.slice(1) });
    await root.call('user-grant-remove', { ...grant, share });
    for (const [wrong, code] of [
      [grant, 'not-found'],
      [{ ...grant, owner: 'nobody' }, 'not-found'],
      [{ ...grant, target: 'other' }, 'no-repository'],
    ] as const) {
      await expect(root.call('user-grant-remove', wrong)).rejects.toMatchObject({ code });
    }
  });
});
