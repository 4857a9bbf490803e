/** Packs and snapshots after damage: what is whole stays, what is elsewhere comes back, what is lost is named. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { displayBytes } from '../../src/core/bytes.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { BlobCopier } from '../../src/repo/blob-copier.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { loadIndex, readSegments } from '../../src/repo/indexed.ts';
import { rewriteSegments } from '../../src/repo/segment-rewrite.ts';
import { listTombs } from '../../src/repo/tomb.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import { check } from '../../src/tasks/check.ts';
import { needed, reachable } from '../../src/tasks/reachable.ts';
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

/** The largest first. */
async function packs(kind: 'data' | 'tree'): Promise<string[]> {
  const { segments } = await readSegments(await made.open());
  const all = segments.flatMap(({ segment }) => segment.packs);
  const own = all.filter(({ entries }) => entries.some((entry) => (entry.kind === 'data') === (kind === 'data')));
  own.sort((x, y) => y.size - x.size);
  return own.map((pack) => `packs/${pack.name.slice(0, 2)}/${pack.name}`);
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

/** What a prune does in the end that copies everything: other packs, and an index without the old ones. */
async function moveAll(): Promise<void> {
  const old = await made.openIndexed();
  const leaving = new Set(old.packs.flatMap((pack) => (pack === undefined ? [] : [pack.name])));
  const copier = new BlobCopier(old);
  const { snapshots } = await listSnapshots(old, old.keys.full?.epochs ?? []);
  const { table } = await reachable(
    old,
    snapshots.map(({ body }) => body),
    { workers: 0 },
  );
  for (const entry of table.entries()) {
    const blob = needed(old, entry);
    await copier.copyFrom(blob, old.index.places(blob.id));
  }
  await copier.finish();
  await rewriteSegments(old, leaving);
  for (const pack of leaving) storage.tamper(`packs/${pack.slice(0, 2)}/${pack}`, undefined);
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

  it('calls nothing lost that a prune has moved meanwhile', async () => {
    const stale = await made.openIndexed();
    await moveAll();
    const options = { read: 'all', workers: 0, dryRun: false } as const;
    expect(await repairPacks(stale, new MemoryState(), options)).toMatchObject({ stillLost: 0, damages: [] });
    await demandWhole();
  });

  it('refuses a folder that is not there', async () => {
    await expect(repair({ fromPath: Buffer.from(join(folder, 'none')) })).rejects.toMatchObject({ code: 'usage' });
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
    // Of what comes back under the keys that it had nothing is made anew, and which that is hangs on how files are bundled.
    const healed = (one?.healed ?? []).map(displayBytes);
    const whole = [...before.keys()].filter((path) => path !== '/docs/note-3').map((path) => `${STORED_AS}${path}`);
    expect(healed.filter((path) => !whole.includes(path))).toEqual([]);
    expect(healed.length).toBeGreaterThan(6);
    const after = await contents(one?.name ?? '');
    expect([...before].filter(([path, entry]) => after.get(path) !== entry).map(([path]) => path)).toEqual([
      '/docs/note-3',
    ]);
  });

  it('keeps what is whole in a pack that is cut short', async () => {
    const [pack = ''] = await packs('data');
    const bytes = (await storage.get(pack)) ?? new Uint8Array();
    // Only its directory is gone.
    storage.tamper(pack, bytes.subarray(0, bytes.length - 2000));
    expect(await repaired()).toMatchObject({ repaired: [], whole: 1 });
    storage.tamper(pack, bytes.subarray(0, bytes.length - 600_000));
    const lost = (await repaired()).repaired.flatMap((one) => one.lost.map(({ path }) => displayBytes(path)));
    expect(lost).toEqual([`${STORED_AS}/image`]);
  });

  it('leaves nothing out because a prune moved it meanwhile', async () => {
    const stale = await made.openIndexed();
    const state = new MemoryState();
    await moveAll();
    const look = await lookAtSnapshots(await made.open(), state, ignoreEvents);
    const options = { look, snapshots: look.snapshots, keepOriginals: false, trash: 1000, dryRun: false };
    expect(await repairSnapshots(stale, state, { ...options, readData: true, workers: 0 })).toMatchObject({
      repaired: [],
      unreadable: [],
      whole: 1,
    });
    expect(await contents(name)).toEqual(before);
  });

  it('says that nothing of a snapshot can be read, and leaves it', async () => {
    for (const path of await packs('tree')) storage.tamper(path, undefined);
    const { repaired: none, unreadable } = await repaired();
    expect([none, unreadable.map((snapshot) => snapshot.name)]).toEqual([[], [name]]);
  });
});
