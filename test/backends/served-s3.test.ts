/** A target of a server in a bucket: the contract, objects that come in pieces, lists in order, and what a store does that nobody waits for. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ServedBackend } from '../../src/backends/backend.ts';
import { BucketLine } from '../../src/backends/bucket-line.ts';
import { openBucket } from '../../src/backends/s3.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';
import { openServedS3 } from '../../src/backends/served-s3.ts';
import { Spool } from '../../src/backends/spool.ts';
import { systemClock } from '../../src/core/clock.ts';
import { NeoError } from '../../src/core/errors.ts';
import { systemRandom } from '../../src/core/random.ts';
import { backendSuite, bytesOf, listed, pattern } from '../support/backend-suite.ts';
import { type HttpProxy, startHttpProxy } from '../support/http-proxy.ts';
import { type Radosgw, radosgwIsThere, startRadosgw } from '../support/radosgw.ts';
import { tempFolder } from '../support/temp-repository.ts';

const FOLDER = 'targets/0123';
const SLOW_DOWN = { status: 503, body: '<Error><Code>SlowDown</Code></Error>' };

async function* pieces(...texts: string[]) {
  for (const text of texts) yield bytesOf(text);
}

async function drained(backend: ServedBackend, path: string, size: number, step: number): Promise<Uint8Array> {
  const whole = new Uint8Array(size);
  const object = await backend.openObject(path, { offset: 0, length: size });
  if (object === undefined) throw new Error('absent');
  for (let at = 0; at < size; at += step) await object.readInto(at, whole.subarray(at, Math.min(size, at + step)));
  await object.close();
  return whole;
}

describe.skipIf(!radosgwIsThere())('a target in a bucket', () => {
  let gateway: Radosgw;
  let proxy: HttpProxy;
  let buckets = 0;
  const lines: BucketLine[] = [];

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
    for (const line of lines.splice(0)) await line.bucket.close();
  });

  interface World {
    readonly backend: ServedBackend;
    /** As the next process finds it. */
    again(): Promise<ServedBackend>;
    /** Another process, with a spool of its own. */
    other(): Promise<ServedBackend>;
    left(): string[];
  }

  async function fresh(endpoint = gateway.endpoint, retryFor = 5_000): Promise<World> {
    buckets += 1;
    const place = parseS3(`s3://served-${buckets}/some/where?endpoint=${endpoint}`);
    const spoolFolder = join(await tempFolder(), 'spool');
    const open = async (folder: string): Promise<ServedBackend> => {
      const bucket = await openBucket(place, { create: true, createBucket: true });
      const line = new BucketLine(bucket, { clock: systemClock, random: systemRandom, retryFor });
      lines.push(line);
      const spool = new Spool(folder, systemRandom);
      return openServedS3({ line, folder: FOLDER, spool, random: systemRandom });
    };
    const left = () => (existsSync(spoolFolder) ? readdirSync(spoolFolder) : []);
    const again = () => open(spoolFolder);
    const other = async () => open(join(await tempFolder(), 'spool'));
    return { backend: await again(), again, other, left };
  }

  backendSuite('a target in a bucket', async () => {
    const world = await fresh();
    const dispose = async (): Promise<void> => expect(world.left()).toEqual([]);
    return { backend: world.backend, second: () => world.other(), dispose };
  });

  it('takes an object piece by piece, and shows nothing when the last word is no', async () => {
    const { backend, left } = await fresh();
    expect(await backend.putPieces('packs/00/a', pieces('one ', 'two ', '', 'three'))).toBe(true);
    expect(await backend.get('packs/00/a')).toEqual(bytesOf('one two three'));
    expect(await backend.putPieces('packs/00/a', pieces('one two ', 'three'))).toBe(false);
    await expect(backend.putPieces('packs/00/a', pieces('one two thref'))).rejects.toMatchObject({ code: 'integrity' });
    const refused = async function* () {
      yield* pieces('all ', 'of it');
      throw new NeoError('integrity', 'not what its name says');
    };
    await expect(backend.putPieces('b', refused())).rejects.toThrow('not what its name says');
    expect((await listed(backend)).map(({ path }) => path)).toEqual(['packs/00/a']);
    expect(left()).toEqual([]);
  });

  it('is made by one of 16 that bring it at once, and the others are told so', async () => {
    const { backend } = await fresh();
    const puts = Array.from({ length: 16 }, () => backend.putPieces('packs/00/a', pieces('s', 'ame')));
    expect((await Promise.all(puts)).filter(Boolean)).toHaveLength(1);
  });

  it('lists in the order of the paths, from any place, over pages', async () => {
    const { backend } = await fresh();
    const names = ['a', 'a-b', 'a.b', 'a0', 'ab', 'b'];
    const paths = names.flatMap((name) => [`${name}/a`, `${name}/b-0`, `top-${name}`]).sort();
    for (const path of paths) await backend.put(path, bytesOf(path));
    for (const after of ['', 'a/b-0', 'a0', 'top-', 'zz', '0']) {
      const found: string[] = [];
      for await (const { path } of backend.listAfter('', after)) found.push(path);
      expect(found, after).toEqual(paths.filter((path) => path > after));
    }
    const within: string[] = [];
    for await (const { path } of backend.listAfter('a', 'a/a')) within.push(path);
    expect(within).toEqual(['a/b-0']);
    const many = Array.from({ length: 1_105 }, (_, n) => `many/${String(n).padStart(5, '0')}`);
    await Promise.all(many.map((path) => backend.put(path, new Uint8Array())));
    const after: string[] = [];
    for await (const { path } of backend.listAfter('many', many[2] ?? '')) after.push(path);
    expect(after).toEqual(many.slice(3));
  }, 60_000);

  it('reads an object in few large parts, and several ranges as it reads each', async () => {
    const { backend } = await fresh(proxy.endpoint);
    const bytes = pattern(9_000_001);
    await backend.put('packs/00/a', bytes);
    const before = proxy.requests.length;
    expect(Buffer.compare(await drained(backend, 'packs/00/a', bytes.length, 200_000), bytes)).toBe(0);
    expect(proxy.requests.length - before).toBe(4);
    const ranges = [
      [0, 10],
      [5, 20],
      [100_000, 0],
      [8_999_990, 11],
      [8_999_990, 12],
      [4_000_000, 2_000_000],
      [70_000, 9],
    ];
    const asked = ranges.map(([offset = 0, length = 0]) => ({ offset, length }));
    const each = asked.map((one) => backend.getRange('packs/00/a', one).catch(() => undefined));
    expect(await backend.getRanges('packs/00/a', asked)).toEqual(await Promise.all(each));
    expect(await backend.getRanges('none', asked)).toBeUndefined();
    const object = await backend.openObject('packs/00/a');
    await object?.readInto(10, new Uint8Array(10));
    await expect(object?.readInto(9_000_000, new Uint8Array(2))).rejects.toMatchObject({ code: 'integrity' });
    await backend.remove('packs/00/a');
    await expect(object?.readInto(0, new Uint8Array(2))).rejects.toMatchObject({ code: 'unreachable' });
    await object?.close();
    expect(await backend.openObject('packs/00/a')).toBeUndefined();
  });

  it('tries again what the store had no time for, or did without saying so, and makes it once', async () => {
    const { backend, left } = await fresh(proxy.endpoint, 20_000);
    let faults = 0;
    proxy.fate = (line, number) => {
      if (!line.includes('/packs/') || number % 3 !== 0) return 'pass';
      faults += 1;
      return number % 2 === 0 ? SLOW_DOWN : 'cut';
    };
    const puts = Array.from({ length: 12 }, (_, n) => backend.putPieces(`packs/00/${n}`, pieces(`object ${n}`)));
    expect(await Promise.all(puts)).toEqual(puts.map(() => true));
    expect(faults).toBeGreaterThan(2);
    // Done, and the answer is lost.
    let lost = 0;
    proxy.fate = () => 'pass';
    proxy.answer = (status) => {
      lost += 1;
      return lost === 1 ? 503 : status;
    };
    expect(await backend.putPieces('packs/00/late', pieces('late'))).toBe(true);
    proxy.answer = (status) => status;
    expect(await listed(backend)).toHaveLength(13);
    expect(left()).toEqual([]);
  }, 60_000);

  it('lets nobody look at what is not decided, and decides it before it is counted', async () => {
    const world = await fresh(proxy.endpoint, 0);
    const { backend, left } = world;
    await backend.put('packs/00/there', bytesOf('there'));
    proxy.fate = (line) => (/^(PUT|DELETE).*packs/.test(line) ? SLOW_DOWN : 'pass');
    await expect(backend.putPieces('packs/00/a', pieces('a'))).rejects.toMatchObject({ code: 'unreachable' });
    await expect(backend.remove('packs/00/there')).rejects.toMatchObject({ code: 'unreachable' });
    expect(left()).toHaveLength(3);
    await expect(backend.stat('packs/00/a')).rejects.toMatchObject({ code: 'unreachable' });
    await expect(listed(backend)).rejects.toMatchObject({ code: 'unreachable' });
    await expect(world.again()).rejects.toMatchObject({ code: 'unreachable' });
    proxy.fate = () => 'pass';
    // As a process finds it that comes after one that was killed.
    const next = await world.again();
    expect((await listed(next)).map(({ path }) => path)).toEqual(['packs/00/a']);
    expect(left()).toEqual([]);
  });

  it('is refused for good without a trace', async () => {
    const { backend, left } = await fresh(proxy.endpoint);
    proxy.fate = (line) =>
      line.startsWith('PUT') && line.includes('/packs/')
        ? { status: 403, body: '<Error><Code>QuotaExceeded</Code></Error>' }
        : 'pass';
    await expect(backend.putPieces('packs/00/a', pieces('a'))).rejects.toMatchObject({ code: 'quota-exceeded' });
    expect([await backend.stat('packs/00/a'), left()]).toEqual([undefined, []]);
  });
});
