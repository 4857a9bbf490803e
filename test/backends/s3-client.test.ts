/** What the client of buckets does about clocks, regions, refusals that come early and connections that were closed. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { openS3 } from '../../src/backends/s3.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';
import { listed, pattern } from '../support/backend-suite.ts';
import { type HttpProxy, startHttpProxy } from '../support/http-proxy.ts';
import { type Radosgw, radosgwIsThere, startRadosgw } from '../support/radosgw.ts';

const HOUR = 3_600_000;

describe.skipIf(!radosgwIsThere())('a client of a gateway', () => {
  let gateway: Radosgw;
  let proxy: HttpProxy;
  const open: Backend[] = [];

  beforeAll(async () => {
    gateway = await startRadosgw();
    Object.assign(process.env, gateway.env);
    proxy = await startHttpProxy(gateway.endpoint);
    await (await client({ create: true, createBucket: true })).put('packs/00/a', pattern(10));
  }, 60_000);
  afterAll(async () => {
    await proxy.stop();
    await gateway.stop();
  });
  afterEach(async () => {
    vi.useRealTimers();
    proxy.fate = () => 'pass';
    for (const backend of open.splice(0)) await backend.close();
  });

  async function client(options = {}, path = '', more = ''): Promise<Backend> {
    const backend = await openS3(parseS3(`s3://bucket${path}?endpoint=${proxy.endpoint}${more}`), options);
    open.push(backend);
    return backend;
  }

  it.each([-HOUR, HOUR, 400 * 24 * HOUR])(
    'works with a clock that is wrong by %d ms, and tells the right time',
    async (wrong) => {
      const right = Date.now();
      vi.useFakeTimers({ toFake: ['Date'], now: right + wrong });
      // The first answer may be one to HEAD, which says no more than 403.
      expect(Math.abs((await (await client()).now()) - right)).toBeLessThan(60_000);
      const backend = await client();
      const before = proxy.requests.length;
      expect((await listed(backend)).map(({ path }) => path)).toContain('packs/00/a');
      expect(await backend.get('packs/00/a')).toEqual(pattern(10));
      expect(await backend.stat('packs/00/a')).toMatchObject({ size: 10 });
      // One was refused; after that the time is known.
      expect(proxy.requests.length - before).toBe(4);
      await backend.put(`packs/00/clock${wrong}`, pattern(10));
    },
  );

  it('puts the clock and the region right for all that is asked at once', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR });
    proxy.fate = (_, __, headers) =>
      String(headers.authorization).split('/')[2] === 'eu-north-1'
        ? 'pass'
        : { status: 400, headers: { 'x-amz-bucket-region': 'eu-north-1' } };
    const backend = await client();
    const asked = Array.from({ length: 16 }, () => backend.get('packs/00/a'));
    for (const bytes of await Promise.all(asked)) expect(bytes).toEqual(pattern(10));
  });

  it('is denied once, and not again and again, where the clock is right', async () => {
    const before = proxy.requests.length;
    proxy.fate = () => ({ status: 403 });
    await expect((await client()).now()).rejects.toMatchObject({ code: 'permission-denied' });
    expect(proxy.requests.length - before).toBe(1);
  });

  it.each([301, 400])('goes to the region that the store names with %i', async (status) => {
    const signedFor: string[] = [];
    proxy.fate = (_, __, headers) => {
      const region = String(headers.authorization).split('/')[2] ?? '';
      signedFor.push(region);
      return region === 'eu-north-1' ? 'pass' : { status, headers: { 'x-amz-bucket-region': 'eu-north-1' } };
    };
    const backend = await client();
    expect(await backend.stat('packs/00/a')).toMatchObject({ size: 10 });
    expect(await backend.get('packs/00/a')).toEqual(pattern(10));
    expect(signedFor).toEqual(['us-east-1', 'eu-north-1', 'eu-north-1']);
  });

  it('goes nowhere when what is named is no region, or when it is sent round and round', async () => {
    for (const regions of [['evil.example/'], ['eu-north-1', 'eu-north-2', 'eu-north-3', 'eu-north-4']]) {
      const before = proxy.requests.length;
      proxy.fate = (_, number) => {
        const region = regions[(number - before - 1) % regions.length] ?? '';
        return { status: 301, body: `<Error><Code>PermanentRedirect</Code><Region>${region}</Region></Error>` };
      };
      await expect((await client()).get('packs/00/a')).rejects.toMatchObject({
        code: 'failed',
        hint: expect.stringContaining('region='),
      });
      expect(proxy.requests.length - before).toBeLessThanOrEqual(3);
    }
  });

  it('signs prefixes with all the characters that a location takes', async () => {
    const backend = await client({ create: true }, `/${encodeURIComponent("a b+c(d)'e!_f*g=h@i.j")}/k`);
    await backend.put('packs/00/a', pattern(20));
    expect(await listed(backend)).toMatchObject([{ path: 'packs/00/a', size: 20 }]);
    expect(await backend.get('packs/00/a')).toEqual(pattern(20));
  });

  it('asks for the storage class that the location names', async () => {
    const classes: unknown[] = [];
    proxy.fate = (line, _, headers) => {
      if (line.startsWith('PUT') && !line.includes('/tmp/')) classes.push(headers['x-amz-storage-class']);
      return 'pass';
    };
    const backend = await client({}, '/cold', '&storage-class=STANDARD');
    await backend.put('packs/00/a', pattern(20));
    await backend.put('index/a', pattern(20));
    expect(classes).toEqual(['STANDARD', undefined]);
  });

  it.each([
    ['SlowDown', 'unreachable'],
    ['Strange', 'failed'],
  ])('believes no success whose body says %s', async (reason, code) => {
    const backend = await client();
    await backend.put('packs/00/b', pattern(20));
    proxy.fate = () => ({ status: 200, body: `<Error><Code>${reason}</Code></Error>` });
    await expect(backend.put('packs/00/c', pattern(20))).rejects.toMatchObject({ code });
  });

  it('does not take the 404 of something else for an object that is missing', async () => {
    const backend = await client();
    expect(await backend.get('packs/00/none')).toBeUndefined();
    proxy.fate = () => ({ status: 404, body: '<html><body>Please log in</body></html>' });
    await expect(backend.get('packs/00/none')).rejects.toMatchObject({ name: 'NeoError' });
    await expect(listed(backend)).rejects.toMatchObject({ name: 'NeoError' });
  });
});

describe('a client of a strange server', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function clientOf(listener: RequestListener): Promise<Backend> {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' });
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return openS3(parseS3(`s3://bucket?endpoint=http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  }

  it('hears a refusal that comes before all was sent', async () => {
    const backend = await clientOf((request, response) => {
      if (request.url?.includes('conditional') === true) return void response.writeHead(412).end();
      response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
    });
    await expect(backend.put('packs/00/a', pattern(30_000_000))).rejects.toMatchObject({ code: 'permission-denied' });
    await backend.close();
  });

  it('asks again at once over a new connection when a kept one turns out to be closed', async () => {
    const seen = new Set<object>();
    let closed = 0;
    const backend = await clientOf((request, response) => {
      if (seen.has(request.socket)) {
        closed += 1;
        return void request.socket.destroy();
      }
      seen.add(request.socket);
      response.writeHead(200, { 'content-length': 10, 'last-modified': new Date(7000).toUTCString() }).end();
    });
    for (let n = 0; n < 5; n += 1) expect(await backend.stat('packs/00/a')).toMatchObject({ size: 10, modified: 7000 });
    expect(closed).toBeGreaterThan(0);
    await backend.close();
  });

  it('waits for nothing where a server speaks of something else than HTTP', async () => {
    for (const said of [
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'SSH-2.0-x\r\n',
      '',
    ]) {
      const backend = await clientOf((request) => void request.socket.end(said));
      await expect(backend.stat('packs/00/a')).rejects.toMatchObject({ code: 'unreachable' });
      await backend.close();
    }
  });

  it('reads no list and no refusal without end', async () => {
    for (const status of [200, 500]) {
      const backend = await clientOf((_, response) => {
        response.writeHead(status);
        const more = (): void => void (response.destroyed || response.write('x'.repeat(1 << 20), more));
        more();
      });
      await expect(listed(backend)).rejects.toMatchObject({ name: 'NeoError' });
      await backend.close();
    }
  });
});
