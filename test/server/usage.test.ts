/** What all accounts store, asked at once: the same as each of them is told, whether it is in use or not. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { jsonIn, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertDevice, insertTarget } from '../support/server-rows.ts';

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer();
});
afterAll(() => server.stop());

async function deviceOf(name: string): Promise<RawClient> {
  const device = newDevice();
  const id = await insertAccount(server.database.db, name, { quota: 1e9, per_object: 100 });
  await insertDevice(server.database.db, id, { ...device, role: 'admin' });
  return new RawClient(server.port, { device });
}

type Usage = { readonly account: string; readonly used: number; readonly byteHours: number };

it('is one answer for thousands of them', async () => {
  const { db } = server.database;
  const [used, quiet, empty] = [await deviceOf('used'), await deviceOf('quiet'), await deviceOf('empty')];
  await insertTarget(db, await insertAccount(db, 'used'), 'documents');
  expect((await used.ask('put', { target: 'documents', path: 'a/b', body: 'bytes' })).status).toBe(204);
  for (const name of ['one', 'two']) {
    const id = await insertTarget(db, await insertAccount(db, 'quiet'), name);
    await db.updateTable('targets').where('id', '=', id).set({ bytes: 1000, objects: 3 }).execute();
  }
  const { usage } = (await (await server.admin()).call('user-usage', {})) as { usage: Usage[] };
  expect(usage.map(({ account }) => account)).toEqual(usage.map(({ account }) => account).toSorted());
  const expected = { used: 5 + 100, quiet: 2 * (1000 + 3 * 100), empty: 0 };
  for (const [name, client] of Object.entries({ used, quiet, empty })) {
    const all = usage.find(({ account }) => account === name);
    const own = jsonIn<Usage>(await client.control('usage'));
    expect(all).toEqual({ ...own, byteHours: expect.any(Number) });
    expect([name, own.used]).toEqual([name, expected[name as keyof typeof expected]]);
    expect(own.byteHours).toBeGreaterThanOrEqual(all?.byteHours ?? Number.NaN);
    client.close();
  }
});
