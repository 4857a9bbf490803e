/** Settings of a server that administrators change while it runs: in force at once and after a start, and only by those who may. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlClient, Trust } from '../../src/backends/neo-control.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../../src/protocol/settings.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { get } from '../support/serve-admin.ts';
import { insertAccount } from '../support/server-rows.ts';
import { SimClock } from '../support/sim-clock.ts';

const HOUR = 3_600_000;
const usage = (message: string) => ({ code: 'usage', message: expect.stringContaining(message) });

let clock: SimClock;
let server: OwnServer;
let trust: Trust;
let root: ControlClient;
const clients: RawClient[] = [];

type Given = NonNullable<Parameters<typeof startOwnServer>[1]>['settings'];

async function start(settings: Given = {}, dataRoot?: string): Promise<void> {
  server = await startOwnServer(undefined, { clock, settings, keep: true, ...(dataRoot && { dataRoot }) });
}

async function end(): Promise<void> {
  for (const client of clients.splice(0)) client.close();
  const { faults } = server;
  await server.stop();
  expect(faults).toEqual([]);
}

/** As after an update, or a power cut. */
async function startAnew(settings: Given = {}): Promise<void> {
  await end();
  await start(settings, server.dataRoot);
  root = await server.admin(trust);
}

beforeEach(async () => {
  clock = new SimClock(Date.now());
  await start();
  trust = await server.trustOf('root');
  await insertAccount(server.database.db, 'root', { is_admin: 1 });
  root = await server.admin(trust);
});
afterEach(end);

const settingOf = async (wanted: SettingName) =>
  (await root.call('config', {})).settings.find(({ name }) => name === wanted);

const lastAction = async (): Promise<unknown> =>
  (await root.call('audit', {})).entries.map(({ account, action, detail }) => ({ account, action, detail })).at(-1);

function raw(token: string): RawClient {
  const client = new RawClient(server.port, { token });
  clients.push(client);
  return client;
}

/** Why a pack that no prune has marked is not removed; undefined: it is. */
async function refusalToRemove(): Promise<string | undefined> {
  const client = raw(server.token('prune'));
  const pack = { target: 'photos', path: 'packs/00/a' };
  expect((await client.ask('put', { ...pack, body: 'bytes' })).status).toBe(204);
  const { status, message } = await client.ask('remove', pack);
  return status === 204 ? undefined : message;
}

describe('what administrators set', () => {
  it('are all settings, by default at first', async () => {
    const expected = SETTING_NAMES.map((name) => ({
      ...{ name, value: SETTINGS[name].standard, source: 'default' },
      ...{ next: null, since: null },
    }));
    expect(await root.call('config', {})).toEqual({ settings: expected });
  });

  it('is in force at once, after a start, and until it is taken back; the log says who did it', async () => {
    expect(await refusalToRemove()).toContain('only 20:00:00 after');
    const set = { name: 'removals.after', value: '48h', source: 'wire', next: null, since: null };
    expect(await root.call('config-set', { name: 'removals.after', value: '48h' })).toEqual(set);
    expect(await lastAction()).toEqual({
      account: 'root',
      action: 'config-set',
      detail: { name: 'removals.after', value: '48h' },
    });
    expect(await refusalToRemove()).toContain('only 2d 00:00 after');
    await startAnew();
    expect(await settingOf('removals.after')).toEqual(set);
    expect(await refusalToRemove()).toContain('only 2d 00:00 after');
    await root.call('config-set', { name: 'metrics.snapshot-age', value: 'true' });
    const back = { name: 'metrics.snapshot-age', value: 'false', source: 'default', next: null, since: null };
    expect(await root.call('config-unset', { name: 'metrics.snapshot-age' })).toEqual(back);
    expect(await lastAction()).toMatchObject({ action: 'config-unset', detail: { name: 'metrics.snapshot-age' } });
    await startAnew();
    expect(await settingOf('metrics.snapshot-age')).toEqual(back);
  });

  it('second factors: whoever is let in already is held up with the next request, tokens go on', async () => {
    await insertAccount(server.database.db, 'root', { totp: 'A'.repeat(32) });
    const ann = await server.admin(await server.trustOf('ann'));
    await ann.call('targets', {});
    const read = raw(server.token('read'));
    await root.call('config-set', { name: 'second-factor', value: 'required' });
    await expect(ann.call('targets', {})).rejects.toThrow('demands a second factor');
    expect((await read.ask('list', { target: 'photos', query: '?folder=packs' })).status).toBe(200);
    await root.call('config-unset', { name: 'second-factor' });
    await ann.call('targets', {});
  });

  it('second factors: what is under way is held up with its next piece', async () => {
    await insertAccount(server.database.db, 'root', { totp: 'A'.repeat(32) });
    const { device } = await server.trustOf('tester');
    const client = new RawClient(server.port, device === undefined ? {} : { device });
    clients.push(client);
    const stream = client.start('put', { target: 'photos', path: 'packs/00/b', headers: { 'content-length': 2 } });
    stream.write('a');
    const answered = new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await root.call('config-set', { name: 'second-factor', value: 'required' });
    stream.end('b');
    expect(await answered).toBe(403);
    expect((await raw(server.token('read')).ask('get', { target: 'photos', path: 'packs/00/b' })).status).toBe(404);
  });

  it('the age of snapshots in the metrics', async () => {
    const isTold = async (): Promise<boolean> => {
      const { body } = await get(server.port, '/metrics', { device: trust.device });
      return body.includes('neo_snapshot_age_seconds');
    };
    const snapshot = { target: 'photos', path: 'snapshots/aa', body: 'bytes' };
    expect((await raw(server.token('append')).ask('put', snapshot)).status).toBe(204);
    expect(await isTold()).toBe(false);
    await root.call('config-set', { name: 'metrics.snapshot-age', value: 'true' });
    expect(await isTold()).toBe(true);
    await root.call('config-set', { name: 'metrics.snapshot-age', value: 'false' });
    expect(await isTold()).toBe(false);
  });
});

describe('a flag and the file', () => {
  it('win over what is set, which counts again when they say nothing', async () => {
    await root.call('config-set', { name: 'removals.after', value: '30h' });
    await startAnew({
      'removals.after': { value: '40h', source: 'flag' },
      'log-level': { value: 'error', source: 'file' },
    });
    const nothing = { next: null, since: null };
    expect(await settingOf('removals.after')).toEqual({
      ...{ name: 'removals.after', value: '40h', source: 'flag' },
      ...nothing,
    });
    expect(await settingOf('log-level')).toEqual({ name: 'log-level', value: 'error', source: 'file', ...nothing });
    expect(await refusalToRemove()).toContain('only 1d 16:00 after');
    const before = await lastAction();
    for (const [name, value, by] of [
      ['removals.after', '50h', 'by a flag of neo serve (40h)'],
      ['log-level', 'debug', "by the server's configuration file (error)"],
    ] as const) {
      await expect(root.call('config-set', { name, value })).rejects.toMatchObject(usage(by));
      await expect(root.call('config-unset', { name })).rejects.toMatchObject(usage(by));
    }
    expect(await lastAction()).toEqual(before);
    await startAnew();
    expect(await settingOf('removals.after')).toMatchObject({ value: '30h', source: 'wire' });
    expect(await settingOf('log-level')).toMatchObject({ value: 'info', source: 'default' });
  });
});

describe('what is refused changes nothing', () => {
  it.each([
    ['second-factor', 'maybe', 'optional or required'],
    ['log-level', 'loud', 'error, warning, info, debug'],
    ['metrics.snapshot-age', 'yes', 'true or false'],
    ['removals.after', 'soon', 'a duration such as 20h, or 0'],
    ['removals.after', '-1h', 'a duration'],
    ['removals.after', '', 'a duration'],
    ['removals.most', '1.5', 'a part from 0 to 1'],
    ['removals.most', '-0.5', 'a part'],
    ['removals.most', 'NaN', 'a part'],
    ['removals.most', '1e-1', 'a part'],
    ['listen', '0.0.0.0:1', 'no setting "listen" that changes'],
    ['__proto__', '1', 'no setting'],
    ['removals', '1', 'no setting'],
  ])('%s = %s', async (name, value, message) => {
    const before = await root.call('config', {});
    const action = await lastAction();
    await expect(root.call('config-set', { name, value })).rejects.toMatchObject(usage(message));
    expect(await root.call('config', {})).toEqual(before);
    expect(await lastAction()).toEqual(action);
  });

  it('whoever is no administrator', async () => {
    const before = await root.call('config', {});
    const ann = await server.admin(await server.trustOf('ann'));
    const denied = { code: 'permission-denied', message: expect.stringContaining('for administrators') };
    await expect(ann.call('config', {})).rejects.toMatchObject(denied);
    await expect(ann.call('config-set', { name: 'removals.after', value: '48h' })).rejects.toMatchObject(denied);
    await expect(ann.call('config-unset', { name: 'removals.after' })).rejects.toMatchObject(denied);
    expect(await root.call('config', {})).toEqual(before);
  });

  it('what the database has and this version does not know', async () => {
    const { db } = server.database;
    const row = { before: null, since: 0 };
    await db
      .insertInto('config')
      .values([
        { name: 'removals.most', value: 'half', ...row },
        { name: 'colour', value: 'red', ...row },
      ])
      .execute();
    await startAnew();
    expect(await settingOf('removals.most')).toMatchObject({ value: '0.5', source: 'default' });
    expect(await root.call('config', {})).toMatchObject({ settings: { length: SETTING_NAMES.length } });
    await root.call('config-set', { name: 'removals.most', value: '0.25' });
    expect(await settingOf('removals.most')).toMatchObject({ value: '0.25', source: 'wire' });
  });
});

describe('a protection that is lowered', () => {
  it('counts only after the time has gone by for which things were kept before, also over a start', async () => {
    const began = clock.now();
    const set = await root.call('config-set', { name: 'removals.after', value: '0' });
    expect(set).toEqual({
      ...{ name: 'removals.after', value: '20h', source: 'default' },
      ...{ next: '0', since: expect.any(Number) },
    });
    expect(Number(set.since) - began).toBeGreaterThanOrEqual(20 * HOUR);
    expect(await refusalToRemove()).toContain('only 20:00:00 after');
    clock.advance(19 * HOUR);
    await startAnew();
    expect(await settingOf('removals.after')).toEqual(set);
    expect(await refusalToRemove()).toContain('only 20:00:00 after');
    // Said again, it does not wait for longer.
    expect(await root.call('config-set', { name: 'removals.after', value: '0' })).toEqual(set);
    clock.advance(HOUR + 1_000);
    expect(await settingOf('removals.after')).toMatchObject({ value: '0', source: 'wire', next: null, since: null });
    expect(await refusalToRemove()).toBeUndefined();
  });

  it('the part that may go within a day, too; more protection counts at once and takes the place of what waits', async () => {
    const [name, later] = ['removals.most', { source: 'default', value: '0.5' }] as const;
    expect(await root.call('config-set', { name, value: '1' })).toMatchObject({ ...later, next: '1' });
    const less = { value: '0.25', source: 'wire', next: null, since: null };
    expect(await root.call('config-set', { name, value: '0.25' })).toMatchObject(less);
    clock.advance(21 * HOUR);
    expect(await settingOf(name)).toMatchObject(less);
    const back = await root.call('config-unset', { name });
    expect(back).toMatchObject({ value: '0.25', source: 'wire', next: '0.5', since: expect.any(Number) });
    clock.advance(21 * HOUR);
    expect(await settingOf(name)).toMatchObject({ value: '0.5', source: 'default', next: null });
  });

  it('is not shortened by steps, and waits a week at most', async () => {
    const name = 'removals.after';
    await root.call('config-set', { name, value: '1000d' });
    const began = clock.now();
    const { since, value } = await root.call('config-set', { name, value: '1s' });
    expect(value).toBe('1000d');
    expect(Math.round((Number(since) - began) / HOUR)).toBe(7 * 24);
    await root.call('config-set', { name, value: '2s' });
    expect(await root.call('config-set', { name, value: '1s' })).toMatchObject({ value: '1000d', next: '1s' });
    clock.advance(6 * 24 * HOUR);
    expect(await settingOf(name)).toMatchObject({ value: '1000d' });
    clock.advance(2 * 24 * HOUR);
    expect(await settingOf(name)).toMatchObject({ value: '1s' });
  });
});
