import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { MemoryBackend } from '../../src/backends/memory.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { repairIndex } from '../../src/tasks/repair-index.ts';
import { repairScript, repairStart, repairVerdict } from '../support/repair-script.ts';
import { sweep } from '../support/sim.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimRandom } from '../support/sim-random.ts';
import { checkWorld, openWorld, snapshotWorld, type World } from '../support/sim-repository.ts';
import { makeSources } from '../support/sim-sources.ts';
import { addClient, testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-repair-'));
afterAll(() => rmSync(base, { recursive: true }));
const sources = makeSources(base, 6);

async function hurt(number: number): Promise<World & { readonly backend: MemoryBackend }> {
  const { storage } = await repairStart(testEngine, sources, number);
  return { engine: testEngine, clock: new SimClock(), random: new SimRandom(40 + number), backend: storage };
}

async function all(world: World, folder = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of world.backend.list(folder)) found.push(path);
  return found.sort();
}

describe('repair index', () => {
  it('a crash at any moment of it leaves what a second one completes', async () => {
    const start = await repairStart(testEngine, sources, 1);
    const result = await sweep(repairScript(testEngine), repairVerdict(testEngine, start), { start: start.storage });
    console.log(`repair index: ${result.operations} operations, ${result.points} points, 0 violations`);
    expect(result.operations).toBeGreaterThan(1);
  });

  it('describes what is lost or damaged anew, and leaves good segments alone', async () => {
    for (const number of [0, 1, 2]) {
      const world = await hurt(number);
      const before = await all(world, 'index');
      const { removed, packsRewritten } = await repairIndex(await openWorld(world), { dryRun: false });
      const after = await all(world, 'index');
      expect(packsRewritten).toBeGreaterThan(0);
      expect(before.filter((path) => !after.includes(path))).toEqual(removed.map(({ path }) => path).sort());
      expect((await checkWorld(world, new MemoryState(), { readData: 'all' })).damages).toEqual([]);
    }
  });

  it('changes nothing when nothing is wrong, or when only asked', async () => {
    const world = await hurt(0);
    const hurtPaths = await all(world);
    const plan = await repairIndex(await openWorld(world), { dryRun: true });
    expect(plan).toMatchObject({ segmentsWritten: 0, segmentsRemoved: 0 });
    expect(plan.packsRewritten).toBeGreaterThan(0);
    expect(await all(world)).toEqual(hurtPaths);
    await repairIndex(await openWorld(world), { dryRun: false });
    const healed = await all(world);
    const again = await repairIndex(await openWorld(world), { dryRun: false });
    expect(again).toMatchObject({ packsRewritten: 0, segmentsWritten: 0, segmentsRemoved: 0 });
    expect(await all(world)).toEqual(healed);
  });

  it('drops packs that are gone, so that the next snapshot stores their blobs again', async () => {
    const world = await hurt(0);
    await repairIndex(await openWorld(world), { dryRun: false });
    const packs = await all(world, 'packs');
    // Data and trees; of what the newest snapshot needs, everything is still on the disk.
    for (const path of packs.filter((_, n) => n % 2 === 0)) world.backend.tamper(path, undefined);
    await repairIndex(await openWorld(world), { dryRun: false });
    const { damages } = await checkWorld(world, new MemoryState());
    expect(damages.map(({ object }) => object)).toEqual(['index']);
    const state = new MemoryState();
    const made = new Set<unknown>();
    for (const { folder } of sources) made.add((await snapshotWorld(world, state, folder)).snapshot);
    // Trees of older snapshots may be gone for good: files bundled otherwise since then give other trees.
    const touched = (await checkWorld(world, state)).damages.flatMap(({ snapshots }) => snapshots);
    expect(touched.filter((name) => made.has(name))).toEqual([]);
    expect(made.size).toBe(sources.length);
  });

  it('keeps what a segment says of a pack whose directory is damaged', async () => {
    const world = await hurt(0);
    await repairIndex(await openWorld(world), { dryRun: false });
    const before = await all(world, 'index');
    const [pack = ''] = await all(world, 'packs');
    const bytes = (await world.backend.get(pack)) ?? new Uint8Array();
    const at = bytes.length - 100;
    world.backend.tamper(pack, bytes.with(at, (bytes[at] ?? 0) ^ 1));
    const summary = await repairIndex(await openWorld(world), { dryRun: false });
    expect(summary).toMatchObject({ segmentsRemoved: 0, unreadable: [{ path: pack }] });
    expect(await all(world, 'index')).toEqual(before);
    const { damages } = await checkWorld(world, new MemoryState(), { readData: 'all' });
    // The blobs are whole: nothing is lost.
    expect(damages).toMatchObject([{ object: pack, snapshots: [], paths: [] }]);
  });

  it('is refused to a key that may only write', async () => {
    const world = await hurt(0);
    const credential = await addClient(await openWorld(world), 'write', 9);
    const repository = await openRepository(world, world.backend, { credential });
    await expect(repairIndex(repository, { dryRun: true })).rejects.toMatchObject({ code: 'permission-denied' });
  });
});
