/** What write-only clients stored, and somebody with role full has verified, counts as if role full had stored it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { carryOutIndexRepair, planIndexRepair } from '../../src/repo/index-repair.ts';
import { loadIndex, readSegments } from '../../src/repo/indexed.ts';
import { packPath } from '../../src/repo/pack/pack.ts';
import { rewriteSegments } from '../../src/repo/segment-rewrite.ts';
import { packEntries, VerifiedWriter } from '../../src/repo/verified.ts';
import { type CheckSummary, check } from '../../src/tasks/check.ts';
import { dropSnapshots } from '../../src/tasks/forget.ts';
import { type PruneOptions, type PruneSummary, prune } from '../../src/tasks/prune.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { idsOf, packsOf } from './write-only-forgery.ts';
import { type Client, clientOf, entryOf, makeFiles, pattern, Scene, Thief } from './write-only-support.ts';

let scene: Scene;
let first: Client;
let second: Client;
let folder: string;

beforeEach(async () => {
  scene = await Scene.make();
  first = await scene.add('write', 'first');
  second = await scene.add('write', 'second');
  folder = await tempFolder();
});

async function vouch(): Promise<CheckSummary> {
  const repository = await scene.full.indexed();
  return check(repository, scene.full.state, { readData: 'all', vouches: true }, ignoreEvents);
}

/** Plain bytes that a snapshot by somebody else adds. */
async function addedBy(client: Client): Promise<number> {
  return (await client.snapshot(folder, { force: true, host: 'other' })).bytesAdded;
}

/** Bytes of blobs that storage holds: those of one copy of each, those of all others. */
async function copies(): Promise<{ needed: number; redundant: number; packs: number }> {
  const { segments } = await readSegments(await scene.full.repository());
  const packs = new Map(segments.flatMap(({ segment }) => segment.packs.map((pack) => [pack.name, pack])));
  expect([...packs.keys()].map(packPath).sort()).toEqual(await scene.objects('packs'));
  const sum = { needed: 0, redundant: 0, packs: packs.size };
  const seen = new Set<string>();
  for (const { id, length } of [...packs.values()].flatMap(({ entries }) => entries)) {
    sum[seen.has(toHex(id)) ? 'redundant' : 'needed'] += length;
    seen.add(toHex(id));
  }
  return sum;
}

/** By blobs: all of a snapshot, those that `client` trusts. */
async function trusted(client: Client, ids: Awaited<ReturnType<typeof idsOf>>): Promise<[number, number]> {
  const { index } = await client.indexed();
  return [ids.length, ids.filter((id) => index.has(id)).length];
}

async function pruned(more: Partial<PruneOptions> = {}): Promise<PruneSummary> {
  const options = {
    mostUnused: { share: 0 },
    repackSmall: false,
    grace: 0,
    soleWriter: true,
    wait: false,
    dryRun: false,
    trustClock: true,
    workers: 0,
    pause: async () => undefined,
    ...more,
  };
  const clock = { ...systemClock, now: () => systemClock.now() + scene.now };
  return prune({ ...(await scene.full.repository()), clock }, scene.full.state, options, ignoreEvents);
}

describe('check --read-data --confirm', () => {
  it('lets everybody deduplicate against what a write-only client stored', async () => {
    const files = makeFiles(folder, 1);
    const { snapshot } = await first.snapshot(folder);
    const ids = await idsOf(scene, snapshot);
    expect(await trusted(scene.full, ids)).toEqual([ids.length, 0]);
    expect(await vouch()).toMatchObject({ damages: [], verified: ids.length });
    for (const client of [scene.full, second]) {
      expect(await trusted(client, ids)).toEqual([ids.length, ids.length]);
      expect(await addedBy(client)).toBe(0);
    }
    for (const { name } of await scene.snapshots()) expect(await scene.read(name)).toEqual(files);
    // A second time there is nothing to say.
    const before = await scene.objects('index');
    expect(await vouch()).toMatchObject({ damages: [], verified: 0 });
    expect(await scene.objects('index')).toEqual(before);
  });

  it('lets prune free what several of them stored, and nobody loses anything', async () => {
    const files = makeFiles(folder, 2);
    // Many packs: of few small ones much would be padding, and nothing is won by copying what fits into that.
    const [huge, bytes] = [join(folder, 'huge'), pattern(4_000_000, 260)];
    files.set(huge, bytes);
    writeFileSync(huge, bytes);
    await first.snapshot(folder);
    await second.snapshot(folder);
    const ids = await idsOf(scene, (await scene.snapshots())[0]?.name);
    await pruned();
    const twice = await copies();
    expect(twice.redundant).toBe(twice.needed);
    await vouch();
    await pruned();
    const once = await copies();
    expect(once.needed).toBe(twice.needed);
    expect(once.redundant).toBeLessThan(twice.needed / 2);
    expect(once.packs).toBeLessThan(twice.packs);
    for (const { name } of await scene.snapshots()) expect(await scene.read(name)).toEqual(files);
    expect(await check(await scene.full.indexed(), scene.full.state, { readData: 'all' })).toMatchObject({
      damages: [],
    });
    // What was said lives on in the segments that a prune has joined.
    expect(await trusted(second, ids)).toEqual([ids.length, ids.length]);
  });

  it('says nothing of wrong bytes under right ids, and nothing of what no snapshot needs', async () => {
    makeFiles(folder, 3);
    const { snapshot } = await scene.full.snapshot(folder);
    const ids = await idsOf(scene, snapshot);
    const thief = await Thief.with(scene, first);
    await thief.segment([
      await thief.pack(
        ids.map((id) => entryOf(id, 100)),
        ids.map(() => pattern(100, 9)),
      ),
    ]);
    const before = await scene.objects('index');
    expect(await vouch()).toMatchObject({ verified: 0 });
    expect(await scene.objects('index')).toEqual(before);
  });

  it('needs role full', async () => {
    makeFiles(folder, 4);
    await first.snapshot(folder);
    const repository = await first.indexed();
    await expect(check(repository, first.state, { readData: 'all', vouches: true })).rejects.toMatchObject({
      code: 'permission-denied',
    });
  });

  it('survives a repair of the index, and goes with its pack', async () => {
    makeFiles(folder, 5);
    const { snapshot } = await first.snapshot(folder);
    const ids = await idsOf(scene, snapshot);
    await vouch();
    const plan = await planIndexRepair(await scene.full.repository(), () => undefined);
    expect([plan.obsolete, plan.rewrite]).toEqual([[], []]);
    const repository = await scene.full.repository();
    const look = await lookAtSnapshots(repository, scene.full.state, ignoreEvents);
    await dropSnapshots(repository, look, [...look.snapshots.map(({ name }) => name)], 0);
    await pruned();
    expect(await scene.objects('packs')).toEqual([]);
    expect((await loadIndex(repository)).index.size).toBe(0);
    expect(ids.length).toBeGreaterThan(0);
  });
});

describe('a prune that goes on meanwhile', () => {
  it('is not spoken against: of what it has marked or deleted nothing is said', async () => {
    makeFiles(folder, 7);
    await first.snapshot(folder);
    const [pack, ...more] = (await packsOf(first)).map(({ name, size, author, entries }) => ({
      name,
      size,
      author,
      packed: packEntries(entries),
    }));
    if (pack === undefined) throw new Error('no pack');
    const repository = await scene.full.repository();
    const [late, marked] = [new VerifiedWriter(repository), new VerifiedWriter(repository)];
    for (const each of [pack, ...more]) {
      await late.add(each);
      await marked.add(each);
    }
    const look = await lookAtSnapshots(repository, scene.full.state, ignoreEvents);
    await dropSnapshots(repository, look, [...look.snapshots.map(({ name }) => name)], 0);
    // No run of the client is under way any more.
    scene.now += 2 * 86_400_000;
    expect(await pruned({ grace: 600_000, soleWriter: false })).toMatchObject({ marked: { packs: more.length + 1 } });
    const before = await scene.objects('index');
    await marked.finish();
    await pruned();
    await late.finish();
    expect(await scene.objects('packs')).toEqual([]);
    expect([marked.blobs, late.blobs]).toEqual([0, 0]);
    expect(before.length).toBeGreaterThan(0);
    expect(await scene.objects('index')).toEqual([]);
  });
});

describe('a thief with a write key who says that his blobs were verified', () => {
  it('is not believed, nor after his segments were joined with others', async () => {
    const files = makeFiles(folder, 6);
    const { snapshot } = await scene.full.snapshot(folder);
    const ids = await idsOf(scene, snapshot);
    for (const top of ['packs', 'index', 'snapshots']) {
      for (const object of await scene.objects(top)) scene.backend.tamper(object, undefined);
    }
    const thief = await Thief.with(scene, first);
    const made = await thief.pack(
      ids.map((id) => entryOf(id, 64)),
      [],
    );
    await thief.segment([{ ...made, verified: true }]);
    await thief.segment([{ ...made, verified: true, author: await clientOf(scene.full) }]);
    await thief.segment([made]);
    expect((await scene.full.indexed()).faults.map(({ reason }) => reason)).toHaveLength(2);
    for (const client of [scene.full, second]) expect(await trusted(client, ids)).toEqual([ids.length, 0]);
    // Whoever repairs or prunes signs anew what he finds.
    await rewriteSegments(await scene.full.repository(), new Set([made.name].slice(1)));
    for (let n = 0; n < 40; n++) await thief.segment([{ ...made, entries: made.entries.slice(0, n) }]);
    await rewriteSegments(await scene.full.repository(), new Set());
    expect(await trusted(scene.full, ids)).toEqual([ids.length, 0]);
    await carryOutIndexRepair(
      await scene.full.repository(),
      await planIndexRepair(await scene.full.repository(), () => undefined),
    );
    expect(await trusted(second, ids)).toEqual([ids.length, 0]);
    const { errors, snapshot: again } = await second.snapshot(folder);
    expect([errors, await scene.read(again)]).toEqual([0, files]);
    expect((await packsOf(second)).length).toBeGreaterThan(0);
  });
});
