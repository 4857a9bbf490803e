/** The log of a server: what is in it, what is never in it, how it is held back, and how its file is rotated. */
import { readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Level } from '../../src/protocol/settings.ts';
import { makeLog } from '../../src/server/log.ts';
import { temporary } from '../house/run.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { type Entry, enrol, entries, get, newDevice, objectsIn, until } from '../support/serve-admin.ts';

const PROOF = '5a'.repeat(32);

describe('a server at work', () => {
  it('tells what happens, a JSON object a line, and no secret', async () => {
    await using server = await startNeoServe();
    const { control, trust } = await enrol(server);
    await expect(newDevice(server).control.call('enrol', { code: 'aaaaa-bbbbb', device: 'x' })).rejects.toThrow();
    const stranger = newDevice(server);
    await expect(stranger.control.call('login', { account: 'nobody', proof: PROOF, device: 'x' })).rejects.toThrow(
      'wrong',
    );
    await expect(stranger.control.call('whoami', {})).rejects.toThrow('not logged in');
    await control.call('target-create', { name: 'documents' });
    const { code } = await control.call('device-invite', { role: 'append' });
    const other = await enrol(server, code);
    const { token, id } = await control.call('token-create', { name: 'script', role: 'read' });
    await get(server.port, '/v1/targets/documents/list', { token });
    const pack = crypto.getRandomValues(new Uint8Array(200));
    const objects = objectsIn(server, { trust, control }, 'documents');
    await objects.put('packs/00/a', pack);
    await control.call('token-revoke', { id });
    const { devices } = await control.call('devices', {});
    await control.call('device-revoke', { id: devices.find(({ isThis }) => !isThis)?.id ?? '' });
    await expect(other.control.call('whoami', {})).rejects.toThrow('not logged in');
    await Promise.all([objects, control, other.control, stranger.control].map((each) => each.close()));
    await server.stop();

    const text = server.stderr();
    const log = entries(text);
    expect(log[0]).toMatchObject({ event: 'started', level: 'info', version: expect.any(String) });
    for (const { time, level } of log) expect([time, level]).toEqual([expect.stringMatching(/^\d{4}-.*Z$/), level]);
    const has = (event: string, detail: object) =>
      expect(log).toContainEqual(expect.objectContaining({ event, ...detail }));
    has('listening', { port: server.port, fingerprint: server.fingerprint });
    has('enrol', { account: 'admin', device: 'laptop', network: '127.0.0.1' });
    has('enrol-refused', { network: '127.0.0.1', level: 'warning' });
    has('login-refused', { account: 'nobody', network: '127.0.0.1' });
    has('refused', { verb: 'whoami', network: '127.0.0.1', reason: 'not logged in' });
    has('change', { action: 'target-create', account: 'admin', device: 'laptop' });
    has('revoked', { action: 'token-revoke', detail: { id } });
    has('revoked', { action: 'device-revoke' });
    has('stopping', { reason: 'SIGTERM' });
    expect(log.at(-1)).toMatchObject({ event: 'ended' });
    for (const secret of [server.adminCode, code, token, PROOF, 'aaaaa', 'PRIVATE KEY'])
      expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(pack).toString('base64').slice(0, 40));
  });

  it('tells of each request at the level debug, and of nothing but errors at the level error', async () => {
    await using chatty = await startNeoServe(['--log-level', 'debug']);
    await get(chatty.port, '/v1/hello');
    await until(() => chatty.stderr().includes('"request"'));
    expect(entries(chatty.stderr()).find(({ event }) => event === 'request')).toMatchObject({
      verb: 'hello',
      result: 'ok',
      network: '127.0.0.1',
      milliseconds: expect.any(Number),
    });
    await using quiet = await startNeoServe(['--log-level', 'error']);
    await get(quiet.port, '/metrics');
    await quiet.stop();
    expect(quiet.stderr()).toBe('');
  });

  it('goes on in a new file after SIGHUP, and stays for nobody but its owner to read', async () => {
    const file = join(await temporary('log'), 'neo.log');
    await using server = await startNeoServe(['--log', file]);
    await until(async () => (await readFile(file, 'utf8')).includes('"listening"'));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await rename(file, `${file}.1`);
    process.kill(server.pid, 'SIGHUP');
    await until(() =>
      stat(file).then(
        () => true,
        () => false,
      ),
    );
    await get(server.port, '/metrics');
    await server.stop();
    expect(entries(await readFile(`${file}.1`, 'utf8')).map(({ event }) => event)).toEqual(['started', 'listening']);
    expect(entries(await readFile(file, 'utf8')).map(({ event }) => event)).toEqual(['refused', 'stopping', 'ended']);
    expect(server.stderr()).toBe('');
  });
});

describe('what is held back', () => {
  afterEach(() => void vi.useRealTimers());

  const collect = (level: Level = 'info') => {
    vi.useFakeTimers({ now: 0 });
    const lines: Entry[] = [];
    const { log, end } = makeLog({
      level,
      form: 'json',
      write: (line) => lines.push(JSON.parse(line) as Entry),
      clock: { now: () => Date.now() },
    });
    return { log, end, lines };
  };

  it('is all but one line a second of each account and network, and is counted', () => {
    const { log, lines } = collect();
    const refused = (account: string) => log('refused', { account, network: '10.0.0.1', verb: 'put' });
    for (let i = 0; i < 1000; i++) refused('ann');
    refused('ben');
    expect(lines.map(({ account }) => account)).toEqual(['ann', 'ben']);
    vi.advanceTimersByTime(1_001);
    expect(lines.at(-1)).toMatchObject({ account: 'ann', unwritten: 998 });
    for (let i = 0; i < 5; i++) refused('ann');
    expect(lines).toHaveLength(3);
    vi.advanceTimersByTime(1_001);
    expect(lines.at(-1)).toMatchObject({ account: 'ann', unwritten: 4 });
    vi.advanceTimersByTime(5_000);
    refused('ann');
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).not.toHaveProperty('unwritten');
  });

  it('is one line a second of a network that tries one account after the other', () => {
    const { log, lines } = collect();
    for (let i = 0; i < 300; i++) log('login-refused', { account: `a${i}`, network: '10.0.0.1' });
    vi.advanceTimersByTime(1_001);
    expect(lines.map(({ account }) => account)).toEqual(['a0', 'a299']);
  });

  it('is written at the end', () => {
    const { log, end, lines } = collect();
    for (let i = 0; i < 3; i++) log('fault', { error: 'Error: disk\n at x' });
    end();
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ event: 'fault', unwritten: 1 });
  });

  it('is one line of all who come from more places than are watched', () => {
    const { log, lines } = collect();
    for (let i = 0; i < 50_000; i++) log('refused', { account: undefined, network: `net-${i}` });
    expect(lines.length).toBeLessThanOrEqual(10_001);
    vi.advanceTimersByTime(1_001);
    expect(lines.at(-1)?.['unwritten']).toBeGreaterThan(39_000);
  });
});
