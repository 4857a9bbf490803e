/** What is removed as a whole, also by a server that was just started: all is gone, and it is told how much that was. */
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Trust } from '../../src/backends/neo-control.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type RawAnswer, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertTarget } from '../support/server-rows.ts';

let server: OwnServer;
let owner: Trust;
let root: Trust;

/** An account with two targets of two objects each, by a server that was ended, or killed. */
beforeEach(async () => {
  const first = await startOwnServer(undefined, { keep: true });
  const { db } = first.database;
  [owner, root] = [await first.trustOf('owner'), await first.trustOf('root')];
  await insertAccount(db, 'root', { is_admin: 1 });
  const id = await insertAccount(db, 'owner');
  const client = new RawClient(first.port, owner.device === undefined ? {} : { device: owner.device });
  for (const target of ['notes', 'nothing']) {
    await insertTarget(db, id, target);
    for (const path of ['index/a', 'index/b']) {
      expect((await client.ask('put', { target, path, body: 'ten bytes.' })).status).toBe(204);
    }
  }
  client.close();
  await first.stop();
  server = await startOwnServer(undefined, { dataRoot: first.dataRoot });
});
afterEach(async () => {
  const { faults } = server;
  await server.stop();
  expect(faults).toEqual([]);
});

const folders = (): number => fs.readdirSync(join(server.dataRoot, 'targets')).length;
/** As they are found after a kill: all that is in the database may be behind. */
const kill = () => server.database.db.updateTable('targets').set({ is_open: 1, bytes: 0, objects: 0 }).execute();

it.each([
  ['ended', async () => undefined],
  ['killed', kill],
])('a target, by a server that was %s before', async (_, before) => {
  await before();
  const client = await server.admin(owner);
  expect(await client.call('target-remove', { name: 'notes' })).toEqual({ bytes: 20, objects: 2 });
  expect(folders()).toBe(1);
  expect(await client.call('usage', {})).toMatchObject({ bytes: 20, objects: 2, used: 20 });
  await expect(client.call('target-remove', { name: 'notes' })).rejects.toMatchObject({ code: 'no-repository' });
});

it.each([
  ['ended', async () => undefined],
  ['killed', kill],
])('an account, by a server that was %s before', async (_, before) => {
  await before();
  const client = await server.admin(root);
  expect(await client.call('user-remove', { name: 'owner' })).toEqual({ bytes: 40, objects: 4 });
  expect(folders()).toBe(0);
  await expect(client.call('user-remove', { name: 'owner' })).rejects.toMatchObject({ code: 'not-found' });
  const gone = await server.admin(owner);
  await expect(gone.call('whoami', {})).rejects.toMatchObject({ code: 'permission-denied' });
});

it('a target that is removed and made again, over and over, while others use it, by several at once', async () => {
  const clients = Array.from({ length: 3 }, () => new RawClient(server.port, owner));
  const statuses = new Map<string, number>();
  let isOver = false;
  const note = (verb: string, { status, code, message }: RawAnswer): void => {
    const outcome = `${verb}: ${code === undefined ? status : `${code} ${status === 500 ? message : ''}`}`;
    statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1);
  };
  const use = async (lane: number): Promise<void> => {
    const client = clients[lane % 3];
    for (let n = 0; !isOver; n += 1) {
      const path = `${n % 3 === 0 ? 'tombs' : 'packs/00'}/${lane}-${n}`;
      const asked = [
        ['put', { path, body: 'x'.repeat(1 + (n % 20_000)) }],
        ['get', { path }],
        ['time', {}],
        ['list', {}],
        ['ranges', { body: JSON.stringify({ ranges: [[path, 0, 1]] }) }],
        ['remove', { path }],
      ] as const;
      for (const [verb, more] of asked) {
        const answer = await client?.ask(verb, { target: 'notes', ...more });
        if (answer !== undefined) note(verb, answer);
      }
    }
  };
  const lanes = Array.from({ length: 9 }, (_, lane) => use(lane));
  for (let round = 0; round < 25; round += 1) {
    const both = await Promise.all(clients.map((client) => client.control('target-remove', { name: 'notes' })));
    for (const answer of both) note('target-remove', answer);
    note('target-create', (await clients[0]?.control('target-create', { name: 'notes' })) as RawAnswer);
    await new Promise((resolve) => setTimeout(resolve, round % 20));
  }
  isOver = true;
  await Promise.all(lanes);
  for (const client of clients) client.close();
  const allowed = /: (200|204|404|no-repository |unreachable |already-exists )$/;
  expect([...statuses.keys()].filter((outcome) => !allowed.test(outcome))).toEqual([]);
  expect(folders()).toBeLessThanOrEqual(2);
  expect(fs.readdirSync(join(server.dataRoot, 'removed'))).toEqual([]);
}, 60_000);
