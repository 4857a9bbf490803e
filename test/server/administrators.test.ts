/** A server is never left without anybody who can administer it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ControlClient } from '../../src/backends/neo-control.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

let server: OwnServer;
let root: ControlClient;

beforeEach(async () => {
  server = await startOwnServer();
  root = await server.admin();
});
afterEach(async () => {
  const { faults } = server;
  await server.stop();
  expect(faults).toEqual([]);
});

const admins = async () =>
  await server.database.db
    .selectFrom('accounts')
    .where('is_admin', '=', 1)
    .select(['name', 'is_disabled', 'expires'])
    .execute();
const ALONE = [{ name: 'root', is_disabled: 0, expires: null }];
const last = { code: 'usage', message: expect.stringContaining('no administrator any more') };

it.each([
  ['disabled', { isDisabled: true }],
  ['demoted', { isAdministrator: false }],
  ['given an end', { expires: Date.now() + 1e9 }],
  ['disabled in between', { isDisabled: true, quota: 5 }],
])('the last one cannot be %s, unless there is another', async (_, settings) => {
  await expect(root.call('user-set', { name: 'root', ...settings })).rejects.toMatchObject(last);
  expect(await admins()).toEqual(ALONE);
  await root.call('user-add', { name: 'second', isAdministrator: true });
  await root.call('user-set', { name: 'root', ...settings });
  const second = await server.admin(await server.trustOf('second'));
  await expect(second.call('user-remove', { name: 'second' })).rejects.toMatchObject(last);
});

it('the last one cannot be removed, unless there is another', async () => {
  await expect(root.call('user-remove', { name: 'root' })).rejects.toMatchObject(last);
  expect(await admins()).toEqual(ALONE);
  await root.call('user-add', { name: 'second', isAdministrator: true });
  await root.call('user-remove', { name: 'root' });
});

it('of two who take it from each other at once, one is left', async () => {
  const second = await server.admin(await server.trustOf('second'));
  await root.call('user-set', { name: 'second', isAdministrator: true });
  const taken = await Promise.allSettled([
    root.call('user-set', { name: 'second', isAdministrator: false }),
    second.call('user-set', { name: 'root', isAdministrator: false }),
  ]);
  expect(taken.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect((await admins()).length).toBe(1);
});

it('an account that is disabled, or has an end, does not count as another', async () => {
  await root.call('user-add', { name: 'second', isAdministrator: true });
  for (const settings of [{ isDisabled: true }, { isDisabled: false, expires: Date.now() + 1e9 }]) {
    await root.call('user-set', { name: 'second', ...settings });
    await expect(root.call('user-set', { name: 'root', isAdministrator: false })).rejects.toMatchObject(last);
  }
});

it('a sub-account that is the last one cannot be taken away by whoever made it, nor shut with them', async () => {
  const maker = await server.admin(await server.trustOf('maker'));
  await maker.call('sub-add', { name: 'sub' });
  const sub = await server.admin(await server.trustOf('sub'));
  await root.call('user-set', { name: 'sub', isAdministrator: true });
  await root.call('user-set', { name: 'root', isAdministrator: false });
  await expect(maker.call('sub-remove', { name: 'sub' })).rejects.toMatchObject(last);
  for (const settings of [{ isDisabled: true }, { expires: Date.now() + 1e9 }]) {
    await expect(maker.call('sub-set', { name: 'sub', ...settings })).rejects.toMatchObject(last);
    await expect(sub.call('user-set', { name: 'maker', ...settings })).rejects.toMatchObject(last);
  }
  await expect(sub.call('user-remove', { name: 'maker' })).rejects.toMatchObject(last);
  expect(await sub.call('users', {})).toMatchObject({ accounts: expect.any(Array) });
});

it('a sub-account that an administrator has disabled is let in again by administrators alone', async () => {
  const maker = await server.admin(await server.trustOf('maker'));
  await maker.call('sub-add', { name: 'sub' });
  const isDisabled = async () => (await maker.call('subs', {})).accounts.map((each) => each.isDisabled);
  await maker.call('sub-set', { name: 'sub', isDisabled: true });
  await maker.call('sub-set', { name: 'sub', isDisabled: false });
  await root.call('user-set', { name: 'sub', isDisabled: true });
  const held = { code: 'permission-denied', message: expect.stringContaining('an administrator has disabled sub') };
  await expect(maker.call('sub-set', { name: 'sub', isDisabled: false })).rejects.toMatchObject(held);
  // Nor by way of disabling it once more.
  await maker.call('sub-set', { name: 'sub', isDisabled: true });
  await expect(maker.call('sub-set', { name: 'sub', isDisabled: false, expires: null })).rejects.toMatchObject(held);
  expect(await isDisabled()).toEqual([true]);
  await root.call('user-set', { name: 'sub', isDisabled: false });
  await maker.call('sub-set', { name: 'sub', isDisabled: true });
  await maker.call('sub-set', { name: 'sub', isDisabled: false });
  expect(await isDisabled()).toEqual([false]);
});
