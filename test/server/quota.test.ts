/** What is used is what lies on the disk, and never more than may be: at once, at the limit, and after kill -9. */
import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocal } from '../../src/backends/local.ts';
import { isNeoError, NeoError } from '../../src/core/errors.ts';
import { openCounted } from '../../src/server/quota.ts';
import { backendSuite, bytesOf, listed } from '../support/backend-suite.ts';
import { answer, clock, expectExact, fresh, held, onDisk, open, pieces } from '../support/counted-world.ts';
import { FileStore, LIMITS, openFolder } from '../support/quota-child.ts';
import { tempFolder } from '../support/temp-repository.ts';

const codes = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map((each) => (each.status === 'fulfilled' ? 'done' : isNeoError(each.reason) ? each.reason.code : 'other'));

/** Until all that can go on without new input has. */
const quiet = () => new Promise((resolve) => setTimeout(resolve, 30));

backendSuite('counted', async () => {
  const world = await fresh({ perObject: 10 });
  return { backend: world.target, dispose: async () => expect(world.row.row).toMatchObject(onDisk(world.root)) };
});

// ---------------------------------------------------------------- all at once

describe('all at once', () => {
  it('lets as many of 50 puts succeed as fit', async () => {
    const world = await fresh({ quota: 7 * 110 + 109, perObject: 10 });
    const puts = Array.from({ length: 50 }, (_, n) => world.target.put(`packs/00/${n}`, new Uint8Array(100)));
    const said = codes(await Promise.allSettled(puts));
    expect(said.filter((code) => code === 'done')).toHaveLength(7);
    expect(said.filter((code) => code === 'quota-exceeded')).toHaveLength(43);
    expect(world.meter.used).toBe(770);
    expectExact(world);
  });

  it('needs room once for what many bring at once', async () => {
    const world = await fresh({ quota: 100, perObject: 0 });
    const put = () => world.target.putPieces('packs/00/a', pieces(new Uint8Array(100)), 100);
    const made = await Promise.all(Array.from({ length: 16 }, put));
    expect(made.filter(Boolean)).toHaveLength(1);
    expectExact(world);
  });

  it('gives room back that was taken just when another had made the object', async () => {
    const world = await fresh({ perObject: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    world.plan.afterStat = () => promise;
    const late = world.target.putPieces('a', pieces(bytesOf('same')), 4);
    await quiet();
    world.plan.afterStat = undefined;
    await world.target.put('a', bytesOf('same'));
    resolve();
    expect(await late).toBe(false);
    expectExact(world);
  });

  it('subtracts once for two removals, and whatever wins of put and removal', async () => {
    const world = await fresh({ perObject: 5 });
    const { target } = world;
    for (let n = 0; n < 30; n++) {
      await target.put('kept', bytesOf('kept'));
      await target.put('a', bytesOf('a'));
      await Promise.all([target.remove('a'), target.remove('a'), target.remove('a')]);
      expect(world.meter.used).toBe(9);
      await Promise.all([target.put('a', bytesOf('abc')), target.remove('a'), target.put('a', bytesOf('abc'))]);
      expectExact(world);
      await target.remove('a');
    }
  });

  it('asks again for room when what was there is removed before the put ends', async () => {
    const world = await fresh({ quota: 100, perObject: 0 });
    const { target, meter } = world;
    for (const isTaken of [true, false]) {
      await target.put('a', new Uint8Array(100));
      const { body, finish } = held(new Uint8Array(100));
      const put = answer(target.putPieces('a', body, 100));
      await quiet();
      await target.remove('a');
      expect(meter.used).toBe(0);
      if (isTaken) await target.put('b', new Uint8Array(1));
      finish();
      expect(await put).toBe(isTaken ? 'quota-exceeded' : true);
      expectExact(world);
      await target.remove('b');
    }
  });

  it('lets no slow sender hold up others of its path, a recount or the end', async () => {
    const world = await fresh({ perObject: 1 });
    const { body, finish } = held(bytesOf('same'));
    const slow = answer(world.target.putPieces('a', body, 4));
    const { body: late, finish: finishLate } = held(bytesOf('late'));
    const never = answer(world.target.putPieces('b', late, 4));
    await quiet();
    expect(world.meter.used).toBe(10);
    await world.target.put('a', bytesOf('same'));
    expect(await world.target.recount()).toEqual({ bytes: 4, objects: 1, wasBytes: 4, wasObjects: 1 });
    await world.target.remove('a');
    await world.target.put('a', bytesOf('same'));
    finish();
    expect(await slow).toBe(false);
    await world.target.close();
    finishLate();
    expect(await never).toBe('unreachable');
    expectExact(world);
    expect(world.row.row).toEqual({ bytes: 4, objects: 1, isOpen: false });
  });

  it('counts exactly while puts and removals go on', async () => {
    const world = await fresh({ perObject: 3 });
    let isOver = false;
    const busy = [0, 1, 2, 3].map(async (worker) => {
      for (let n = 0; !isOver; n++) {
        await world.target.put(`packs/0${worker}/${n}`, new Uint8Array(n));
        if (n % 3 === 2) await world.target.remove(`packs/0${worker}/${n - 1}`);
      }
    });
    for (let n = 0; n < 25; n++) {
      const { bytes, objects, wasBytes, wasObjects } = await world.target.recount();
      expect([bytes, objects]).toEqual([wasBytes, wasObjects]);
      await new Promise(setImmediate);
    }
    isOver = true;
    await Promise.all(busy);
    expectExact(world);
  });
});

// ---------------------------------------------------------------- in particular

describe('a quota', () => {
  it('charges each object, against masses of tiny ones', async () => {
    const world = await fresh({ perObject: 4096 });
    for (let n = 0; n < 1000; n += 50) {
      const some = Array.from({ length: 50 }, (_, i) => world.target.put(`packs/00/${n + i}`, new Uint8Array(1)));
      await Promise.all(some);
    }
    expect(world.meter.used).toBe(1000 * 4097);
    expectExact(world);
    await Promise.all((await listed(world.target)).map(({ path }) => world.target.remove(path)));
    expect(world.meter.used).toBe(0);
  });

  it('refuses the object that would cross it, says by how much, and lets removals make room', async () => {
    const { target, meter } = await fresh({ quota: 2 << 20, perObject: 4096 });
    const fits = Math.floor((2 << 20) / 4097);
    for (let n = 0; n < fits; n++) await target.put(`packs/00/${n}`, new Uint8Array(1));
    let isAsked = false;
    const body = async function* () {
      isAsked = true;
      yield new Uint8Array(1);
    };
    await expect(target.putPieces('packs/00/over', body(), 1)).rejects.toMatchObject({
      code: 'quota-exceeded',
      exitCode: 14,
      message:
        'the quota is used up: 2.0 MiB (2,093,567 bytes) of 2.0 MiB (2,097,152 bytes) are used, and 4.0 KiB (4,097 bytes) are needed',
      hint: expect.stringContaining('neo prune'),
    });
    expect(isAsked).toBe(false);
    await target.put('packs/00/0', new Uint8Array(1));
    await target.remove('packs/00/1');
    await target.put('packs/00/over', new Uint8Array(1));
    for (const { path } of await listed(target)) await target.remove(path);
    expect(meter.used).toBe(0);
  });

  it('is one for all targets of an account, open or not', async () => {
    const world = await fresh({ quota: 100, perObject: 10 });
    const { meter, target } = world;
    meter.setCounts('another', { bytes: 60, objects: 1 });
    expect(meter.used).toBe(70);
    await target.put('a', new Uint8Array(20));
    await expect(target.put('b', new Uint8Array())).rejects.toMatchObject({ code: 'quota-exceeded' });
    await target.close();
    expect(meter.used).toBe(100);
    const again = await openCounted(await openLocal(world.root), meter, world.row);
    expect(meter.used).toBe(100);
    meter.drop('another');
    await again.put('b', new Uint8Array(60));
    expect(meter.used).toBe(100);
  });

  it('needs a length, and takes none but that', async () => {
    const world = await fresh();
    await expect(world.target.putPieces('a', pieces(bytesOf('a')))).rejects.toMatchObject({ code: 'failed' });
    await expect(world.target.putPieces('a', pieces(bytesOf('ab')), 1)).rejects.toMatchObject({ code: 'failed' });
    expectExact(world);
  });
});

describe('the mark', () => {
  it('is there before the first object, once, and all wait for it', async () => {
    const { target, row, root } = await fresh();
    const { promise, resolve } = Promise.withResolvers<void>();
    row.before = () => promise;
    const puts = [1, 2, 3].map((n) => target.put(`${n}`, bytesOf('x')));
    await quiet();
    expect(onDisk(root).objects).toBe(0);
    resolve();
    await Promise.all(puts);
    expect(row.calls).toEqual(['mark']);
  });

  it('is there before the first removal', async () => {
    const world = await fresh();
    await world.target.put('a', bytesOf('x'));
    await world.target.close();
    Object.assign(world, await open(world, world.meter));
    await world.target.remove('a');
    Object.assign(world, await open(world, world.meter));
    expect(world.row.calls).toEqual(['mark', 'save', 'mark']);
    expectExact(world);
  });

  it('that cannot be set refuses the change, and is tried again', async () => {
    const world = await fresh({ quota: 1 });
    world.row.before = () => Promise.reject(new NeoError('no-space', 'the database is full'));
    await expect(world.target.put('a', bytesOf('x'))).rejects.toMatchObject({ code: 'no-space' });
    expectExact(world);
    world.row.before = async () => undefined;
    await world.target.put('a', bytesOf('x'));
    expectExact(world);
  });

  it('is not set for what changes nothing', async () => {
    const { target, row } = await fresh();
    await target.remove('none');
    await target.recount();
    await Promise.all([target.close(), target.close()]);
    expect(row.calls).toEqual([]);
    await expect(target.put('a', bytesOf('x'))).rejects.toMatchObject({ code: 'unreachable' });
    await expect(target.remove('a')).rejects.toMatchObject({ code: 'unreachable' });
    await expect(target.recount()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('stays when nobody could count before the end', async () => {
    const { target, row, root, plan } = await fresh();
    await target.put('a', bytesOf('x'));
    plan.next = 'blind-after';
    await expect(target.remove('a')).rejects.toMatchObject({ code: 'no-space' });
    renameSync(root, `${root}-away`);
    await expect(target.close()).rejects.toMatchObject({ code: 'unreachable' });
    expect(row.row.isOpen).toBe(true);
  });
});

it('finds by a recount what others did to the folder, and saves it at once', async () => {
  const world = await fresh({ perObject: 1 });
  await world.target.put('a', bytesOf('four'));
  await world.target.close();
  writeFileSync(join(world.root, 'b'), 'seven..');
  Object.assign(world, await open(world, world.meter));
  expect(await world.target.recount()).toEqual({ bytes: 11, objects: 2, wasBytes: 4, wasObjects: 1 });
  expect(world.row.row).toEqual({ bytes: 11, objects: 2, isOpen: false });
  expectExact(world);
});

it('meters bytes by time that has passed, whatever the wall clock says', async () => {
  const world = await fresh({ perObject: 10 });
  const { target, meter } = world;
  clock.advance(1000);
  expect(meter.byteTime()).toBe(0);
  await target.put('a', new Uint8Array(90));
  clock.advance(1000);
  clock.set(0);
  await target.put('b', new Uint8Array(40));
  clock.set(Date.UTC(2099, 0, 1));
  clock.advance(10);
  expect(meter.byteTime()).toBe(100 * 1000 + 150 * 10);
  clock.advance(5);
  meter.perObject = 0;
  clock.advance(10);
  await target.remove('a');
  clock.advance(1);
  expect(meter.byteTime()).toBe(100 * 1000 + 150 * 15 + 130 * 10 + 40);
});

// ---------------------------------------------------------------- killed

const CHILD = fileURLToPath(new URL('../support/quota-child.ts', import.meta.url));

/** Kills it so many milliseconds after its first change. */
function changeUntilKilled(folder: string, run: number, delay: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), delay));
    child.stdout.resume();
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve();
      else reject(new Error(`the child ended by itself: ${signal}`));
    });
  });
}

it('counts what kill -9 left, 20 times', async () => {
  const folder = await tempFolder();
  let behind = 0;
  for (let run = 0; run < 20; run++) {
    await changeUntilKilled(folder, run, run * 9);
    const row = await new FileStore(folder).load();
    expect(row.isOpen).toBe(true);
    const { target, meter } = await openFolder(folder);
    const disk = onDisk(join(folder, 'objects'));
    if (row.bytes !== disk.bytes) behind += 1;
    expect(meter.counts('target')).toEqual(disk);
    expect(meter.used).toBe(disk.bytes + LIMITS.perObject * disk.objects);
    expect(meter.used).toBeLessThanOrEqual(LIMITS.quota);
    // Every other time the next one finds it open as it was left.
    if (run % 2 === 0) await target.close();
  }
  expect(behind).toBeGreaterThan(10);
});
