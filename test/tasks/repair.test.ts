/** Packs and snapshots after damage: what is whole stays, what is elsewhere comes back, what is lost is named. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { displayBytes } from '../../src/core/bytes.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { listTombs } from '../../src/repo/tomb.ts';
import { check } from '../../src/tasks/check.ts';
import { type RepairPacksOptions, repairPacks } from '../../src/tasks/repair-packs.ts';
import { repairSnapshots } from '../../src/tasks/repair-snapshots.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { readSnapshot, STORED_AS } from '../support/sim-repository.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';

const clock = new SimClock(Date.UTC(2026, 5, 1));
let made: TempRepository<MemoryBackend>;
let storage: MemoryBackend;
let folder: string;
let name: string;
let before: ReadonlyMap<string, string>;

function noise(length: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

beforeEach(async () => {
  clock.advance(3_600_000);
  storage = new MemoryBackend(clock);
  made = await tempRepository({ clock, backend: storage });
  folder = await tempFolder();
  await mkdir(join(folder, 'docs'));
  for (let n = 0; n < 12; n++) await writeFile(join(folder, 'docs', `note-${n}`), noise(4000 + n, n + 1));
  await writeFile(join(folder, 'image'), noise(3_000_000, 99));
  name = (await backupOf(await made.openIndexed(), folder, { storedAs: STORED_AS })).snapshot ?? '';
  before = await contents(name);
});

async function contents(snapshot: string): Promise<ReadonlyMap<string, string>> {
  return readSnapshot(await made.openIndexed(), snapshot as never);
}

async function packs(kind: 'data' | 'tree'): Promise<string[]> {
  const { packs: infos, index } = await made.openIndexed();
  const holders = new Map<number, number>();
  index.eachPlace((_, { pack, length }) => holders.set(pack, (holders.get(pack) ?? 0) + length));
  const sized = [...holders].map(([number, bytes]) => ({ name: infos[number]?.name ?? '', bytes }));
  sized.sort((a, b) => b.bytes - a.bytes);
  const chosen = kind === 'tree' ? sized.slice(-1) : sized.slice(0, -1);
  return chosen.map((pack) => `packs/${pack.name.slice(0, 2)}/${pack.name}`);
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = (await storage.get(path))?.slice() ?? new Uint8Array();
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 0x40;
  storage.tamper(path, bytes);
}

async function count(): Promise<number> {
  let objects = 0;
  for await (const _ of storage.list('')) objects += 1;
  return objects;
}

async function repair(more: Partial<RepairPacksOptions> = {}) {
  const options = { read: 'all', workers: 0, dryRun: false, ...more } as const;
  return repairPacks(await made.openIndexed(), new MemoryState(), options);
}

async function damages(): Promise<readonly string[]> {
  const summary = await check(await made.openIndexed(), new MemoryState(), { readData: 'all' });
  return summary.damages.map(({ object }) => object);
}

/** As it is when the grace has passed and a prune has run: what is marked is gone. */
async function withoutMarked(): Promise<void> {
  for (const pack of (await listTombs(await made.open())).packs) {
    storage.tamper(`packs/${pack.slice(0, 2)}/${pack}`, undefined);
  }
}

async function demandWhole(): Promise<void> {
  await withoutMarked();
  expect(await damages()).toEqual([]);
  expect(await contents(name)).toEqual(before);
}

describe('neo repair packs', () => {
  it('finds nothing to do in a whole repository, and writes nothing', async () => {
    const objects = await count();
    expect(await repair()).toMatchObject({ damagedPacks: 0, missingPacks: 0, lostBlobs: 0, markedPacks: 0 });
    expect(await count()).toBe(objects);
  });

  it('builds a pack anew whose directory is damaged', async () => {
    const [pack = ''] = await packs('data');
    await flip(pack, -100);
    expect(await repair()).toMatchObject({ damagedPacks: 1, lostBlobs: 0, stillLost: 0, markedPacks: 1 });
    await demandWhole();
  });

  it.each(['data', 'tree'] as const)('heals missing packs of %s from a mirror', async (kind) => {
    const mirror = storage.clone();
    for (const path of await packs(kind)) storage.tamper(path, undefined);
    const from = await loadIndex({ ...(await made.open()), backend: mirror });
    const { stillLost, healedFromRepository } = await repair({ from });
    expect([stillLost, healedFromRepository > 0]).toEqual([0, true]);
    await demandWhole();
  });

  it('heals missing packs from files, wherever they lie by now', async () => {
    for (const path of await packs('data')) storage.tamper(path, undefined);
    await rename(join(folder, 'image'), join(folder, 'docs', 'moved'));
    await rename(join(folder, 'docs'), join(folder, 'elsewhere'));
    const { stillLost, healedFromFiles } = await repair({ fromPath: Buffer.from(folder) });
    expect([stillLost, healedFromFiles > 0]).toEqual([0, true]);
    await demandWhole();
  });

  it('names what it cannot heal by snapshot and path, and marks no pack that is still needed', async () => {
    for (const path of await packs('data')) storage.tamper(path, undefined);
    await writeFile(join(folder, 'image'), 'other bytes');
    const { damages: left, stillLost, markedPacks } = await repair({ fromPath: Buffer.from(folder) });
    expect(stillLost).toBeGreaterThan(0);
    expect([...new Set(left.flatMap(({ paths }) => paths.map(displayBytes)))]).toEqual([`${STORED_AS}/image`]);
    expect(left.every(({ snapshots }) => snapshots.includes(name as never))).toBe(true);
    expect(markedPacks).toBe(0);
  });

  it('stores nothing in a dry run, and says the same', async () => {
    for (const path of await packs('data')) storage.tamper(path, undefined);
    const objects = await count();
    const dry = await repair({ fromPath: Buffer.from(folder), dryRun: true });
    expect(await count()).toBe(objects);
    const { durationMs: _, ...real } = await repair({ fromPath: Buffer.from(folder) });
    expect(dry).toMatchObject(real);
  });

  it('refuses another repository with other secrets', async () => {
    const other = await tempRepository({ clock, backend: new MemoryBackend(clock) });
    await expect(repair({ from: await other.openIndexed() })).rejects.toMatchObject({ code: 'failed' });
  });
});

describe('neo repair snapshots', () => {
  async function repaired(fromPath?: string, dryRun = false) {
    const state = new MemoryState();
    const look = await lookAtSnapshots(await made.open(), state, ignoreEvents);
    const options = { look, snapshots: look.snapshots, keepOriginals: false, trash: 1000, dryRun, readData: true };
    const path = fromPath === undefined ? {} : { fromPath: Buffer.from(fromPath) };
    return repairSnapshots(await made.openIndexed(), state, { ...options, ...path, workers: 0 });
  }

  it('leaves whole snapshots alone', async () => {
    expect(await repaired()).toMatchObject({ repaired: [], whole: 1, unreadable: [] });
  });

  it('leaves out what is lost, and nothing else', async () => {
    const [first = ''] = await packs('data');
    await flip(first, 200_000);
    const [one] = (await repaired()).repaired;
    expect(one?.lost.map(({ path, what }) => [displayBytes(path), what])).toEqual([[`${STORED_AS}/image`, 'file']]);
    const after = await contents(one?.name ?? '');
    expect([...before.keys()].filter((path) => !after.has(path))).toEqual(['/image']);
    expect([...after].every(([path, entry]) => before.get(path) === entry)).toBe(true);
  });

  it('takes contents from files and from other snapshots', async () => {
    for (const path of await packs('data')) storage.tamper(path, undefined);
    await rm(join(folder, 'docs', 'note-3'));
    clock.advance(3_600_000);
    const [one] = (await repaired(folder)).repaired;
    expect(one?.lost.map(({ path }) => displayBytes(path))).toEqual([`${STORED_AS}/docs/note-3`]);
    expect(one?.healed.length).toBe(12);
    const after = await contents(one?.name ?? '');
    expect([...before].filter(([path, entry]) => after.get(path) !== entry).map(([path]) => path)).toEqual([
      '/docs/note-3',
    ]);
  });

  it('says that nothing of a snapshot can be read, and leaves it', async () => {
    for (const path of await packs('tree')) storage.tamper(path, undefined);
    const { repaired: none, unreadable } = await repaired();
    expect([none, unreadable.map((snapshot) => snapshot.name)]).toEqual([[], [name]]);
  });
});
