import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { utf8 } from '../../src/core/bytes.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { BlobPlace } from '../../src/repo/blob-index.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { type IndexedRepository, loadIndex, loadKnownIndex } from '../../src/repo/indexed.ts';
import { runWriter } from '../../src/repo/run-writer.ts';
import { rewriteSegments } from '../../src/repo/segment-rewrite.ts';
import { check } from '../../src/tasks/check.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type TempRepository, tempFolder, tempRepository } from '../support/temp-repository.ts';
import { idsOf } from '../tasks/write-only-forgery.ts';
import { makeFiles, Scene } from '../tasks/write-only-support.ts';

const COUNT = 20;

/** Notes what is read. */
class WatchedBackend extends MemoryBackend {
  reads = 0;
  override async get(path: string): Promise<Uint8Array | undefined> {
    if (path.startsWith('index/')) this.reads += 1;
    return super.get(path);
  }
}

const clock = new SimClock(Date.UTC(2026, 5, 1));
let made: TempRepository<WatchedBackend>;
let state: MemoryState;
let folder: string;

async function snapshots(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    clock.advance(60_000);
    await writeFile(join(folder, 'a'), `${clock.now()}`);
    await backupOf(await made.openIndexed(), folder);
  }
}

beforeEach(async () => {
  made = await tempRepository({ clock, backend: new WatchedBackend(clock) });
  folder = await tempFolder();
  await snapshots(COUNT);
  state = new MemoryState();
  await known();
});

async function segments(): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of made.backend.list('index')) paths.push(path);
  return paths.sort();
}

async function known(): Promise<IndexedRepository> {
  return loadKnownIndex(await made.open(), state);
}

/** What an index says, whatever the order in which it was told. */
function told({ index, packs, faults }: IndexedRepository) {
  const places: string[] = [];
  const textOf = ({ pack, offset, length, trusted }: BlobPlace): string =>
    `${packs[pack]?.name} ${packs[pack]?.author} ${offset} ${length} ${trusted}`;
  index.eachPlace((id, place) => void places.push(`${Buffer.from(id).toString('hex')} ${textOf(place)}`));
  return { places: places.sort(), faults };
}

async function readsOf<T>(work: () => Promise<T>): Promise<[number, T]> {
  const before = made.backend.reads;
  const result = await work();
  return [made.backend.reads - before, result];
}

async function storeBlobs(count: number): Promise<void> {
  const repository = await made.openIndexed();
  const { session, writer } = runWriter(repository, false);
  for (let n = 0; n < count; n++) writer.save('data', utf8(`blob ${n}`), 0);
  writer.finish();
  await session.finish();
}

async function largestSegment(): Promise<string> {
  let [largest, most] = ['', 0];
  for await (const { path, size } of made.backend.list('index')) if (size > most) [largest, most] = [path, size];
  return largest;
}

async function fileName(): Promise<string> {
  return `index.${(await made.open()).id}`;
}

describe('the cache of index segments', () => {
  it('says the same as storage, and reads what is new alone', async () => {
    const [none, warm] = await readsOf(known);
    expect(none).toBe(0);
    expect(told(warm)).toEqual(told(await loadIndex(await made.open(), 0)));
    await snapshots(3);
    const [three, next] = await readsOf(known);
    expect(three).toBe(3);
    expect(told(next)).toEqual(told(await loadIndex(await made.open(), 0)));
  });

  it('keeps segments so large that their memory is given back', async () => {
    await storeBlobs(1200);
    expect((await made.backend.get(await largestSegment()))?.length).toBeGreaterThan(65_536);
    // With the others that are new it is worth a file of its own.
    await snapshots(COUNT);
    expect(told(await known())).toEqual(told(await loadIndex(await made.open(), 0)));
    const [none, warm] = await readsOf(known);
    expect(none).toBe(0);
    expect(told(warm)).toEqual(told(await loadIndex(await made.open(), 0)));
  });

  it('tells nothing of segments that are gone', async () => {
    const first = (await segments())[0] ?? '';
    made.backend.tamper(first, undefined);
    const [none, left] = await readsOf(known);
    expect(none).toBe(0);
    expect(told(left)).toEqual(told(await loadIndex(await made.open(), 0)));
    // A prune that joins them all leaves one, and the cache forgets the others.
    await rewriteSegments(await made.open(), new Set());
    for (const path of (await segments()).slice(1)) made.backend.tamper(path, undefined);
    const size = (await state.read(await fileName()))?.length ?? 0;
    expect(told(await known())).toEqual(told(await loadIndex(await made.open(), 0)));
    expect((await state.read(await fileName()))?.length).toBeLessThan(size);
  });

  it('is an empty one when it is damaged or cut short, and is made again', async () => {
    const file = await fileName();
    const bytes = (await state.read(file)) ?? new Uint8Array();
    const flipped = bytes.slice();
    flipped[bytes.length - 100] = (flipped[bytes.length - 100] ?? 0) ^ 1;
    for (const damaged of [flipped, bytes.subarray(0, 100), new Uint8Array(0)]) {
      await state.write(file, damaged);
      expect((await readsOf(known))[0]).toBe(COUNT);
      expect((await readsOf(known))[0]).toBe(0);
    }
  });

  it('is not asked by those who look for damage', async () => {
    const [first = ''] = await segments();
    const bytes = (await made.backend.get(first))?.slice() ?? new Uint8Array();
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    made.backend.tamper(first, bytes);
    expect((await known()).faults).toEqual([]);
    const summary = await check(await made.openIndexed(), state, {}, ignoreEvents);
    expect(summary.damages).toContainEqual(expect.objectContaining({ object: first }));
  });

  it('costs nothing but time when it cannot be kept', async () => {
    const full = new MemoryState();
    full.write = async () => Promise.reject(new Error('no space left on device'));
    full.read = async () => Promise.reject(new Error('input/output error'));
    const indexed = await loadKnownIndex(await made.open(), full);
    expect(told(indexed)).toEqual(told(await loadIndex(await made.open(), 0)));
  });
});

describe('of write-only clients', () => {
  it('their segments come after those of role full, cached or not, and they keep no cache', async () => {
    const scene = await Scene.make();
    const writer = await scene.add('write', 'writer');
    const files = await tempFolder();
    makeFiles(files, 1);
    const { snapshot } = await writer.snapshot(files);
    for (let n = 0; n < COUNT; n++) {
      makeFiles(files, 2 + n);
      await (n % 2 === 0 ? writer : scene.full).snapshot(files);
    }
    const kept = new MemoryState();
    const load = async () => loadKnownIndex(await scene.full.repository(), kept);
    const plain = told(await loadIndex(await scene.full.repository(), 0));
    expect(told(await load())).toEqual(plain);
    const warm = await load();
    expect(told(warm)).toEqual(plain);
    const ids = await idsOf(scene, snapshot);
    expect(ids.filter((id) => warm.index.has(id))).toEqual([]);
    const own = new MemoryState();
    const writers = await writer.repository();
    expect(told(await loadKnownIndex(writers, own))).toEqual(told(await loadIndex(writers, 0)));
    expect(await own.read(`index.${writers.id}`)).toBeUndefined();
  });
});
