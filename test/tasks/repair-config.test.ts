/** Two rotations within one tick of storage's clock: somebody decides, and everybody goes on. */
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { check } from '../../src/tasks/check.ts';
import { repairConfig } from '../../src/tasks/repair-config.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { backupOf } from '../support/backup.ts';
import { testCredential } from '../support/temp-repository.ts';
import { RotationWorld } from './rotation-world.ts';

const LOOK = { evenUsed: false, dryRun: false };

/** One rotation happens just before another one stores its configuration. `drop`: by the former. */
async function inConflict(drop: readonly string[] = []) {
  const world = await RotationWorld.make();
  const ann = await world.key('Ann');
  const bob = await world.key('Bob', 'write');
  const first = await world.snapshot();
  let met = false;
  const storage: Backend = new Proxy(world.storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
      return async (path: string, bytes: Uint8Array): Promise<void> => {
        if (path.startsWith('config/') && !met) {
          met = true;
          await rotateKeys(await world.made.open(), { drop, dryRun: false, content: true });
        }
        return target.put(path, bytes);
      };
    },
  });
  const slow = await openRepository(world.made.surroundings, storage, { credential: testCredential });
  await rotateKeys(slow, { drop: [], dryRun: false });
  return { world, ann, bob, first };
}

describe('neo repair config', () => {
  it('has nothing to do where there is one', async () => {
    const world = await RotationWorld.make();
    await world.rotate();
    expect(await repairConfig(await world.made.open(), LOOK)).toBeUndefined();
  });

  it.each([0, 1])('lets everybody go on with the one that is kept, number %i', async (number) => {
    const { world, ann, bob, first } = await inConflict();
    await expect(world.snapshot(ann)).rejects.toMatchObject({ message: expect.stringContaining('two valid') });
    const seen = await repairConfig(await world.made.open(), LOOK);
    expect(seen).toMatchObject({ epoch: 1, claimants: [{ opens: true, snapshots: 0, others: 0 }, {}], removed: [] });
    const keep = seen?.claimants[number]?.name ?? '';
    const dry = await repairConfig(await world.made.open(), { keep, evenUsed: false, dryRun: true });
    await expect(world.snapshot(ann)).rejects.toThrow('two valid');
    const done = await repairConfig(await world.open(ann), { keep, evenUsed: false, dryRun: false });
    expect(done?.kept).toBe(keep);
    expect(done?.removed).toEqual(dry?.removed);
    for (const holder of [ann, bob, undefined]) {
      const { configName, renewalFault } = await (holder === undefined ? world.made.open() : world.open(holder));
      expect([configName, renewalFault]).toEqual([keep, undefined]);
    }
    const names = [first, await world.snapshot(ann), await world.snapshot(bob)];
    expect((await world.seen()).names).toEqual(names);
    expect((await check(await world.made.openIndexed(), new MemoryState(), { readData: 'all' })).damages).toEqual([]);
  });

  it('takes nothing away under which somebody has saved, and shuts nobody out who decides', async () => {
    const { world, ann } = await inConflict(['Ann']);
    const { chain } = await world.made.open();
    const [one, two] = chain.conflict?.names ?? [];
    // Who saw only one of them, as storage may show it, goes on writing.
    const other = chain.configs.at(-1)?.name === one ? two : one;
    const hidden: Backend = new Proxy(world.storage, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'list') return typeof value === 'function' ? value.bind(target) : value;
        return async function* (folder: string) {
          for await (const info of target.list(folder)) if (!info.path.endsWith(`-${other}`)) yield info;
        };
      },
    });
    const opened = await openRepository(world.made.surroundings, hidden, { credential: testCredential });
    await backupOf(await loadIndex(opened), world.folder, { storedAs: '/home' });
    const repository = await world.made.open();
    const wrong = { keep: other ?? '', evenUsed: false, dryRun: false };
    await expect(repairConfig(repository, wrong)).rejects.toThrow('1 snapshots and 0 other objects');
    await expect(repairConfig(repository, { ...wrong, keep: 'x' })).rejects.toMatchObject({ code: 'usage' });
    await expect(repairConfig(repository, { ...wrong, keep: '' })).rejects.toMatchObject({ code: 'usage' });
    const seen = await repairConfig(repository, LOOK);
    const shut = await repairConfig(await world.open(ann), LOOK);
    // Who was dropped in one is out of both: his renewals went with his slot.
    expect(shut?.claimants.map(({ opens }) => opens)).toEqual([false, false]);
    const keepShut = { keep: shut?.claimants[0]?.name ?? '', evenUsed: true, dryRun: false };
    await expect(repairConfig(await world.open(ann), keepShut)).rejects.toMatchObject({ code: 'permission-denied' });
    const right = seen?.claimants.find(({ snapshots }) => snapshots > 0)?.name ?? '';
    await repairConfig(repository, { keep: right, evenUsed: false, dryRun: false });
    expect((await world.seen()).names).toHaveLength(2);
  });
});
