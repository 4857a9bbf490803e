/** Health and metrics: what they say, and to whom. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type Device, dataRootWith, enrol, get, objectsIn } from '../support/serve-admin.ts';

const TOKEN = 'a-token-of-the-monitor-0123456789';

/** Name with labels → value. @throws when a line is none of the exposition format */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.trimEnd().split('\n')) {
    if (/^# (HELP|TYPE) \w+ .+$/.test(line)) continue;
    const [, name = '', value] = /^(\w+(?:\{(?:\w+="[^"]*",?)*\})?) (-?[\d.e+]+)$/.exec(line) ?? [];
    expect(name, line).not.toBe('');
    found.set(name, Number(value));
  }
  return found;
}

let dataRoot: string;
let server: NeoServe;
let admin: Device;
beforeAll(async () => {
  dataRoot = await dataRootWith('metrics = { token-file = "monitor", snapshot-age = true }\n');
  await writeFile(join(dataRoot, 'monitor'), `${TOKEN}\n`, { mode: 0o600 });
  server = await startNeoServe(['--data-root', dataRoot]);
  admin = await enrol(server);
});
afterAll(async () => {
  await admin.control.close();
  await server.stop();
  await rm(dataRoot, { recursive: true });
});

describe('health', () => {
  it('is for anybody', async () => {
    const { status, body } = await get(server.port, '/v1/health');
    expect([status, JSON.parse(body)]).toEqual([200, { status: 'ok' }]);
  });
});

describe('metrics', () => {
  it('are not for everybody', async () => {
    const { control } = admin;
    await control.call('user-add', { name: 'ann' });
    const { code } = await control.call('user-invite', { name: 'ann' });
    const ann = await enrol(server, code);
    const readOnly = await control.call('token-create', { name: 'reads', role: 'read' });
    const { device } = ann.trust;
    for (const options of [{}, { device }, { token: `${TOKEN}x` }, { token: readOnly.token }]) {
      const { status, body } = await get(server.port, '/metrics', options);
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'permission-denied' } });
    }
    await ann.control.close();
  });

  it('are for devices and tokens of administrators, and for who has the token of the file', async () => {
    const { token } = await admin.control.call('token-create', { name: 'all', role: 'admin' });
    for (const options of [{ device: admin.trust.device }, { token }, { token: TOKEN }]) {
      const { status, headers, body } = await get(server.port, '/metrics', options);
      expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
      expect(samples(body).get('neo_connections')).toBeGreaterThan(0);
    }
  });

  it('count what went in and out, by verb and result, and what is stored', async () => {
    const { control } = admin;
    await control.call('target-create', { name: 'documents' });
    const objects = objectsIn(server, admin, 'documents');
    const of = async () => samples((await get(server.port, '/metrics', { token: TOKEN })).body);
    const before = await of();
    await objects.put('packs/00/a', new Uint8Array(100_000));
    await objects.get('packs/00/a');
    await objects.get('packs/00/none');
    await expect(objects.put('packs/00/a', new Uint8Array(5))).rejects.toThrow();
    const after = await of();
    const grew = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grew('neo_received_bytes_total')).toBeGreaterThanOrEqual(100_000);
    expect(grew('neo_sent_bytes_total')).toBe(100_000);
    expect(grew('neo_requests_total{verb="put",result="ok"}')).toBe(1);
    expect(grew('neo_requests_total{verb="get",result="ok"}')).toBe(1);
    expect(grew('neo_requests_total{verb="get",result="absent"}')).toBe(1);
    expect(grew('neo_requests_total{verb="put",result="integrity"}')).toBe(1);
    expect(after.get('neo_account_used_bytes{account="admin"}')).toBe(100_000);
    expect(after.get('neo_account_objects{account="admin"}')).toBe(1);
    expect(after.has('neo_account_quota_bytes{account="admin"}')).toBe(false);
    expect(after.get('neo_faults_total')).toBe(0);
    expect(after.get('process_resident_memory_bytes')).toBeGreaterThan(20e6);
    expect(after.get('neo_uptime_seconds')).toBeGreaterThanOrEqual(0);
    await control.call('user-set', { name: 'admin', quota: 1 << 20, perObject: 10 });
    const limited = await of();
    expect(limited.get('neo_account_quota_bytes{account="admin"}')).toBe(1 << 20);
    expect(limited.get('neo_account_used_bytes{account="admin"}')).toBe(100_010);
    await objects.close();
  });
});

it('the age of the newest snapshot of each target is told when it is asked for', async () => {
  const own = await dataRootWith('[metrics]\nsnapshot-age = true\n');
  await using first = await startNeoServe(['--data-root', own]);
  const device = await enrol(first);
  await device.control.call('target-create', { name: 'documents' });
  await device.control.call('target-create', { name: 'empty' });
  const objects = objectsIn(first, device, 'documents');
  await objects.put('snapshots/aa', new Uint8Array(3));
  const ages = async (port: number) => {
    const { body } = await get(port, '/metrics', { device: device.trust.device });
    return [...samples(body)].filter(([name]) => name.startsWith('neo_snapshot_age'));
  };
  const found = await ages(first.port);
  expect(found).toEqual([['neo_snapshot_age_seconds{account="admin",target="documents"}', expect.any(Number)]]);
  expect(found[0]?.[1]).toBeLessThan(30);
  await objects.close();
  await device.control.close();
  await first.stop();
  await writeFile(join(own, 'server.toml'), '');
  await using second = await startNeoServe(['--data-root', own]);
  expect(await ages(second.port)).toEqual([]);
});

it('metrics can have an address of their own, where nothing else is', async () => {
  const apart = await freePort();
  const own = await dataRootWith(`[metrics]\nlisten = "127.0.0.1:${apart}"\ntoken-file = "monitor"\n`);
  await writeFile(join(own, 'monitor'), TOKEN);
  await using both = await startNeoServe(['--data-root', own]);
  expect((await get(apart, '/metrics', { token: TOKEN })).status).toBe(200);
  expect((await get(apart, '/v1/health')).status).toBe(200);
  expect((await get(apart, '/v1/targets/a/list', { token: TOKEN })).status).toBe(400);
  expect((await get(both.port, '/metrics', { token: TOKEN })).status).toBe(400);
  expect((await get(both.port, '/v1/hello')).status).toBe(200);
});
