/** Which target a name means to whom, and what they may do there. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Role } from '../../src/protocol/control.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Credentials, jsonIn, RawClient } from '../support/raw-client.ts';
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

function client(credentials: Credentials): RawClient {
  const made = new RawClient(server.port, credentials);
  clients.push(made);
  return made;
}

const account = (name: string, parent?: string): Promise<string> =>
  insertAccount(server.database.db, name, parent === undefined ? {} : { parent });
async function deviceOf(id: string, role: Role = 'admin'): Promise<RawClient> {
  const device = newDevice();
  await insertDevice(server.database.db, id, { ...device, role });
  return client({ device });
}
const target = (owner: string, name: string): Promise<string> => insertTarget(server.database.db, owner, name);
const grant = (to: string, of: string, role: Role, expires?: number): Promise<void> =>
  insertGrant(server.database.db, of, to, role, expires);

/** What lies in the target of that name, by who put it there; or what is refused. */
async function seenAs(by: RawClient, name: string): Promise<unknown> {
  const answer = await by.ask('get', { target: name, path: 'index/whose' });
  return answer.status === 200 ? answer.body.toString() : (answer.code ?? 'empty');
}
async function mark(owner: string, name: string, text: string): Promise<string> {
  const id = await target(owner, name);
  const by = await deviceOf(owner);
  expect((await by.ask('put', { target: name, path: 'index/whose', body: text })).status).toBe(204);
  return id;
}
async function listed(by: RawClient): Promise<string[]> {
  const { targets } = jsonIn<{ targets: { owner: string; name: string; role: string }[] }>(await by.control('targets'));
  return targets.map(({ owner, name, role }) => `${owner}:${name} ${role}`);
}

describe('a name', () => {
  it('is of a target of its own, also with the own name before it', async () => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    await mark(anna, 'notes', 'of anna');
    await mark(berta, 'notes', 'of berta');
    const by = await deviceOf(anna);
    expect([await seenAs(by, 'notes'), await seenAs(by, 'anna:notes')]).toEqual(['of anna', 'of anna']);
    for (const name of ['none', 'anna:none']) expect([name, await seenAs(by, name)]).toEqual([name, 'no-repository']);
    for (const name of ['berta:notes', 'berta:none', 'nobody:notes'])
      expect([name, await seenAs(by, name)]).toEqual([name, 'permission-denied']);
    for (const name of [':notes', 'anna:', 'anna:notes:x', 'Anna:notes', 'anna::notes', 'anna:berta:notes'])
      expect([name, await seenAs(by, name)]).toEqual([name, 'usage']);
    expect(await listed(by)).toEqual(['anna:notes admin']);
  });

  it('of somebody else is with the name of the owner, where something was granted', async () => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    const id = await mark(anna, 'notes', 'of anna');
    const by = await deviceOf(berta);
    await grant(berta, id, 'read');
    expect([await seenAs(by, 'notes'), await seenAs(by, 'anna:notes')]).toEqual(['no-repository', 'of anna']);
    await mark(berta, 'notes', 'of berta');
    expect([await seenAs(by, 'notes'), await seenAs(by, 'anna:notes')]).toEqual(['of berta', 'of anna']);
    expect(await listed(by)).toEqual(['anna:notes read', 'berta:notes admin']);
  });

  it('of a sub-account is one of whoever made it, where something was granted', async () => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    const sub = await account('sub', anna);
    const ids = { notes: await mark(anna, 'notes', 'of anna'), nothing: await mark(anna, 'nothing', 'of anna') };
    const hers = await mark(berta, 'notes', 'of berta');
    const by = await deviceOf(sub);
    expect(await seenAs(by, 'notes')).toBe('permission-denied');
    await grant(sub, ids.notes, 'append');
    await grant(sub, hers, 'read');
    expect([await seenAs(by, 'notes'), await seenAs(by, 'anna:notes')]).toEqual(['of anna', 'of anna']);
    expect([await seenAs(by, 'berta:notes'), await seenAs(by, 'sub:notes')]).toEqual(['of berta', 'permission-denied']);
    expect(await seenAs(by, 'nothing')).toBe('permission-denied');
    expect(await listed(by)).toEqual(['anna:notes append', 'berta:notes read']);
    const usage = jsonIn(await by.control('usage'));
    expect(usage).toMatchObject({ account: 'anna', objects: 2 });
  });

  it('that is used again means the new one, to those who may look into that', async () => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    const id = await mark(anna, 'notes', 'the old one');
    await grant(berta, id, 'read');
    await insertToken(server.database.db, anna, { text: 'bound', role: 'prune', target: id });
    const [by, guest, bound] = [await deviceOf(anna), await deviceOf(berta), client({ token: 'bound' })];
    for (const each of [by, bound]) expect(await seenAs(each, 'notes')).toBe('the old one');
    expect(await seenAs(guest, 'anna:notes')).toBe('the old one');
    await by.control('target-remove', { name: 'notes' });
    await by.control('target-create', { name: 'notes' });
    expect(await seenAs(by, 'notes')).toBe('empty');
    expect([await seenAs(guest, 'anna:notes'), await seenAs(bound, 'notes')]).toEqual([
      'permission-denied',
      'permission-denied',
    ]);
  });

  it('of an account that is used again lets none of the former in', async () => {
    const root = await server.admin();
    const [anna, berta] = [await account('anna'), await account('berta')];
    const id = await mark(berta, 'notes', 'of berta');
    await grant(anna, id, 'read');
    const by = await deviceOf(anna);
    expect(await seenAs(by, 'berta:notes')).toBe('of berta');
    await root.call('user-remove', { name: 'anna' });
    await root.call('user-add', { name: 'anna' });
    expect(await seenAs(by, 'berta:notes')).toBe('permission-denied');
    expect(await seenAs(await deviceOf(await account('anna')), 'berta:notes')).toBe('permission-denied');
  });
});

describe('a token that is for one target', () => {
  it('sees nothing else', async () => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    const one = await mark(anna, 'notes', 'of anna');
    await mark(anna, 'nothing', 'of anna');
    await grant(anna, await mark(berta, 'notes', 'of berta'), 'admin');
    await insertToken(server.database.db, anna, { text: 'bound', role: 'admin', target: one });
    await insertToken(server.database.db, anna, { text: 'free', role: 'admin' });
    const [bound, free] = [client({ token: 'bound' }), client({ token: 'free' })];
    const names = ['notes', 'anna:notes', 'nothing', 'berta:notes'];
    expect(await Promise.all(names.map((name) => seenAs(bound, name)))).toEqual([
      ...['of anna', 'of anna', 'permission-denied', 'permission-denied'],
    ]);
    expect(await Promise.all(names.map((name) => seenAs(free, name)))).toEqual([
      ...['of anna', 'of anna', 'of anna', 'of berta'],
    ]);
    expect(await listed(bound)).toEqual(['anna:notes admin']);
    expect((await listed(free)).length).toBe(3);
  });

  it('of a sub-account goes no further than what that was granted, for as long as it is', async () => {
    const anna = await account('anna');
    const sub = await account('sub', anna);
    const id = await mark(anna, 'notes', 'of anna');
    await grant(sub, id, 'append');
    const device = await deviceOf(sub);
    const { token = '' } = jsonIn<{ token?: string }>(
      await device.control('token-create', { name: 'x', target: 'notes', role: 'admin' }),
    );
    const by = client({ token });
    expect([await seenAs(by, 'notes'), await listed(by)]).toEqual(['of anna', ['anna:notes append']]);
    const owner = await deviceOf(anna);
    expect((await owner.control('grant-remove', { target: 'notes', to: 'sub' })).status).toBe(200);
    expect([await seenAs(by, 'notes'), await listed(by)]).toEqual(['permission-denied', []]);
  });

  it('cannot be made of a target that one may not look into', async () => {
    const anna = await account('anna');
    await target(anna, 'notes');
    const sub = await deviceOf(await account('sub', anna));
    for (const name of ['notes', 'none']) {
      const answer = await sub.control('token-create', { name: 'x', target: name, role: 'read' });
      expect([name, answer.code]).toEqual([name, 'no-repository']);
    }
  });
});

describe('the role', () => {
  const ORDER = ['read', 'append', 'write', 'prune', 'admin'] as const;
  /** Each needs one role more than the one before it. */
  const acts = [
    { verb: 'get', path: 'index/whose' },
    { verb: 'put', path: 'index/NEW', body: 'x' },
    { verb: 'put', path: 'removals/NEW', body: 'x' },
    { verb: 'put', path: 'tombs/NEW', body: 'x' },
  ] as const;

  it.each(ORDER)('is the lesser of the one of the device or token, %s, and the one that was granted', async (own) => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    await insertToken(server.database.db, berta, { text: 'token', role: own });
    const callers = [await deviceOf(berta, own), client({ token: 'token' })];
    for (const [n, granted] of ORDER.entries()) {
      const name = `notes-${granted}`;
      await grant(berta, await mark(anna, name, 'of anna'), granted);
      const lesser = ORDER[Math.min(n, ORDER.indexOf(own))] ?? 'read';
      for (const [c, by] of callers.entries()) {
        const done = await Promise.all(
          acts.map(({ verb, path, ...more }) =>
            by.ask(verb, { target: `anna:${name}`, path: path.replace('NEW', `${c}`), ...more }),
          ),
        );
        const may = done.map(({ status }) => status < 300);
        expect([granted, may]).toEqual([granted, ORDER.slice(0, 4).map((_, at) => at <= ORDER.indexOf(lesser))]);
        expect(await listed(by)).toContain(`anna:${name} ${lesser}`);
      }
    }
  });

  it('of the device also holds in targets of its own', async () => {
    const anna = await account('anna');
    await mark(anna, 'notes', 'of anna');
    const by = await deviceOf(anna, 'append');
    expect((await by.ask('put', { target: 'notes', path: 'tombs/x', body: 'x' })).code).toBe('permission-denied');
    expect(await listed(by)).toEqual(['anna:notes append']);
  });

  it('ends with the grant, also where it was looked up before', async () => {
    const [anna, berta] = [await account('anna'), await account('berta')];
    await grant(berta, await mark(anna, 'notes', 'of anna'), 'read', clock.now() + 1000);
    const by = await deviceOf(berta);
    expect([await seenAs(by, 'anna:notes'), await listed(by)]).toEqual(['of anna', ['anna:notes read']]);
    clock.advance(1000);
    expect([await seenAs(by, 'anna:notes'), await listed(by)]).toEqual(['permission-denied', []]);
  });
});
