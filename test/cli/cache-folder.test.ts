import { readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CacheFolder } from '../../src/cli/cache-folder.ts';
import { objectName } from '../../src/core/ids.ts';
import { temporary } from '../house/run.ts';

const name = (n: number): ReturnType<typeof objectName> => objectName(n.toString(16).padStart(64, '0'));
const fail = (message: string): never => {
  throw new Error(message);
};

describe('a folder of kept objects', () => {
  it('stays below its limit, and keeps what was used last', async () => {
    const folder = join(await temporary('cache'), 'objects');
    const cache = new CacheFolder(folder, 10_000, fail);
    for (let n = 0; n < 30; n++) {
      await cache.write(name(n), new Uint8Array(1000).fill(n));
      // The first is wanted again and again.
      expect(await cache.read(name(0))).toEqual(Buffer.alloc(1000));
    }
    expect((await readdir(folder)).length).toBeLessThanOrEqual(10);
    expect(await cache.read(name(29))).toEqual(Buffer.alloc(1000, 29));
    expect(await cache.read(name(5))).toBeUndefined();
  });

  it('counts what others have kept, and what was left half written', async () => {
    const folder = await temporary('cache');
    for (let n = 0; n < 12; n++) {
      const path = join(folder, n % 2 === 0 ? name(n) : `${name(n)}.7.tmp`);
      await writeFile(path, new Uint8Array(1000));
      // Long ago.
      await utimes(path, 1, 1);
    }
    await new CacheFolder(folder, 10_000, fail).write(name(99), new Uint8Array(1000));
    expect((await readdir(folder)).length).toBeLessThanOrEqual(9);
  });

  it('keeps no object that would take a large part of it', async () => {
    const folder = join(await temporary('cache'), 'objects');
    const cache = new CacheFolder(folder, 10_000, fail);
    await cache.write(name(1), new Uint8Array(2501));
    expect(await cache.read(name(1))).toBeUndefined();
  });

  it('takes one object from several at once', async () => {
    const folder = join(await temporary('cache'), 'objects');
    const cache = new CacheFolder(folder, 100_000, fail);
    await Promise.all(Array.from({ length: 20 }, () => cache.write(name(1), new Uint8Array(20_000).fill(7))));
    expect(await cache.read(name(1))).toEqual(Buffer.alloc(20_000, 7));
    expect(await readdir(folder)).toEqual([name(1)]);
  });

  it('takes away what a process that was killed has left, and not what another one is writing', async () => {
    const folder = join(await temporary('cache'), 'objects');
    const cache = new CacheFolder(folder, 10_000, fail);
    await cache.write(name(1), new Uint8Array(2_000));
    const [left, fresh] = [join(folder, `${name(2)}.1-1.tmp`), join(folder, `${name(3)}.1-1.tmp`)];
    for (const path of [left, fresh]) await writeFile(path, new Uint8Array(9_000));
    await utimes(left, 1, 1);
    // Another process, which counts what is there.
    await new CacheFolder(folder, 10_000, fail).write(name(4), new Uint8Array(2_000));
    expect((await readdir(folder)).sort()).toEqual([name(1), name(4), basename(fresh)].sort());
  });

  it('tells once that nothing can be kept', async () => {
    const told: string[] = [];
    const cache = new CacheFolder('/dev/null/objects', 10_000, (message) => told.push(message));
    await cache.write(name(1), new Uint8Array(10));
    await cache.write(name(2), new Uint8Array(10));
    expect(told).toEqual([expect.stringContaining('nothing is kept in /dev/null/objects')]);
  });
});
