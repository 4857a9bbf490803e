/** Versions of a file over all snapshots, and what was deleted. */
import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import { readFileContent } from '../../src/tasks/contents.ts';
import { findDeleted } from '../../src/tasks/undelete.ts';
import { findVersion, findVersions } from '../../src/tasks/versions.ts';
import { HistoryWorld, path, text } from './history-support.ts';

/** The same answers from a stored history, and from looking into each snapshot. */
let isStored = false;

async function contentOf(world: HistoryWorld, number: number, file = '/home/file'): Promise<string> {
  const indexed = await world.indexed();
  const source = await world.source(isStored);
  const version = await findVersion(source, source.snapshots, path(file), number, ignoreEvents);
  const parts: Uint8Array[] = [];
  for await (const stretch of readFileContent(indexed, version.last, version.path)) {
    if (stretch.type === 'data') parts.push(Buffer.from(stretch.bytes));
  }
  return text(Buffer.concat(parts));
}

async function versionsOf(world: HistoryWorld, file = '/home/file', events = ignoreEvents) {
  const source = await world.source(isStored);
  return findVersions(source, source.snapshots, path(file), events);
}

describe.each([false, true])('neo versions (from a stored history: %s)', (stored) => {
  beforeEach(() => {
    isStored = stored;
  });

  it('lists 50 of 50 in order, and each comes back as it was', async () => {
    const world = await HistoryWorld.make();
    const names: string[] = [];
    for (let n = 1; n <= 50; n++) {
      writeFileSync(join(world.folder, 'file'), `version ${n}`);
      names.push(await world.snapshot());
    }
    const { versions, deletedBy } = await versionsOf(world);
    expect(versions.map(({ number, first }) => [number, first.name])).toEqual(names.map((name, n) => [n + 1, name]));
    expect([deletedBy, versions.filter(({ isCurrent }) => isCurrent).map(({ number }) => number)]).toEqual([
      undefined,
      [50],
    ]);
    for (const n of [1, 25, 50]) expect(await contentOf(world, n)).toBe(`version ${n}`);
    await expect(contentOf(world, 51)).rejects.toMatchObject({ code: 'usage', message: /versions 1 to 50/ });
  });

  it('counts what came back as one version, and other times as none', async () => {
    const world = await HistoryWorld.make();
    const contents = ['one', 'two', 'one', 'one'];
    for (const [n, content] of contents.entries()) {
      writeFileSync(join(world.folder, 'file'), content);
      utimesSync(join(world.folder, 'file'), n, n);
      await world.snapshot();
    }
    const { versions } = await versionsOf(world);
    expect(versions.map(({ snapshots, isCurrent, node }) => [snapshots, isCurrent, node.mtime])).toEqual([
      [3, true, 3_000_000_000n],
      [1, false, 1_000_000_000n],
    ]);
  });

  it('sees a file become a link, go, and come again', async () => {
    const world = await HistoryWorld.make();
    const file = join(world.folder, 'file');
    writeFileSync(file, 'file');
    await world.snapshot();
    rmSync(file);
    symlinkSync('elsewhere', file);
    await world.snapshot();
    rmSync(file);
    const gone = await world.snapshot();
    await world.snapshot();
    const { versions, deletedBy } = await versionsOf(world);
    expect(versions.map(({ node, isCurrent }) => [node.type, isCurrent])).toEqual([
      ['file', false],
      ['symlink', false],
    ]);
    expect(deletedBy?.name).toBe(gone);
    writeFileSync(file, 'file');
    await world.snapshot();
    expect((await versionsOf(world)).deletedBy).toBeUndefined();
    await expect(versionsOf(world, '/home/nothing')).rejects.toMatchObject({ code: 'failed', hint: /neo find/ });
  });

  it('is deleted only where no host has it any more', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'file'), 'shared');
    await world.snapshot('one');
    await world.snapshot('two');
    rmSync(join(world.folder, 'file'));
    await world.snapshot('one');
    expect((await versionsOf(world)).deletedBy).toBeUndefined();
    const last = await world.snapshot('two');
    expect((await versionsOf(world)).deletedBy?.name).toBe(last);
  });

  // A stored history knows it as it was.
  if (stored) return;
  it('goes on past a snapshot that is damaged', async () => {
    const world = await HistoryWorld.make();
    mkdirSync(join(world.folder, 'inner'));
    for (const content of ['one', 'two']) {
      writeFileSync(join(world.folder, 'inner/file'), content);
      await world.snapshot();
    }
    const { backend } = world.made;
    const packs: string[] = [];
    for await (const { path: pack } of backend.list('packs')) packs.push(pack);
    const sizes: number[] = [];
    for (const pack of packs) {
      const bytes = await backend.get(pack);
      await backend.remove(pack);
      const warnings: NeoEvent[] = [];
      const seen = await versionsOf(world, '/home/inner/file', (event) => warnings.push(event)).catch(() => undefined);
      sizes.push(seen?.versions.length ?? 0);
      expect(warnings.length).toBe(2 - (seen?.versions.length ?? 0));
      await backend.put(pack, bytes ?? new Uint8Array());
    }
    // Two packs of data, without which all can be seen, and two of trees.
    expect(sizes.sort()).toEqual([1, 1, 2, 2]);
  });
});

describe.each([false, true])('neo undelete (from a stored history: %s)', (stored) => {
  beforeEach(() => {
    isStored = stored;
  });

  it('finds the last that was there, a directory too, and refuses what is there', async () => {
    const world = await HistoryWorld.make();
    mkdirSync(join(world.folder, 'dir'));
    writeFileSync(join(world.folder, 'dir/file'), 'one');
    await world.snapshot();
    writeFileSync(join(world.folder, 'dir/file'), 'two');
    const last = await world.snapshot();
    rmSync(join(world.folder, 'dir'), { recursive: true });
    await world.snapshot();
    const source = await world.source(isStored);
    const find = async (file: string, inPlace = true) =>
      findDeleted(source, source.snapshots, path(file), inPlace, ignoreEvents);
    expect((await find('/home/dir/file')).snapshot.name).toBe(last);
    expect(text((await find('/home/dir')).path)).toBe('/home/dir');
    await expect(find('/home/none')).rejects.toMatchObject({ code: 'failed' });
    const here = await HistoryWorld.make();
    writeFileSync(join(here.folder, 'file'), 'here');
    await here.snapshot('host', here.folder);
    const there = await here.source(isStored);
    const found = findDeleted(there, there.snapshots, path(join(here.folder, 'file')), true, ignoreEvents);
    await expect(found).rejects.toMatchObject({ code: 'failed', message: /is there/ });
  });
});
