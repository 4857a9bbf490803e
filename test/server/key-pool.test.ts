/** A server with several keys: who is shown which, what clients know afterwards, and what is left when it is killed meanwhile. */
import { readdirSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { askFingerprint, ControlClient, showFingerprint, type Trust } from '../../src/backends/neo-control.ts';
import { openKeyPool } from '../../src/server/key-pool.ts';
import type { Log } from '../../src/server/log.ts';
import { neo, temporary } from '../house/run.ts';
import { makeCertificate } from '../support/certificate.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { type OwnServer, type OwnServerOptions, startOwnServer } from '../support/own-server.ts';
import { enrol } from '../support/serve-admin.ts';

const HOST = '127.0.0.1';
const running: OwnServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) {
    const { faults } = server;
    await server.stop();
    expect(faults).toEqual([]);
  }
});

async function start(options: OwnServerOptions = {}): Promise<OwnServer> {
  const server = await startOwnServer(undefined, options);
  running.push(server);
  return server;
}

/** What so many that connect are shown. */
async function shown(port: number, connections = 50): Promise<Set<string>> {
  const found = new Set<string>();
  for (let n = 0; n < connections; n += 1) found.add(showFingerprint(await askFingerprint(HOST, port)));
  return found;
}

async function filled(options: OwnServerOptions = {}) {
  const server = await start(options);
  const admin = await server.admin();
  for (let n = 0; n < 4; n += 1) await admin.call('key-add', { present: true });
  const { keys } = await admin.call('keys', {});
  return { server, admin, all: keys.map(({ fingerprint }) => fingerprint) };
}

describe('a server with five keys', () => {
  it('shows another one from connection to connection, and the one that is asked for by name', async () => {
    const { server, all } = await filled();
    expect(all.length).toBe(5);
    expect([...(await shown(server.port))].sort()).toEqual([...all].sort());
    for (const certificate of server.keys.presented()) {
      const { fingerprint } = certificate;
      for (let n = 0; n < 3; n += 1) {
        const client = new ControlClient({ host: HOST, port: server.port }, { fingerprint });
        expect((await client.hello()).keys).toEqual(all);
        await client.close();
      }
    }
  });

  it('never shows one that was retired, and has not its private part any more; also after a start', async () => {
    const { server, admin, all } = await filled({ keep: true });
    const [first = '', second = '', ...left] = all;
    for (const key of [second, first]) {
      expect(await admin.call('key-retire', { key })).toMatchObject({ fingerprint: key });
    }
    expect([...(await shown(server.port))].sort()).toEqual([...left].sort());
    const filesNow = async () => (await readdir(join(server.dataRoot, 'keys'))).length;
    expect([await filesNow(), readdirSync(server.dataRoot)]).toEqual([3, expect.not.arrayContaining(['server.key'])]);
    running.pop();
    await server.stop();
    const again = await start({ dataRoot: server.dataRoot });
    expect([...(await shown(again.port))].sort()).toEqual([...left].sort());
    expect([await filesNow(), readdirSync(server.dataRoot)]).toEqual([3, expect.not.arrayContaining(['server.key'])]);
  });

  it('lets those who are connected stay when their key is retired', async () => {
    const { server, admin, all } = await filled();
    const [certificate] = server.keys.presented();
    const device = (await server.trustOf('ann')).device;
    const trust: Trust = { fingerprint: certificate?.fingerprint ?? new Uint8Array(), ...(device && { device }) };
    const client = new ControlClient({ host: HOST, port: server.port }, trust);
    await client.call('whoami', {});
    await admin.call('key-retire', { key: all[0] ?? '' });
    expect(await client.call('whoami', {})).toMatchObject({ account: { name: 'ann' } });
    await client.close();
  });

  it('is not asked anything by whoever knows only keys that were retired', async () => {
    let asked = 0;
    const log: Log = (event) => {
      if (event === 'request') asked += 1;
    };
    const { server, admin, all } = await filled({ log });
    const known = await server.trustOf('ann');
    const learned: Trust = { ...known, others: all.map(bytesOf) };
    await admin.call('key-retire', { key: all[0] ?? '' });
    const before = asked;
    const [stale, current] = [known, learned].map(
      (trust) => new ControlClient({ host: HOST, port: server.port }, trust),
    );
    await expect(stale?.call('targets', {})).rejects.toMatchObject({ code: 'unreachable', isPermanent: true });
    expect(asked).toBe(before);
    await current?.call('targets', {});
    expect(asked).toBe(before + 1);
    for (const client of [stale, current]) await client?.close();
  });

  it('has files for its owner alone, and writes down who did what', async () => {
    const { server, admin, all } = await filled();
    await admin.call('key-add', {});
    expect((await stat(join(server.dataRoot, 'keys'))).mode & 0o777).toBe(0o700);
    const files = (await readdir(join(server.dataRoot, 'keys'))).map((name) => join('keys', name));
    for (const name of [...files, 'server.key']) {
      expect((await stat(join(server.dataRoot, name))).mode & 0o777, name).toBe(0o600);
    }
    expect(files.length).toBe(5);
    await admin.call('key-retire', { key: all[1] ?? '' });
    const { entries } = await admin.call('audit', {});
    expect(entries.at(-1)).toMatchObject({ account: 'root', action: 'key-retire', detail: { key: all[1] } });
    expect(entries.filter(({ action }) => action === 'key-add').length).toBe(5);
  });
});

describe('a key', () => {
  it('that waits is told to everybody, and shown to nobody before it is presented', async () => {
    const server = await start();
    const admin = await server.admin();
    const [first = ''] = server.keys.list().map(({ fingerprint }) => fingerprint);
    const { fingerprint, state } = await admin.call('key-add', {});
    expect(state).toBe('waiting');
    expect((await admin.hello()).keys).toEqual([first, fingerprint]);
    expect([...(await shown(server.port, 10))]).toEqual([first]);
    // Nor by its name.
    const known = server.keys.list()[1]?.fingerprint ?? '';
    const stranger = new ControlClient({ host: HOST, port: server.port }, { fingerprint: bytesOf(known) });
    await expect(stranger.hello()).rejects.toMatchObject({ code: 'unreachable', isPermanent: true });
    await admin.call('key-present', { key: fingerprint.slice(0, 20) });
    expect((await shown(server.port, 10)).size).toBe(2);
  });

  it('is named by how it begins; the last one that is presented stays', async () => {
    const server = await start();
    const admin = await server.admin();
    const [only = ''] = server.keys.list().map(({ fingerprint }) => fingerprint);
    await admin.call('key-add', {});
    await expect(admin.call('key-retire', { key: only })).rejects.toMatchObject({ code: 'usage' });
    await expect(admin.call('key-retire', { key: `SHA256:${'A'.repeat(43)}` })).rejects.toMatchObject({
      code: 'not-found',
    });
    for (let n = 0; n < 14; n += 1) await admin.call('key-add', {});
    await expect(admin.call('key-add', {})).rejects.toMatchObject({ code: 'usage' });
    expect([...(await shown(server.port, 3))]).toEqual([only]);
  });

  it('is a matter of administrators', async () => {
    const server = await start();
    const { fingerprint, device } = await server.trustOf('ann');
    const ann = new ControlClient({ host: HOST, port: server.port }, { fingerprint, ...(device && { device }) });
    const key = showFingerprint(fingerprint);
    for (const ask of [
      () => ann.call('keys', {}),
      () => ann.call('key-add', { present: true }),
      () => ann.call('key-present', { key }),
      () => ann.call('key-retire', { key }),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: 'permission-denied', exitCode: 13 });
    }
    await ann.close();
    expect(server.keys.list().length).toBe(1);
  });
});

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace('SHA256:', ''), 'base64'));

describe('the data folder', () => {
  const open = (dataRoot: string) => openKeyPool({ dataRoot, names: ['localhost'], now: Date.now });

  it('is read as it was left, half-written files and old certificates among it', async () => {
    const dataRoot = await temporary('pool');
    const pool = await open(dataRoot);
    await pool.add(pool.make(), false);
    await pool.add(pool.make(), true);
    const [name = ''] = await readdir(join(dataRoot, 'keys'));
    await writeFile(join(dataRoot, 'keys', `${name}.x.tmp`), 'half');
    expect((await open(dataRoot)).list()).toEqual(pool.list());
    expect((await readdir(join(dataRoot, 'keys'))).length).toBe(2);
    const later = await openKeyPool({ dataRoot, names: ['other'], now: () => Date.now() + 400 * 24 * 3_600_000 });
    expect(later.list()).toEqual(pool.list());
    expect(later.presented().map(({ names }) => names)).toEqual([['other'], ['other']]);
  });

  it('is refused where a key is damaged, or none is left to be presented', async () => {
    const dataRoot = await temporary('pool');
    const pool = await open(dataRoot);
    await pool.add(pool.make(), false);
    const [name = ''] = await readdir(join(dataRoot, 'keys'));
    const path = join(dataRoot, 'keys', name);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, 100));
    await expect(open(dataRoot)).rejects.toMatchObject({ code: 'integrity' });
    await writeFile(path, text);
    await rm(join(dataRoot, 'server.key'));
    await expect(open(dataRoot)).rejects.toMatchObject({ code: 'integrity' });
    expect(await readdir(dataRoot)).not.toContain('server.key');
  });

  it('has all of its keys in a copy, and those of the copy alone after it was brought back', async () => {
    const dataRoot = join(await temporary('pool'), 'root');
    const copy = join(await temporary('pool'), 'copy');
    const served = await startNeoServe(['--data-root', dataRoot]);
    const { control } = await enrol(served);
    await control.call('key-add', { present: true });
    const { keys } = await control.call('keys', {});
    expect((await neo(['serve', 'backup', copy, '--data-root', dataRoot])).code).toBe(0);
    await control.call('key-retire', { key: keys[0]?.fingerprint ?? '' });
    await control.call('key-add', { present: true });
    await control.close();
    await served.stop();
    const refused = await neo(['serve', 'restore', copy, '--data-root', dataRoot]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('holds a server already')]);
    const restored = await neo(['serve', 'restore', copy, '--data-root', dataRoot, '--force', '--json']);
    const { aside } = JSON.parse(restored.stdout) as { aside: string[] };
    expect([restored.code, aside]).toEqual([
      0,
      [expect.stringContaining('server.db'), expect.stringMatching(/^keys\//)],
    ]);
    const states = keys.map(({ fingerprint, state }) => [fingerprint, state]);
    const statesIn = async (folder: string) =>
      (await open(folder)).list().map(({ fingerprint, state }) => [fingerprint, state]);
    expect(await statesIn(dataRoot)).toEqual(states);
    const elsewhere = join(await temporary('pool'), 'other');
    expect((await neo(['serve', 'restore', copy, '--data-root', elsewhere])).code).toBe(0);
    expect(await statesIn(elsewhere)).toEqual(states);
    for (const name of await readdir(join(elsewhere, 'keys'))) {
      expect((await stat(join(elsewhere, 'keys', name))).mode & 0o777).toBe(0o600);
    }
  });
});

it('a server that is killed at any moment starts, with what was acknowledged', async () => {
  const dataRoot = join(await temporary('pool'), 'root');
  const acknowledged: Acknowledged = new Map();
  let trust: Trust | undefined;
  for (let round = 0; round < 6; round += 1) {
    await using served = await startNeoServe(['--data-root', dataRoot]);
    trust ??= (await enrol(served)).trust;
    const place = { host: HOST, port: served.port };
    const client = new ControlClient(place, { ...trust, fingerprint: bytesOf(served.fingerprint) });
    const { keys } = await client.call('keys', {});
    const there = new Map(keys.map(({ fingerprint, state }) => [fingerprint, state]));
    for (const [key, state] of acknowledged) {
      if (state === 'retired') expect(there.has(key)).toBe(false);
      else expect(state === 'presented' ? ['presented'] : ['waiting', 'presented']).toContain(there.get(key));
    }
    let left = 3 + round;
    const onAcknowledged = (): void => {
      left -= 1;
      if (left === 0) setTimeout(() => process.kill(served.pid, 'SIGKILL'), round * 2);
    };
    await changeKeys(client, acknowledged, onAcknowledged).catch(() => undefined);
    expect(await served.ended).toBe('SIGKILL');
    await client.close();
  }
  expect(acknowledged.size).toBeGreaterThan(6);
}, 60_000);

type Acknowledged = Map<string, 'waiting' | 'presented' | 'retired'>;

/** Until it is cut off. */
async function changeKeys(client: ControlClient, acknowledged: Acknowledged, on: () => void): Promise<void> {
  for (;;) {
    const { fingerprint: key } = await client.call('key-add', {});
    acknowledged.set(key, 'waiting');
    on();
    await client.call('key-present', { key });
    acknowledged.set(key, 'presented');
    on();
    const { keys } = await client.call('keys', {});
    const oldest = keys[0]?.fingerprint ?? '';
    // What is under way may have happened.
    acknowledged.delete(oldest);
    await client.call('key-retire', { key: oldest });
    acknowledged.set(oldest, 'retired');
    on();
  }
}

it('a key that the operator brings is the only one', async () => {
  const { key, path } = makeCertificate();
  const keyFile = join(await temporary('pem'), 'key.pem');
  await writeFile(keyFile, key, { mode: 0o600 });
  await using served = await startNeoServe(['--tls-cert', path, '--tls-key', keyFile]);
  const { control } = await enrol(served);
  expect((await control.call('keys', {})).keys).toMatchObject([
    { fingerprint: served.fingerprint, state: 'presented' },
  ]);
  expect((await control.hello()).keys).toEqual([served.fingerprint]);
  for (const ask of [
    () => control.call('key-add', {}),
    () => control.call('key-present', { key: served.fingerprint }),
    () => control.call('key-retire', { key: served.fingerprint }),
  ]) {
    await expect(ask()).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('--tls-key') });
  }
  await control.close();
});

it('a name that is no key of the server is no reason to refuse', async () => {
  const { server, all } = await filled();
  for (const servername of [`${'0'.repeat(32)}.neo.invalid`, 'backup.example.org']) {
    const socket = tls.connect({ host: HOST, port: server.port, servername, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    socket.destroy();
  }
  expect((await shown(server.port, 10)).size).toBe(all.length);
});
