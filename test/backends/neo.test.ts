/** A target of our own server keeps the contract of all backends. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { backendSuite, pattern } from '../support/backend-suite.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

let server: OwnServer;
let targets = 0;

beforeAll(async () => {
  server = await startOwnServer();
});
afterAll(() => server.stop());

function client(target: string, more: { fingerprint?: Uint8Array; token?: string } = {}) {
  const trust = { fingerprint: server.fingerprint, token: server.token('prune'), ...more };
  return openNeo({ host: '127.0.0.1', port: server.port, target }, { trust });
}

backendSuite('neo', async () => {
  targets += 1;
  const target = `target-${targets}`;
  return {
    backend: client(target),
    second: async () => client(target),
    dispose: async () => expect(server.faults).toEqual([]),
  };
});

describe('on a bad line', () => {
  it('what is cut off was not stored, and the next attempt goes over a new connection', async () => {
    const line = await startCuttingProxy(server.port);
    const trust = { fingerprint: server.fingerprint, token: server.token('append') };
    const backend = openNeo({ host: '127.0.0.1', port: line.port, target: 'cut' }, { trust });
    const bytes = pattern(8 << 20);
    line.cutAfter([3 << 20]);
    await expect(backend.put('packs/00/a', bytes)).rejects.toMatchObject({ code: 'unreachable', isPermanent: false });
    expect(await backend.get('packs/00/a')).toBeUndefined();
    await backend.put('packs/00/a', bytes);
    expect(Buffer.compare((await backend.get('packs/00/a')) ?? new Uint8Array(0), bytes)).toBe(0);
    expect([line.cuts, line.connections]).toEqual([1, 2]);
    await backend.close();
    await line.stop();
  });

  it('all who ask at once share one connection, also when it was lost', async () => {
    const line = await startCuttingProxy(server.port);
    const trust = { fingerprint: server.fingerprint, token: server.token('append') };
    const backend = openNeo({ host: '127.0.0.1', port: line.port, target: 'shared' }, { trust });
    const askMany = () => Promise.allSettled(Array.from({ length: 20 }, (_, n) => backend.stat(`packs/00/${n}`)));
    await askMany();
    expect(line.connections).toBe(1);
    line.cutAfter([1]);
    await askMany();
    await expect.poll(async () => (await askMany()).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(line.connections).toBe(2);
    await backend.close();
    await line.stop();
  });

  it('many small ranges take as many ways there and back as one', async () => {
    const line = await startCuttingProxy(server.port);
    const trust = { fingerprint: server.fingerprint, token: server.token('append') };
    const backend = openNeo({ host: '127.0.0.1', port: line.port, target: 'small' }, { trust });
    const bytes = pattern(100_000);
    await backend.put('packs/00/a', bytes);
    const before = line.sent;
    const ranges = Array.from({ length: 1000 }, (_, n) => ({ offset: n * 97, length: 50 }));
    const found = await Promise.all(ranges.map((range) => backend.getRange('packs/00/a', range)));
    for (const [n, { offset, length }] of ranges.entries()) {
      expect(found[n]).toEqual(bytes.slice(offset, offset + length));
    }
    // A request of its own for each would send some hundred bytes for each.
    expect(line.sent - before).toBeLessThan(1000 * 40);
    await backend.close();
    await line.stop();
  });

  it('a host that does not answer as a server of ours is no server of ours', async () => {
    const trust = { fingerprint: server.fingerprint, token: server.token('append') };
    const mute = createServer((socket) => socket.end('220 mail.example.org ESMTP\r\n'));
    await once(mute.listen(0, '127.0.0.1'), 'listening');
    const { port } = mute.address() as AddressInfo;
    const backend = openNeo({ host: '127.0.0.1', port, target: 'x' }, { trust });
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'unreachable' });
    mute.close();
    const nobody = openNeo({ host: '127.0.0.1', port, target: 'x' }, { trust });
    await expect(nobody.get('a')).rejects.toMatchObject({ code: 'unreachable' });
  });
});
