/** Whoever began to read before a prune has moved what he needs finds it where it is now. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { check } from '../../src/tasks/check.ts';
import { dropSnapshots } from '../../src/tasks/forget.ts';
import { prune } from '../../src/tasks/prune.ts';
import { restore } from '../../src/tasks/restore.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { HistoryWorld } from './history-support.ts';
import { differences, noise } from './restore-support.ts';

/** Half of each pack is still needed: all of it moves. */
async function movedWorld() {
  const world = await HistoryWorld.make();
  mkdirSync(join(world.folder, 'deep/er'), { recursive: true });
  for (let n = 0; n < 12; n++) writeFileSync(join(world.folder, `deep/er/${n}`), noise(n, 60_000));
  for (let n = 0; n < 12; n++) writeFileSync(join(world.folder, `deep/small-${n}`), noise(n, 2000));
  await world.snapshot();
  for (let n = 0; n < 6; n++) writeFileSync(join(world.folder, `deep/er/${n}`), noise(n + 50, 60_000));
  for (let n = 0; n < 6; n++) writeFileSync(join(world.folder, `deep/small-${n}`), noise(n + 50, 2000));
  const name = await world.snapshot();
  const before = await world.indexed();
  const look = await world.look();
  const gone = look.snapshots.filter((each) => each.name !== name).map((each) => each.name);
  await dropSnapshots(await world.made.open(), look, gone, 0);
  const options = {
    mostUnused: { share: 0 },
    repackSmall: true,
    grace: 0,
    soleWriter: true,
    wait: false,
    dryRun: false,
  };
  const rest = { trustClock: true, workers: 0, pause: async () => undefined };
  await prune(await world.made.open(), world.state, { ...options, ...rest }, ignoreEvents);
  const snapshot = look.snapshots.find((each) => each.name === name);
  if (snapshot === undefined) throw new Error('no snapshot');
  return { world, before, snapshot };
}

it.each([0, 2])('a restore that had begun before a prune ends well, with %i threads', async (workers) => {
  const { world, before, snapshot } = await movedWorld();
  const path = await tempFolder();
  const options = { snapshot: snapshot.body, destination: { type: 'directory' as const, path }, workers };
  expect(await restore(before, options)).toMatchObject({ errors: 0 });
  expect(await differences(world.folder, join(path, 'home'))).toBe('');
});

it('what is nowhere is looked for in storage once in a while, not for each blob', async () => {
  const { world, before, snapshot } = await movedWorld();
  const { backend } = world.made;
  for await (const { path } of backend.list('packs')) backend.tamper(path, undefined);
  let lists = 0;
  const list = backend.list.bind(backend);
  backend.list = (folder) => {
    lists += 1;
    return list(folder);
  };
  const reader = new BlobReader(await loadIndex(before));
  lists = 0;
  for (let n = 0; n < 20; n++) {
    await expect(reader.load('tree', snapshot.body.tree)).rejects.toMatchObject({ code: 'integrity' });
  }
  expect(lists).toBe(1);
});

it('a check that had begun before a prune, or before a snapshot came, finds no damage', async () => {
  const { world, before } = await movedWorld();
  writeFileSync(join(world.folder, 'late'), noise(99, 80_000));
  await world.snapshot();
  const notes: string[] = [];
  const told = (event: NeoEvent): void => void (event.type === 'note' && notes.push(event.message));
  for (const readData of [undefined, 'all' as const]) {
    const options = readData === undefined ? {} : { readData };
    expect(await check(before, world.state, options, told)).toMatchObject({ damages: [] });
  }
  expect(notes.filter((note) => note.includes('looked at again'))).toHaveLength(2);
  // What is really gone is still found.
  const { backend } = world.made;
  for await (const { path } of backend.list('packs')) backend.tamper(path, undefined);
  expect((await check(await world.indexed(), world.state, {})).damages.length).toBeGreaterThan(0);
  expect((await check(before, world.state, {})).damages.length).toBeGreaterThan(0);
});
