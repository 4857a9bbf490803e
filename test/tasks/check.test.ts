import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { NeoEvent } from '../../src/core/events.ts';
import { type ObjectName, objectName, sessionId } from '../../src/core/ids.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { encodeSegment, type PackRecord } from '../../src/repo/index/segment.ts';
import { loadIndex, readSegments } from '../../src/repo/indexed.ts';
import { examinePack } from '../../src/repo/pack-check.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { encodeSealedSigned } from '../../src/repo/signed-object.ts';
import { encodeSnapshot } from '../../src/snapshot/snapshot.ts';
import { type CheckSummary, check } from '../../src/tasks/check.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimRandom } from '../support/sim-random.ts';
import {
  checkWorld,
  initWorld,
  openWorld,
  snapshotWorld,
  unreadablePaths,
  type World,
} from '../support/sim-repository.ts';
import { makeSources } from '../support/sim-sources.ts';
import { addClient, testEngine } from '../support/temp-repository.ts';
import { Craft } from './craft.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-check-'));
afterAll(() => rmSync(base, { recursive: true }));
const sources = makeSources(base, 4);

type MemoryWorld = World & { readonly backend: MemoryBackend };

const clock = new SimClock();
const original: MemoryWorld = {
  engine: testEngine,
  clock,
  random: new SimRandom(3),
  backend: new MemoryBackend(clock),
};
const seen = new MemoryState();
const snapshots: ObjectName[] = [];
await initWorld(original);
for (const { folder } of sources) {
  const { snapshot } = await snapshotWorld(original, seen, folder);
  if (snapshot !== undefined) snapshots.push(snapshot);
}

/** A copy to damage. */
function copy(): MemoryWorld {
  return { ...original, backend: original.backend.clone() };
}

async function paths(world: World, folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of world.backend.list(folder)) found.push(path);
  return found.sort();
}

interface Losses {
  readonly snapshots: readonly string[];
  readonly paths: readonly string[];
}

/** What check says is lost, whatever the object. */
function named({ damages }: CheckSummary): Losses {
  const paths = damages.flatMap((damage) => damage.paths.map((path) => Buffer.from(path).toString()));
  return {
    snapshots: [...new Set(damages.flatMap((damage) => damage.snapshots))].sort(),
    paths: [...new Set(paths)].sort(),
  };
}

/** What is lost, found by reading everything. */
async function found(world: World): Promise<Losses> {
  const repository = await openWorld(world);
  const touched = new Set<string>();
  const paths = new Set<string>();
  for (const snapshot of snapshots) {
    for (const path of await unreadablePaths(repository, snapshot)) {
      touched.add(snapshot);
      paths.add(path);
    }
  }
  return { snapshots: [...touched].sort(), paths: [...paths].sort() };
}

const DAMAGES = {
  deleted: () => undefined,
  'cut short': (bytes: Uint8Array) => bytes.subarray(0, 20),
  flipped: (bytes: Uint8Array) => bytes.map((byte, at) => (at % 97 === 40 && at < bytes.length / 2 ? byte ^ 1 : byte)),
};

describe('a whole repository', () => {
  it('is clean, and counted', async () => {
    const summary = await checkWorld(copy(), seen, { readData: 'all' });
    expect(summary.damages).toEqual([]);
    expect(summary).toMatchObject({ snapshots: 3, keySlots: 1, unusedPacks: 0, unreferencedBlobs: 0 });
    expect(summary.packsRead).toBe((await paths(original, 'packs')).length);
    expect(summary.bytesRead).toBe(summary.packBytes);
    expect(summary.blobs).toBeGreaterThan(20);
  });

  it('may hold packs that nobody names, and blobs that nobody needs', async () => {
    const world = copy();
    await world.backend.put(`packs/ab/ab${'0'.repeat(62)}`, new Uint8Array(10));
    const [, , newest = ''] = snapshots;
    world.backend.tamper(`snapshots/${newest}`, undefined);
    const summary = await checkWorld(world, new MemoryState(), { readData: 'all' });
    expect(summary.damages).toEqual([]);
    expect(summary).toMatchObject({ snapshots: 2, unusedPacks: 1, unusedBytes: 10 });
    expect(summary.unreferencedBlobs).toBeGreaterThan(3);
  });

  it('is checked until somebody interrupts', async () => {
    const stopped = check(await openWorld(copy()), seen, {}, () => undefined, AbortSignal.abort());
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('damaged packs', () => {
  it.each(Object.entries(DAMAGES))('%s: exactly the paths that cannot be read', async (how, damage) => {
    const touched = new Set<string>();
    const packs = await paths(original, 'packs');
    for (const path of packs.filter((_, n) => how === 'deleted' || n % 3 === 0)) {
      const world = copy();
      world.backend.tamper(path, damage((await world.backend.get(path)) ?? new Uint8Array()));
      const summary = await checkWorld(world, seen, how === 'flipped' ? { readData: 'all' } : {});
      expect(summary.damages.map(({ object }) => object)).toEqual([path]);
      const losses = await found(world);
      expect(named(summary)).toEqual(losses);
      for (const lost of losses.paths) touched.add(lost);
    }
    // Of a third of the packs it may be few: their names, by which they are chosen, differ from run to run.
    expect(touched.size).toBeGreaterThan(how === 'deleted' ? 3 : 0);
  });

  it('a bit in the padding is damage that touches nothing', async () => {
    for (const path of (await paths(original, 'packs')).slice(0, 4)) {
      const world = copy();
      const bytes = (await world.backend.get(path)) ?? new Uint8Array();
      // Just before the directory of 4,096 + 40 bytes and the footer of 10.
      const at = bytes.length - 4096 - 40 - 10 - 1;
      world.backend.tamper(path, bytes.with(at, (bytes[at] ?? 0) ^ 1));
      const { damages } = await checkWorld(world, seen, { readData: 'all' });
      expect(damages).toMatchObject([{ object: path, reason: 'bytes do not give its name', paths: [] }]);
    }
  });
});

describe('threads', () => {
  it.each(Object.entries(DAMAGES))('find what one thread finds: %s', async (_how, damage) => {
    const packs = await paths(original, 'packs');
    for (const path of packs.slice(0, 3)) {
      const world = copy();
      world.backend.tamper(path, damage((await world.backend.get(path)) ?? new Uint8Array()));
      const [one, two] = await Promise.all(
        [0, 2].map(async (workers) => check(await openWorld(world), seen, { readData: 'all', workers })),
      );
      expect(one?.damages).not.toEqual([]);
      expect({ ...two, durationMs: 0 }).toEqual({ ...one, durationMs: 0 });
    }
  });
});

describe('a lost index segment', () => {
  it('loses what only it knew, until it is rebuilt', async () => {
    for (const path of await paths(original, 'index')) {
      const world = copy();
      world.backend.tamper(path, undefined);
      const summary = await checkWorld(world, seen);
      expect(summary.damages).toMatchObject([{ object: 'index' }]);
      expect(named(summary)).toEqual(await found(world));
    }
  });
});

/** Segments that their signer should not have signed. */
async function publish(world: World, record: PackRecord): Promise<void> {
  const repository = await openWorld(world);
  const session = sessionId('0'.repeat(32));
  const body = encodeSegment({ final: true, session, covered: [], replaced: [], packs: [record] });
  const bytes = encodeSealedSigned(repository, 'index', repository.keys.index, repository.signer, body);
  await world.backend.put(`index/${toHex(world.engine.blake3(bytes))}`, bytes);
}

describe('a segment that lies', () => {
  it('about where a blob is: the place is named, and touches nobody who has another copy', async () => {
    const world = copy();
    const { segments } = await readSegments(await openWorld(world));
    const [first, second] = segments.flatMap(({ segment }) => segment.packs);
    const entry = first?.entries[0];
    if (first === undefined || second === undefined || entry === undefined) throw new Error('too few packs');
    await publish(world, {
      ...second,
      author: sessionId('1'.repeat(32)) as never,
      entries: [{ ...entry, offset: 30 }],
    });
    expect((await checkWorld(world, seen)).damages).toEqual([]);
    const { damages } = await checkWorld(world, seen, { readData: 'all' });
    expect(damages).toMatchObject([{ snapshots: [], paths: [] }]);
    expect(damages[0]?.object).toContain(second.name);
  });

  it('about a pack that does not exist', async () => {
    const world = copy();
    const name = 'f'.repeat(64) as ObjectName;
    const { segments } = await readSegments(await openWorld(world));
    const record = segments[0]?.segment.packs[0];
    if (record === undefined) throw new Error('no packs');
    await publish(world, { ...record, name });
    const { damages } = await checkWorld(world, seen);
    expect(damages).toMatchObject([{ object: `packs/ff/${name}`, reason: 'it is missing', paths: [] }]);
  });
});

describe('a tree that no honest neo writes', () => {
  it('is the fault of its snapshot, which is named with the path', async () => {
    const craft = await Craft.start();
    const { repository } = craft;
    const bad = craft.directory('bad', craft.entry('twice', 'f'), craft.entry('twice', 'f'));
    const body = await craft.finish(bad, craft.file('good', 'text'));
    const { epoch, sealPublic } = repository.config;
    const head = { session: sessionId('0'.repeat(32)), sequence: 1, previous: [], validated: 0, generation: 0 };
    const bytes = encodeSnapshot(repository, repository.signer, { epoch, sealPublic }, head, body);
    const name = toHex(repository.engine.blake3(bytes));
    await repository.backend.put(`snapshots/${name}`, bytes);
    const { damages } = await check(await loadIndex(craft.repository), new MemoryState(), { readData: 'all' });
    expect(damages).toMatchObject([{ object: `snapshots/${name}`, snapshots: [name] }]);
    expect(damages[0]?.paths.map((path) => Buffer.from(path).toString())).toEqual(['/bad']);
  });
});

describe('objects of a later version', () => {
  /** A copy of the first object in `folder` whose header says version 2, under the name of its bytes. */
  async function putLater(world: MemoryWorld, folder: string): Promise<string> {
    const [path = ''] = await paths(world, folder);
    const bytes = ((await world.backend.get(path)) ?? new Uint8Array()).slice();
    new DataView(bytes.buffer).setUint16(4, 2, true);
    const name = toHex(testEngine.blake3(bytes));
    const later = `${folder}/${name}`;
    await world.backend.put(later, bytes);
    return later;
  }

  it.each(['index', 'snapshots'])('are no damage: %s', async (folder) => {
    const world = copy();
    const later = await putLater(world, folder);
    const { damages } = await checkWorld(world, new MemoryState(), { readData: 'all' });
    expect(damages).toMatchObject([{ object: later, newer: true }]);
    expect(damages[0]?.reason).toMatch(/^needs a newer neo: /);
  });

  it('are damage when their bytes do not give their names, and do not hide other damage', async () => {
    const world = copy();
    const later = await putLater(world, 'index');
    const [path = ''] = await paths(world, 'snapshots');
    const bytes = ((await world.backend.get(path)) ?? new Uint8Array()).slice();
    bytes[4] = 2;
    world.backend.tamper(path, bytes);
    const { damages } = await checkWorld(world, new MemoryState());
    expect(damages.map(({ object, newer }) => [object, newer])).toEqual([
      [later, true],
      [path, false],
    ]);
  });

  it('a pack is whole, and newer', async () => {
    const repository = await openWorld(copy());
    const [path = ''] = await paths(original, 'packs');
    const bytes = ((await original.backend.get(path)) ?? new Uint8Array()).slice();
    // Its footer: length of the directory (4), version (2), magic (4). All before it is signed.
    bytes[bytes.length - 6] = 2;
    const name = objectName(toHex(testEngine.blake3(bytes)));
    expect(examinePack(repository, name, bytes)).toMatchObject({
      newer: true,
      faults: [expect.stringContaining('version 2')],
    });
    expect(examinePack(repository, objectName(path.slice(-64)), bytes)).toMatchObject({ newer: false });
  });
});

describe('snapshots that are gone', () => {
  it('are missed by whoever saw them, and by the snapshots after them', async () => {
    const [first = '', , newest = ''] = snapshots;
    const world = copy();
    world.backend.tamper(`snapshots/${newest}`, undefined);
    expect((await checkWorld(world, new MemoryState())).damages).toEqual([]);
    const alarm = { object: `snapshots/${newest}`, snapshots: [newest] };
    const memory = { read: (name: string) => seen.read(name), write: async () => undefined };
    expect((await checkWorld(world, memory)).damages).toMatchObject([alarm]);
    world.backend.tamper(`snapshots/${first}`, undefined);
    expect((await checkWorld(world, new MemoryState())).damages).toMatchObject([{ object: `snapshots/${first}` }]);
  });

  it('stay missed: the alarm does not go away by being heard', async () => {
    const world = copy();
    const state = new MemoryState();
    await checkWorld(world, state);
    world.backend.tamper(`snapshots/${snapshots.at(-1)}`, undefined);
    for (let time = 0; time < 3; time++) expect((await checkWorld(world, state)).damages).toHaveLength(1);
  });
});

describe('a client of role write', () => {
  it('checks all but what it cannot read, and says so', async () => {
    const world = copy();
    const credential = await addClient(await openWorld(world), 'write', 9);
    const open = async () => loadIndex(await openRepository(world, world.backend, { credential }));
    const notes: NeoEvent[] = [];
    const options = { readData: 'all' as const };
    const summary = await check(await open(), new MemoryState(), options, (event) => notes.push(event));
    expect(summary).toMatchObject({ snapshots: 3, damages: [] });
    expect(summary.blobs).toBeUndefined();
    expect(notes).toContainEqual(expect.objectContaining({ type: 'note' }));
    const [pack = ''] = await paths(world, 'packs');
    const bytes = (await world.backend.get(pack)) ?? new Uint8Array();
    world.backend.tamper(pack, bytes.with(50, (bytes[50] ?? 0) ^ 1));
    const { damages } = await check(await open(), new MemoryState(), options);
    expect(damages.map(({ object }) => object)).toEqual([pack]);
  });
});
