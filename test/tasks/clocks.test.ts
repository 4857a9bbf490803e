/** Clocks that are wrong or jump: nothing may be lost to them, and `latest` stays the last one taken. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { clientId } from '../../src/core/ids.ts';
import { filterSnapshots } from '../../src/snapshot/filter.ts';
import { inOrder, listSnapshots, type Snapshot } from '../../src/snapshot/listing.ts';
import { selectSnapshot } from '../../src/snapshot/select.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';

const NOW = Date.UTC(2026, 5, 1);
const YEAR = 365 * 86_400_000;

/** A machine whose clock is wrong, and storage with a clock of its own. */
async function world(storage: SimClock | undefined) {
  const clock = new SimClock(NOW);
  const made = await tempRepository({ clock, backend: new MemoryBackend(storage ?? clock) });
  const folder = await tempFolder();
  let count = 0;
  const snap = async (at: number) => {
    clock.set(at);
    storage?.advance(60_000);
    writeFileSync(join(folder, 'file'), `version ${count++}`);
    return backupOf(await made.openIndexed(), folder);
  };
  const list = async () => {
    const repository = await made.openIndexed();
    return (await listSnapshots(repository, repository.keys.full?.epochs ?? [])).snapshots;
  };
  return { clock, folder, made, snap, list };
}

describe.each([
  ['with the storage', false],
  ['alone', true],
])('a clock that is wrong %s', (_, alone) => {
  const storage = () => (alone ? new SimClock(NOW) : undefined);

  it.each([
    ['a year back', [NOW, NOW - YEAR, NOW - YEAR + 1]],
    ['a year ahead and right again', [NOW, NOW + YEAR, NOW + 1000, NOW + 2000]],
    ['back to 1970, as without a battery', [NOW, 0, 1, NOW + 1]],
  ])('keeps the order of runs: %s', async (_name, times) => {
    const { snap, list } = await world(storage());
    const taken: (string | undefined)[] = [];
    for (const time of times) {
      const { snapshot, parent } = await snap(time);
      expect(parent).toBe(taken.at(-1));
      taken.push(snapshot);
    }
    const snapshots = await list();
    expect(snapshots.map(({ name }) => name)).toEqual(taken);
    expect(selectSnapshot(snapshots, 'latest').name).toBe(taken.at(-1));
  });
});

it('finds by time what storage had by then, whatever a client says', async () => {
  const { snap, list } = await world(new SimClock(NOW));
  const { snapshot } = await snap(NOW + YEAR);
  const found = filterSnapshots(await list(), { hosts: [], tags: [], paths: [], until: NOW + 3_600_000 });
  expect(found.map(({ name }) => name)).toEqual([snapshot]);
});

it('reads a file again that changed in the tick of its snapshot, under a clock that went back', async () => {
  const { clock, folder, made } = await world(undefined);
  writeFileSync(join(folder, 'file'), 'one');
  clock.set(Date.now() - YEAR);
  await backupOf(await made.openIndexed(), folder);
  writeFileSync(join(folder, 'file'), 'two');
  utimesSync(join(folder, 'file'), 0, 0);
  expect(await backupOf(await made.openIndexed(), folder)).toMatchObject({ filesChanged: 1 });
});

function snapshotOf(name: string, client: number, sequence: number, time: number): Snapshot {
  const head = { client: clientId(String(client).repeat(32)), sequence };
  return { name, received: Number.MAX_SAFE_INTEGER, head, body: { time } } as unknown as Snapshot;
}

it('orders several machines by time, and each by its own sequence', () => {
  const listed = [
    snapshotOf('a1', 1, 1, 100),
    snapshotOf('a2', 1, 2, 50),
    snapshotOf('b1', 2, 1, 90),
    snapshotOf('b2', 2, 2, 110),
    snapshotOf('c1', 3, 1, 100),
  ];
  const order = inOrder(listed.toReversed()).map(({ name }) => String(name));
  expect(order.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2']);
  expect(order).toEqual(['b1', 'a1', 'c1', 'a2', 'b2']);
});
