/** How a server ends, in good order and otherwise, and starts again. */
import http2 from 'node:http2';
import https from 'node:https';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/backends/neo-control.ts';
import { neo } from '../house/run.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type Device, dataRootWith, enrol, entries, get, objectsIn } from '../support/serve-admin.ts';

const SIZE = 1 << 20;

/** A put whose second half comes when it is told to. */
async function slowPut({ port }: NeoServe, { trust }: Device, path: string) {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...trust.device });
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'PUT',
    ':path': `/v1/targets/documents/objects/${path}`,
    'content-length': SIZE,
  });
  stream.on('error', () => undefined);
  const status = new Promise<number | undefined>((resolve) => {
    stream.once('response', (headers) => resolve(headers[':status']));
    stream.once('close', () => resolve(undefined));
  });
  stream.write(Buffer.alloc(SIZE / 2, 1));
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { status, finish: () => stream.end(Buffer.alloc(SIZE / 2, 1)), close: () => session.destroy() };
}

async function started(toml = ''): Promise<{ server: NeoServe; device: Device; dataRoot: string }> {
  const dataRoot = await dataRootWith(toml);
  const server = await startNeoServe(['--data-root', dataRoot]);
  const device = await enrol(server);
  await device.control.call('target-create', { name: 'documents' });
  return { server, device, dataRoot };
}

describe('SIGTERM', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('lets a request under way come to its end: %s', async (signal) => {
    const { server, device } = await started();
    const put = await slowPut(server, device, 'packs/00/a');
    const kept = openIdle(server.port);
    process.kill(server.pid, signal);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await expect(get(server.port, '/v1/hello')).rejects.toThrow('ECONNREFUSED');
    put.finish();
    expect(await put.status).toBe(204);
    expect(await server.ended).toBe(0);
    expect(entries(server.stderr()).slice(-2)).toMatchObject([
      { event: 'stopping', reason: signal },
      { event: 'ended' },
    ]);
    kept.destroy();
    await device.control.close();
    await server.stop();
  });

  it('cuts off what is not done after the time that it has', async () => {
    const { server, device, dataRoot } = await started('limits = { grace = "1s" }\n');
    const put = await slowPut(server, device, 'packs/00/a');
    const from = performance.now();
    process.kill(server.pid, 'SIGTERM');
    expect(await server.ended).toBe(0);
    expect(performance.now() - from).toBeGreaterThan(900);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await put.status).toBeUndefined();
    put.close();
    await device.control.close();
    await using again = await startNeoServe(['--data-root', dataRoot]);
    const objects = objectsIn(again, device, 'documents');
    expect(await objects.get('packs/00/a')).toBeUndefined();
    await objects.close();
  });

  it('ends at once where nobody asks anything, also with connections that are kept', async () => {
    const { server, device } = await started();
    const silent = connect(server.port, '127.0.0.1').on('error', () => undefined);
    const agent = new https.Agent({ keepAlive: true });
    await new Promise<void>((resolve) => {
      const options = { host: '127.0.0.1', port: server.port, path: '/v1/hello', agent, rejectUnauthorized: false };
      https.get(options, (response) => response.resume().on('end', resolve));
    });
    const from = performance.now();
    process.kill(server.pid, 'SIGTERM');
    expect(await server.ended).toBe(0);
    expect(performance.now() - from).toBeLessThan(2_000);
    agent.destroy();
    silent.destroy();
    await device.control.close();
    await server.stop();
  });

  it('twice ends it at once', async () => {
    const { server, device, dataRoot } = await started();
    const put = await slowPut(server, device, 'packs/00/a');
    process.kill(server.pid, 'SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const from = performance.now();
    process.kill(server.pid, 'SIGTERM');
    expect(await server.ended).toBe(130);
    expect(performance.now() - from).toBeLessThan(2_000);
    put.close();
    await device.control.close();
    await using again = await startNeoServe(['--data-root', dataRoot]);
    expect((await get(again.port, '/v1/health')).status).toBe(200);
  });
});

it('an administrator ends it, and gets the answer', async () => {
  const { server, device } = await started();
  expect(await device.control.call('shutdown', {})).toEqual({});
  expect(await server.ended).toBe(0);
  expect(entries(server.stderr())).toContainEqual(expect.objectContaining({ event: 'stopping', reason: 'shutdown' }));
  await device.control.close();
  await server.stop();
});

it('starts again after kill -9, with all that was acknowledged, and only one at a time', async () => {
  const { server, device, dataRoot } = await started();
  const objects = objectsIn(server, device, 'documents');
  await objects.put('packs/00/a', new Uint8Array(1000));
  const second = await neo(['serve', '--data-root', dataRoot, '--listen', '127.0.0.1:0']);
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('another server uses the database')]);
  process.kill(server.pid, 'SIGKILL');
  expect(await server.ended).toBe('SIGKILL');
  await objects.close();
  await device.control.close();
  await using again = await startNeoServe(['--data-root', dataRoot]);
  expect(again.fingerprint).toBe(server.fingerprint);
  const found = objectsIn(again, device, 'documents');
  expect(await found.get('packs/00/a')).toHaveLength(1000);
  const usage = new ControlClient({ host: '127.0.0.1', port: again.port }, device.trust);
  expect(await usage.call('usage', {})).toMatchObject({ bytes: 1000, objects: 1 });
  await usage.close();
  await found.close();
});

/** A session of HTTP/2 on which nothing is asked. */
function openIdle(port: number) {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  return session;
}
