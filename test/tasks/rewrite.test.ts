/** Snapshots made anew: without paths, with other words; as old as they were, and nothing lost. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ignoreEvents } from '../../src/core/events.ts';
import { inOrder } from '../../src/snapshot/listing.ts';
import { selectSnapshot } from '../../src/snapshot/select.ts';
import { check } from '../../src/tasks/check.ts';
import { forget } from '../../src/tasks/forget.ts';
import { pin } from '../../src/tasks/pin.ts';
import { prune } from '../../src/tasks/prune.ts';
import { type RewriteChanges, type RewriteOptions, rewriteSnapshots } from '../../src/tasks/rewrite.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { type Client, makeFiles, Scene } from './write-only-support.ts';

async function rewrite(client: Client, changes: RewriteChanges, more: Partial<RewriteOptions> = {}) {
  const repository = await client.indexed();
  // Who may only write sees nothing, and is refused for that.
  const look = await lookAtSnapshots(await client.scene.full.repository(), client.state, ignoreEvents);
  const options = { keepOriginals: false, trash: 86_400_000, dryRun: false };
  return rewriteSnapshots(
    repository,
    client.state,
    { ...options, look, snapshots: look.snapshots, changes, ...more },
    ignoreEvents,
  );
}

const look = async ({ full }: Scene) => lookAtSnapshots(await full.repository(), full.state, ignoreEvents);

describe('a rewrite', () => {
  it('drops paths, small ones among others too, until nothing of them is stored', async () => {
    const scene = await Scene.make();
    const folder = await tempFolder();
    const files = makeFiles(folder, 1);
    // As of its clients.
    scene.now = 3_600_000;
    await scene.full.snapshot(folder);
    const dropped = ['small-4', 'large'].map((name) => join(folder, name));
    const seen: string[] = [];
    const { rewritten } = await rewrite(
      scene.full,
      { exclude: ['small-4', `${folder}/large`] },
      { onDropped: (path) => seen.push(Buffer.from(path).toString()), trash: 0 },
    );
    expect(seen.sort()).toEqual(dropped.sort());
    const read = await scene.read(rewritten[0]?.name);
    for (const [path, bytes] of files) expect(read.get(path)).toEqual(dropped.includes(path) ? undefined : bytes);
    const options = {
      mostUnused: { share: 0 },
      repackSmall: false,
      grace: 0,
      soleWriter: true,
      wait: false,
      dryRun: false,
      trustClock: false,
      workers: 0,
      pause: async () => undefined,
    };
    await prune(await scene.full.indexed(), scene.full.state, options, ignoreEvents);
    const { unreferencedBlobs, damages } = await check(await scene.full.indexed(), scene.full.state, {
      readData: 'all',
    });
    expect([unreferencedBlobs, damages]).toEqual([0, []]);
    expect((await scene.read(rewritten[0]?.name)).size).toBe(files.size - 2);
  });

  it('counts as old as it was: for rules, and for what is latest', async () => {
    const scene = await Scene.make();
    const folder = await tempFolder();
    for (let day = 0; day < 4; day++) {
      writeFileSync(join(folder, 'file'), `day ${day}`);
      await scene.full.snapshot(folder);
      scene.now += 86_400_000;
    }
    const before = (await look(scene)).snapshots;
    const oldest = before.slice(0, 1);
    await rewrite(scene.full, { tags: () => ['kept'] }, { snapshots: oldest });
    const { snapshots } = await look(scene);
    expect(snapshots.map(({ received }) => received)).toEqual(before.map(({ received }) => received));
    expect(snapshots.map(({ body }) => body.tags)).toEqual([['kept'], [], [], []]);
    expect(selectSnapshot(snapshots, 'latest').name).toBe(before.at(-1)?.name);
    expect(snapshots[0]?.arrived).toBeGreaterThan(snapshots[3]?.received ?? 0);
    const nothing = { hosts: [], tags: [], paths: [] };
    const rules = { each: { daily: 3 } };
    const options = { rules, groupBy: [], filter: nothing, references: [], trash: 0, dryRun: true, evenMost: true };
    const { groups } = await forget(await scene.full.repository(), scene.full.state, options, ignoreEvents);
    expect(groups[0]?.decisions.map(({ keep }) => keep)).toEqual([true, true, true, false]);
  });

  it('of what a write-only key made is one of role full, and believed', async () => {
    const scene = await Scene.make();
    const laptop = await scene.add('write', 'laptop');
    const folder = await tempFolder();
    const files = makeFiles(folder, 2);
    await laptop.snapshot(folder);
    const { rewritten } = await rewrite(scene.full, { host: 'other' });
    const [made] = (await look(scene)).snapshots;
    expect([made?.name, made?.role, made?.body.host]).toEqual([rewritten[0]?.name, 'full', 'other']);
    expect((await scene.read(made?.name)).size).toBe(files.size);
    // All of it lies in packs of role full.
    const indexed = await scene.full.indexed();
    const { damages } = await check(indexed, scene.full.state, { readData: 'all' });
    expect(damages).toEqual([]);
    await expect(rewrite(laptop, { host: 'x' })).rejects.toMatchObject({ code: 'permission-denied' });
  });

  it('says nothing twice, and nothing when nothing would be different', async () => {
    const scene = await Scene.make();
    const folder = await tempFolder();
    makeFiles(folder, 3);
    await scene.full.snapshot(folder);
    expect((await rewrite(scene.full, { tags: () => ['x'] }, { dryRun: true })).rewritten).toHaveLength(1);
    expect((await look(scene)).snapshots[0]?.body.tags).toEqual([]);
    const objects = await scene.objects('');
    expect((await rewrite(scene.full, { exclude: ['nothing-like-it'] })).rewritten).toEqual([]);
    expect(await scene.objects('')).toEqual(objects);
    await rewrite(scene.full, { tags: () => ['x'] }, { keepOriginals: true });
    expect((await look(scene)).snapshots).toHaveLength(2);
    const again = await rewrite(scene.full, { tags: () => ['x'] });
    expect([again.rewritten.length, again.unchanged.length]).toEqual([1, 1]);
    expect((await look(scene)).snapshots.map(({ body }) => body.tags)).toEqual([['x']]);
  });

  it('leaves one of each when two do the same at once', async () => {
    const scene = await Scene.make();
    const folder = await tempFolder();
    for (let n = 0; n < 3; n++) {
      writeFileSync(join(folder, 'file'), `version ${n}`);
      await scene.full.snapshot(folder);
    }
    const both = [scene.full, await scene.add('full', 'other')];
    const changes = { tags: () => ['x'] };
    await Promise.all(both.map((client) => rewrite(client, changes)));
    const { snapshots } = await look(scene);
    expect(snapshots.map(({ body }) => body.tags)).toEqual([['x'], ['x'], ['x']]);
    expect((await rewrite(scene.full, changes)).unchanged).toHaveLength(3);
  });

  it('takes a pin along, and can be undone', async () => {
    const scene = await Scene.make();
    const folder = await tempFolder();
    makeFiles(folder, 4);
    const { snapshot: original = '' } = await scene.full.snapshot(folder);
    await pin(await scene.full.repository(), scene.full.state, { references: ['latest'], dryRun: false }, ignoreEvents);
    const { rewritten } = await rewrite(scene.full, { label: 'called' });
    expect([...(await look(scene)).records.pins.keys()]).toEqual([rewritten[0]?.name]);
    const { snapshots } = await undo(await scene.full.repository(), scene.full.state, { dryRun: false });
    expect(snapshots).toEqual([original]);
    await expect(rewrite(scene.full, { exclude: [''] })).rejects.toMatchObject({ code: 'usage' });
  });
});

it('an age that a write-only key claims is not believed', async () => {
  const scene = await Scene.make();
  const folder = await tempFolder();
  makeFiles(folder, 5);
  await scene.full.snapshot(folder);
  const [honest] = await scene.snapshots();
  if (honest === undefined) throw new Error('no snapshot');
  const forged = {
    ...honest,
    role: 'write' as const,
    body: { ...honest.body, original: { snapshot: honest.name, received: 1 } },
  };
  expect(inOrder([honest, forged]).map(({ role }) => role)).toEqual(['full', 'write']);
});
