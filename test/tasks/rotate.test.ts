/** Keys rotated: who stays opens everything, who was dropped nothing that comes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import type { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { earlyRenewalPath, openRepository, renewalPath } from '../../src/repo/repository.ts';
import { check } from '../../src/tasks/check.ts';
import { forget } from '../../src/tasks/forget.ts';
import { type PruneOptions, prune } from '../../src/tasks/prune.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { sweep } from '../support/sim.ts';
import { testCredential, testEngine } from '../support/temp-repository.ts';
import { type Holder, RotationWorld } from './rotation-world.ts';

const DAY = 86_400_000;
/** Whoever says that nobody else writes, and is wrong. */
const PRUNE: PruneOptions = {
  mostUnused: { share: 0 },
  repackSmall: false,
  soleWriter: true,
  wait: false,
  dryRun: false,
  trustClock: false,
  workers: 0,
  pause: async () => undefined,
};

describe('neo key rotate', () => {
  it('lets all keys that stay open everything, and one that was dropped nothing that comes', async () => {
    const world = await RotationWorld.make();
    const [ann, bob, robot] = [await world.key('Ann'), await world.key('Bob'), await world.key('robot', 'write')];
    const first = await world.snapshot();
    expect(await world.rotate('Bob')).toMatchObject({ epoch: 1, dropped: [{ label: 'Bob' }] });
    const second = await world.snapshot();
    const third = await world.snapshot(robot);
    expect((await world.seen()).names).toEqual([first, second, third]);
    expect((await world.seen(ann)).names).toEqual([first, second, third]);
    const bobs = await world.seen(bob);
    expect(bobs.names).toEqual([first]);
    expect(bobs.events.some((event) => event.type === 'alarm')).toBe(true);
    await expect(world.snapshot(bob)).rejects.toMatchObject({ code: 'permission-denied' });
    const summary = await check(await world.made.openIndexed(), new MemoryState(), { readData: 'all' });
    expect(summary).toMatchObject({ damages: [], keySlots: 3 });
  });

  it('goes on sharing what is stored', async () => {
    const world = await RotationWorld.make();
    await world.snapshot();
    await world.rotate();
    await writeFile(join(world.folder, 'b'), 'a'.repeat(50_000));
    const repository = await loadIndex(await world.made.open());
    const { bytesAdded } = await backupOf(repository, world.folder, { storedAs: '/home' });
    expect(bytesAdded).toBeLessThan(5000);
  });

  it('can be done again and again, also for keys that were made in between', async () => {
    const world = await RotationWorld.make();
    const names = [await world.snapshot()];
    for (let n = 1; n <= 3; n++) {
      const holder = await world.key(`key ${n}`);
      expect((await world.rotate()).epoch).toBe(n);
      names.push(await world.snapshot(holder));
    }
    expect((await world.seen()).names).toEqual(names);
  });

  it('lets a key that was dropped sign no removal', async () => {
    const world = await RotationWorld.make();
    const bob = await world.key('Bob');
    const first = await world.snapshot();
    await world.snapshot();
    await world.rotate('Bob');
    const wishes = { rules: {}, groupBy: [], filter: { hosts: [], tags: [], paths: [] }, references: [first] };
    const options = { ...wishes, trash: 0, dryRun: false, evenMost: true };
    const forgotten = forget(await world.open(bob), new MemoryState(), options, ignoreEvents);
    await expect(forgotten).rejects.toMatchObject({ code: expect.stringMatching(/permission-denied|integrity/) });
    expect((await world.seen()).names).toContain(first);
  });

  it('ends a run that began before it, and the next one stores nothing again', async () => {
    const world = await RotationWorld.make();
    const before = await world.made.openIndexed();
    await world.rotate();
    await expect(backupOf(before, world.folder, { storedAs: '/home' })).rejects.toThrow('keys were rotated');
    const { bytesAdded } = await backupOf(await world.made.openIndexed(), world.folder, { storedAs: '/home' });
    expect(bytesAdded).toBe(0);
  });

  it('never lets a prune that began before it free what was stored after it', async () => {
    const world = await RotationWorld.make();
    await backupOf(await world.made.openIndexed(), world.folder, { storedAs: '/home' });
    const before = await world.made.open();
    await world.rotate();
    await writeFile(join(world.folder, 'new'), 'b'.repeat(70_000));
    await backupOf(await world.made.openIndexed(), world.folder, { storedAs: '/home' });
    world.clock.advance(DAY);
    await expect(prune(before, new MemoryState(), PRUNE, ignoreEvents)).rejects.toThrow('keys were rotated');
    const { damages } = await check(await world.made.openIndexed(), new MemoryState(), { readData: 'all' });
    expect(damages).toEqual([]);
  });

  it('is no reason to call what others stored after it forged', async () => {
    const world = await RotationWorld.make();
    const before = await world.made.open();
    await world.rotate();
    await backupOf(await world.made.openIndexed(), world.folder, { storedAs: '/home' });
    await expect(lookAtSnapshots(before, new MemoryState(), ignoreEvents)).rejects.toThrow('keys were rotated');
    await expect(loadIndex(before)).rejects.toThrow('keys were rotated');
  });

  it.each(['keys/', 'config/'])('lets the first of two who rotate at once be the one, met before %s', async (met) => {
    const world = await RotationWorld.make();
    const ann = await world.key('Ann');
    const bob = await world.key('Bob', 'write');
    let met1 = false;
    const storage: Backend = new Proxy(world.storage, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (path: string, bytes: Uint8Array): Promise<void> => {
          if (path.startsWith(met) && !met1) {
            met1 = true;
            await world.rotate();
            world.clock.advance(1000);
          }
          return target.put(path, bytes);
        };
      },
    });
    const slow = await openRepository(world.made.surroundings, storage, { credential: testCredential });
    await expect(rotateKeys(slow, { drop: [], dryRun: false })).rejects.toThrow('somebody else');
    for (const holder of [ann, bob]) {
      const { config, renewalFault, chain } = await world.open(holder);
      expect([config.epoch, renewalFault, chain.conflict]).toEqual([1, undefined, undefined]);
    }
    const name = await world.snapshot(ann);
    expect((await world.seen()).names).toContain(name);
    expect((await check(await world.made.openIndexed(), new MemoryState(), {})).damages).toEqual([]);
    await world.rotate();
    expect((await world.open(ann)).config.epoch).toBe(2);
  });

  it('is not undone by one that began at the same time and died', async () => {
    const world = await RotationWorld.make();
    const ann = await world.key('Ann');
    const slow = await openRepository(world.made.surroundings, world.storage, { credential: testCredential });
    let reads = 0;
    const dying: Backend = new Proxy(world.storage, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name === 'get') {
          return async (path: string): Promise<Uint8Array | undefined> => {
            if (path.startsWith('keys/') && reads++ === 0) await world.rotate();
            return target.get(path);
          };
        }
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (path: string, bytes: Uint8Array): Promise<void> => {
          if (path.startsWith('config/')) throw new Error('died');
          return target.put(path, bytes);
        };
      },
    });
    await expect(rotateKeys({ ...slow, backend: dying }, { drop: [], dryRun: false })).rejects.toThrow();
    expect((await world.open(ann)).renewalFault).toBeUndefined();
    const name = await world.snapshot(ann);
    expect((await world.seen()).names).toContain(name);
  });

  it('stores nothing in a dry run; keeps a key of role full; never drops the one in use', async () => {
    const world = await RotationWorld.make();
    await world.key('Bob');
    const objects = async (): Promise<number> => {
      let count = 0;
      for (const folder of ['config', 'keys']) for await (const _ of world.storage.list(folder)) count += 1;
      return count;
    };
    const before = await objects();
    await rotateKeys(await world.made.open(), { drop: ['Bob'], dryRun: true });
    await expect(world.rotate('tests')).rejects.toMatchObject({ code: expect.stringMatching(/failed|usage/) });
    await expect(world.rotate('nobody')).rejects.toMatchObject({ code: 'usage' });
    expect(await objects()).toBe(before);
  });

  it('finds renewals where they lay before each had its configuration in its name', async () => {
    const world = await RotationWorld.make();
    const ann = await world.key('Ann');
    await world.rotate();
    const name = await world.snapshot();
    const { configName } = await world.made.open();
    for (const client of [ann.carried.client, (await world.made.open()).client]) {
      const path = renewalPath(client, 1, configName);
      await world.storage.put(earlyRenewalPath(client, 1), (await world.storage.get(path)) ?? new Uint8Array());
      await world.storage.remove(path);
    }
    expect((await world.open(ann)).renewalFault).toBeUndefined();
    expect((await world.seen(ann)).names).toEqual([name]);
    expect((await check(await world.made.openIndexed(), new MemoryState(), {})).damages).toEqual([]);
  });

  it('refuses a stripped or altered post-quantum part, and still opens what was before', async () => {
    const world = await RotationWorld.make();
    const ann = await world.key('Ann');
    const first = await world.snapshot();
    await world.rotate();
    const { configName } = await world.made.open();
    const path = renewalPath(ann.carried.client, 1, configName);
    const bytes = (await world.storage.get(path)) ?? new Uint8Array();
    const text = Buffer.from(bytes).toString('latin1');
    const at = text.indexOf('"kem":"') + 7;
    const changed = `${text.slice(0, at + 100)}${text[at + 100] === 'A' ? 'B' : 'A'}${text.slice(at + 101)}`;
    const stripped = text.replace(/,"kem":"[^"]*"/, '');
    for (const forged of [changed, stripped, text.slice(0, -1), 'junk']) {
      world.storage.tamper(path, Buffer.from(forged, 'latin1'));
      const { names, events } = await world.seen(ann);
      expect(names).toEqual([first]);
      expect(events.filter(({ type }) => type === 'alarm').length).toBe(1);
      const damages = (await check(await world.made.openIndexed(), new MemoryState(), {})).damages;
      expect(damages.map(({ object }) => object)).toEqual([path]);
    }
  });

  it('refuses a snapshot whose post-quantum part was altered or stripped', async () => {
    const world = await RotationWorld.make();
    const name = await world.snapshot();
    const path = `snapshots/${name}`;
    const bytes = (await world.storage.get(path))?.slice() ?? new Uint8Array();
    const altered = bytes.slice();
    // Behind the head: 24 + 4 + 16 + 16 + 8 + 1 + 8 + 8 bytes.
    altered[85 + 10] = (altered[85 + 10] ?? 0) ^ 1;
    const stripped = Buffer.concat([bytes.subarray(0, 85), bytes.subarray(85 + 1088)]);
    for (const forged of [altered, stripped]) {
      // Under a name that its bytes give: storage can do that much.
      const forgedName = Buffer.from(testEngine.blake3(forged)).toString('hex');
      world.storage.tamper(`snapshots/${forgedName}`, forged);
      const look = await lookAtSnapshots(await world.made.open(), new MemoryState(), ignoreEvents);
      expect(look.snapshots.map((snapshot) => snapshot.name)).toEqual([name]);
      expect(look.faults.map((fault) => fault.name)).toContain(forgedName);
      const { damages } = await check(await world.made.openIndexed(), new MemoryState(), {});
      expect(damages.map(({ object }) => object)).toContain(`snapshots/${forgedName}`);
      world.storage.tamper(`snapshots/${forgedName}`, undefined);
    }
  });

  it('survives a crash at any moment, and can be said again', async () => {
    const world = await RotationWorld.make();
    const ann = await world.key('Ann');
    const first = await world.snapshot();
    const openAt = (backend: MemoryBackend, holder?: Holder) =>
      openRepository(world.made.surroundings, backend, {
        credential: holder?.credential ?? testCredential,
        ...(holder === undefined ? {} : { keySlot: holder.carried.client, carriedSlot: holder.carried }),
      });
    const seenAt = async (backend: MemoryBackend, holder?: Holder): Promise<string[]> =>
      (await lookAtSnapshots(await openAt(backend, holder), new MemoryState(), ignoreEvents)).snapshots.map(
        ({ name }) => name,
      );
    const result = await sweep<'rotated'>(
      async ({ backend, acknowledge }) => {
        const repository = await openRepository(world.made.surroundings, backend, { credential: testCredential });
        await rotateKeys(repository, { drop: [], dryRun: false });
        acknowledge('rotated');
      },
      async (surviving) => {
        for (const holder of [undefined, ann]) expect(await seenAt(surviving, holder)).toEqual([first]);
        const { epoch } = (await openAt(surviving)).config;
        expect((await rotateKeys(await openAt(surviving), { drop: [], dryRun: false })).epoch).toBe(epoch + 1);
        for (const holder of [undefined, ann]) {
          const { renewalFault } = await openAt(surviving, holder);
          expect([renewalFault, await seenAt(surviving, holder)]).toEqual([undefined, [first]]);
        }
      },
      { start: world.storage },
    );
    expect(result.operations).toBeGreaterThan(2);
  });
});
