import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import type { Snapshot } from '../../src/snapshot/listing.ts';
import { SnapshotCache } from '../../src/snapshot/snapshot-cache.ts';
import { check } from '../../src/tasks/check.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';

const COUNT = 20;
const clock = new SimClock(Date.UTC(2026, 5, 1));
let made: TempRepository<MemoryBackend>;
let names: string[];
let state: MemoryState;

beforeEach(async () => {
  made = await tempRepository({ clock, backend: new MemoryBackend(clock) });
  const folder = await tempFolder();
  names = [];
  for (let n = 0; n < COUNT; n++) {
    clock.advance(60_000);
    await writeFile(join(folder, 'a'), `${n}`);
    names.push((await backupOf(await made.openIndexed(), folder)).snapshot ?? '');
  }
  state = new MemoryState();
  await listed();
});

async function listed(with_ = state) {
  return lookAtSnapshots(await made.open(), with_, ignoreEvents);
}

/** Bytes as text: a view of a file and an array of its own are the same. */
function comparable(snapshot: Snapshot): string {
  return JSON.stringify(snapshot, (_, value) =>
    ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex') : value,
  );
}

async function cached(): Promise<number> {
  const cache = await SnapshotCache.load(await made.open(), state);
  return names.filter((name) => cache?.body(name as never) !== undefined).length;
}

async function fileName(): Promise<string> {
  return `snapshots.${(await made.open()).id}`;
}

describe('the cache of snapshots', () => {
  it('gives the same as storage does', async () => {
    expect(await cached()).toBe(COUNT);
    const { heads, ...cold } = await listed(new MemoryState());
    const warm = await listed();
    expect(warm.snapshots.map(comparable)).toEqual(cold.snapshots.map(comparable));
    const aads = (all: typeof heads) => all.map(({ sealed }) => Buffer.from(sealed.aad).toString('hex'));
    expect(aads(warm.heads)).toEqual(aads(heads));
  });

  it('names nothing that storage does not have', async () => {
    made.backend.tamper(`snapshots/${names[3]}`, undefined);
    expect((await listed()).snapshots.map(({ name }) => name)).toEqual(names.filter((_, n) => n !== 3));
  });

  it('is empty when it is damaged, of another repository or cut short, and is made again', async () => {
    const file = await fileName();
    const bytes = (await state.read(file)) ?? new Uint8Array();
    const flipped = bytes.slice();
    flipped[bytes.length - 100] = (flipped[bytes.length - 100] ?? 0) ^ 1;
    for (const damaged of [flipped, bytes.subarray(0, 100), new Uint8Array(0)]) {
      await state.write(file, damaged);
      expect(await cached()).toBe(0);
      expect((await listed()).snapshots.map(({ name }) => name)).toEqual(names);
      expect(await cached()).toBe(COUNT);
    }
    const other = await tempRepository({ clock, backend: new MemoryBackend(clock) });
    await state.write(`snapshots.${(await other.open()).id}`, bytes);
    expect((await SnapshotCache.load(await other.open(), state))?.body(names[0] as never)).toBeUndefined();
  });

  it('hides no damage from a check', async () => {
    made.backend.tamper(`snapshots/${names[3]}`, new Uint8Array(3000));
    const { damages } = await check(await made.openIndexed(), state, {});
    expect(damages.map(({ object }) => object)).toEqual([`snapshots/${names[3]}`]);
  });

  it('tells nobody who may only write', async () => {
    const file = await fileName();
    const text = Buffer.from((await state.read(file)) ?? []).toString('latin1');
    expect(text).not.toContain('host');
    const { keys } = await made.open();
    const { full: _, ...writeOnly } = keys;
    expect(await SnapshotCache.load({ ...(await made.open()), keys: writeOnly }, state)).toBeUndefined();
  });
});
