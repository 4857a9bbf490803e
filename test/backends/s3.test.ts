import dns from 'node:dns';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { RateLimit } from '../../src/backends/rate-limit.ts';
import { openS3, type S3Options } from '../../src/backends/s3.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';
import { backendSuite, listed, pattern } from '../support/backend-suite.ts';
import { makeCertificate } from '../support/certificate.ts';
import { type HttpProxy, startHttpProxy } from '../support/http-proxy.ts';
import { type Radosgw, radosgwIsThere, startRadosgw } from '../support/radosgw.ts';
import { unreliable } from '../support/unreliable.ts';

describe.skipIf(!radosgwIsThere())('over a gateway of Ceph', () => {
  let gateway: Radosgw;
  let proxy: HttpProxy;
  let buckets = 0;
  const open: Backend[] = [];

  beforeAll(async () => {
    gateway = await startRadosgw();
    Object.assign(process.env, gateway.env);
    proxy = await startHttpProxy(gateway.endpoint);
  }, 60_000);
  afterAll(async () => {
    await proxy.stop();
    await gateway.stop();
  });
  afterEach(async () => {
    proxy.fate = () => 'pass';
    proxy.answer = (status) => status;
    for (const backend of open.splice(0)) await backend.close();
  });

  const fresh = async (options: S3Options = {}, endpoint = proxy.endpoint): Promise<Backend> => {
    buckets += 1;
    const place = parseS3(`s3://bucket-${buckets}/some/where?endpoint=${endpoint}`);
    const backend = await openS3(place, { create: true, createBucket: true, ...options });
    open.push(backend);
    return backend;
  };

  backendSuite('s3', async () => {
    buckets += 1;
    const place = parseS3(`s3://bucket-${buckets}/some/where?endpoint=${gateway.endpoint}`);
    const client = () => openS3(place, { create: true, createBucket: true });
    return { backend: await client(), second: client, dispose: async () => undefined };
  });

  backendSuite('s3, half of whose operations fail', async () => {
    buckets += 1;
    const place = parseS3(`s3://bucket-${buckets}/some/where?endpoint=${gateway.endpoint}`);
    const client = async () => unreliable(await openS3(place, { create: true, createBucket: true }));
    return { backend: await client(), second: client, dispose: async () => undefined };
  });

  it('names the bucket in the host where the location says so', async () => {
    const lookup = dns.lookup;
    const asked: string[] = [];
    // In the place of a name server: all names below this one are the gateway.
    const here = vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: [object, () => void]) => {
      asked.push(name);
      return lookup(name.endsWith('.s3.test') ? '127.0.0.1' : name, ...rest);
    }) as typeof dns.lookup);
    try {
      const place = parseS3(
        `s3://hosted/some/where?endpoint=http://s3.test:${new URL(gateway.endpoint).port}&style=virtual`,
      );
      const backend = await openS3(place, { create: true, createBucket: true });
      open.push(backend);
      await backend.put('packs/00/a', pattern(10));
      expect((await listed(backend)).map(({ path }) => path)).toEqual(['packs/00/a']);
      expect(new Set(asked)).toEqual(new Set(['hosted.s3.test']));
    } finally {
      here.mockRestore();
    }
    const byPath = await openS3(parseS3(`s3://hosted/some/where?endpoint=${gateway.endpoint}`));
    open.push(byPath);
    expect(await byPath.get('packs/00/a')).toEqual(pattern(10));
  });

  // The same contract where the store cannot refuse to overwrite; but for who wins when many write at once.
  it('does without conditional writes, and says so', async () => {
    const notes: string[] = [];
    proxy.fate = (line) => (line.startsWith('PUT /') && line.includes('/tmp/') ? { status: 501 } : 'pass');
    const backend = await fresh({ onNote: (message) => notes.push(message), settleFor: 300 });
    expect(notes).toEqual([expect.stringContaining('overwrites')]);
    const before = performance.now();
    await backend.settle?.();
    expect(performance.now() - before).toBeGreaterThan(250);
    await backend.put('config/0-aa', pattern(10));
    await backend.put('config/0-aa', pattern(10));
    await expect(backend.put('config/0-aa', pattern(10, 1))).rejects.toMatchObject({ code: 'integrity' });
    expect(await backend.get('config/0-aa')).toEqual(pattern(10));
  });

  it('notices a store that ignores the condition, at init and later', async () => {
    // It says that it has stored what it refused.
    proxy.answer = (status) => (status === 412 ? 200 : status);
    const notes: string[] = [];
    await (await fresh({ onNote: (message) => notes.push(message) })).put('config/0-aa', pattern(10));
    expect(notes).toHaveLength(1);
    const place = parseS3(`s3://bucket-${buckets}/some/where?endpoint=${proxy.endpoint}`);
    const later = await openS3(place, { onNote: (message) => notes.push(message) });
    open.push(later);
    await expect(later.put('config/0-aa', pattern(10, 1))).rejects.toMatchObject({ code: 'integrity' });
    expect(await later.get('config/0-aa')).toEqual(pattern(10));
    expect(notes).toHaveLength(1);
  });

  it('asks once a run, and needs no right to remove anything', async () => {
    await (await fresh()).put('packs/00/a', pattern(10));
    proxy.fate = (line) => (line.startsWith('DELETE') ? { status: 403 } : 'pass');
    const place = parseS3(`s3://bucket-${buckets}/some/where?endpoint=${proxy.endpoint}`);
    const later = await openS3(place);
    open.push(later);
    const before = proxy.requests.length;
    await later.put('packs/00/b', pattern(10));
    await later.put('packs/00/c', pattern(10));
    expect(proxy.requests.slice(before).map((line) => line.split(/[ ?]/)[1]?.split('/').at(-1))).toEqual([
      'conditional',
      'b',
      'c',
    ]);
    expect((await listed(later)).map(({ path }) => path)).toEqual(['packs/00/a', 'packs/00/b', 'packs/00/c']);
  });

  it('learns of it where nobody asked at the beginning', async () => {
    const backend = await fresh();
    let conditional = 0;
    proxy.fate = (line) => {
      if (!line.startsWith('PUT') || conditional > 0) return 'pass';
      conditional += 1;
      return { status: 501, body: '<Error><Code>NotImplemented</Code></Error>' };
    };
    await backend.put('packs/00/a', pattern(10));
    expect(await backend.get('packs/00/a')).toEqual(pattern(10));
  });

  it('lists more than one page, and only what may be an object', async () => {
    const backend = await fresh({}, gateway.endpoint);
    const paths = Array.from({ length: 1200 }, (_, n) => `packs/${String(n % 100).padStart(2, '0')}/${n}`);
    await Promise.all(paths.map((path) => backend.put(path, new Uint8Array())));
    expect((await listed(backend)).map(({ path }) => path)).toEqual([...paths].sort());
  });

  it.each([
    [{ status: 503, body: '<Error><Code>SlowDown</Code></Error>' }, 'unreachable'],
    [{ status: 500 }, 'unreachable'],
    [{ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' }, 'permission-denied'],
    [{ status: 403, body: '<Error><Code>QuotaExceeded</Code></Error>' }, 'quota-exceeded'],
    [{ status: 404, body: '<Error><Code>NoSuchBucket</Code></Error>' }, 'no-repository'],
    [{ status: 507 }, 'no-space'],
    [{ status: 400, body: '<Error><Code>Strange</Code></Error>' }, 'failed'],
    ['cut', 'unreachable'],
  ] as const)('tells %j as %s', async (fate, code) => {
    const backend = await fresh();
    await backend.put('packs/00/a', pattern(1000));
    proxy.fate = () => fate;
    const expected = { code };
    await expect(backend.put('packs/00/b', pattern(10))).rejects.toMatchObject(expected);
    await expect(backend.getRange('packs/00/a', { offset: 0, length: 10 })).rejects.toMatchObject(expected);
    await expect(listed(backend)).rejects.toMatchObject(expected);
    await expect(backend.now()).rejects.toMatchObject({ name: 'NeoError' });
  });

  it('does not take half an answer for a whole one', async () => {
    const backend = await fresh();
    await backend.put('packs/00/a', pattern(100_000));
    proxy.fate = () => 'half';
    await expect(backend.get('packs/00/a')).rejects.toMatchObject({ code: 'unreachable' });
    const range = { offset: 10, length: 50_000 };
    await expect(backend.getRange('packs/00/a', range)).rejects.toMatchObject({ code: 'unreachable' });
    await expect(listed(backend)).rejects.toMatchObject({ name: 'NeoError' });
  });

  it('does not take another range for the one that was asked for', async () => {
    const backend = await fresh();
    await backend.put('packs/00/a', pattern(1000));
    const body = 'x'.repeat(100);
    for (const headers of [{}, { 'content-range': 'bytes 7-106/1000' }] as const) {
      proxy.fate = () => ({ status: 200, body, headers });
      const range = { offset: 0, length: 100 };
      await expect(backend.getRange('packs/00/a', range)).rejects.toMatchObject({ code: 'failed' });
    }
  });

  it('stores nothing that was changed on the way', async () => {
    for (const limits of [{}, { upload: slow(100_000) }]) {
      const backend = await fresh({ limits });
      proxy.fate = (line) => (line.startsWith('PUT') ? 'flip' : 'pass');
      await expect(backend.put('packs/00/a', pattern(5000))).rejects.toMatchObject({ code: 'unreachable' });
      proxy.fate = () => 'pass';
      expect(await listed(backend)).toEqual([]);
      await backend.put('packs/00/a', pattern(5000));
      expect(await backend.get('packs/00/a')).toEqual(pattern(5000));
    }
  });

  it.each(['', 'no XML', '<html><body>Please log in</body></html>'])('takes %j for no list', async (body) => {
    const backend = await fresh();
    proxy.fate = () => ({ status: 200, body });
    await expect(listed(backend)).rejects.toMatchObject({ code: 'failed' });
  });

  it('does not list for ever', async () => {
    const backend = await fresh();
    const page =
      '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>';
    proxy.fate = () => ({ status: 200, body: page });
    await expect(listed(backend)).rejects.toMatchObject({ code: 'failed' });
  });

  it('trusts only servers whose certificate it was told to trust', async () => {
    const certificate = makeCertificate();
    const secure = await startHttpProxy(gateway.endpoint, certificate);
    try {
      await expect(fresh({}, secure.endpoint)).rejects.toMatchObject({ code: 'unreachable', isPermanent: true });
      expect(secure.requests).toEqual([]);
      const backend = await fresh({ s3: { authorities: certificate.path } }, secure.endpoint);
      secure.fate = (line) => (line.startsWith('PUT') ? 'flip' : 'pass');
      await expect(backend.put('packs/00/a', pattern(5000))).rejects.toMatchObject({ code: 'unreachable' });
      secure.fate = () => 'pass';
      await backend.put('packs/00/a', pattern(5000));
      expect(await backend.get('packs/00/a')).toEqual(pattern(5000));
    } finally {
      await secure.stop();
    }
  });

  it('keeps to limits', async () => {
    const waits: number[] = [];
    const backend = await fresh({ limits: { upload: slow(50_000, waits), download: slow(50_000, waits) } });
    waits.splice(0);
    await backend.put('packs/00/a', pattern(100_000));
    const uploaded = waits.splice(0).reduce((sum, wait) => sum + wait, 0);
    expect(uploaded).toBeGreaterThan(1400);
    await backend.get('packs/00/a');
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(1400);
  });

  /** A clock that goes on by what is waited for, and by nothing else. */
  function slow(rate: number, waits: number[] = []): RateLimit {
    let now = 0;
    const pause = async (milliseconds: number): Promise<void> => {
      waits.push(milliseconds);
      now += milliseconds;
    };
    return new RateLimit({ rate: () => rate, monotonic: () => now, pause });
  }
});
