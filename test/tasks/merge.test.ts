/** Several snapshots as one: everything that any has, the newest of each, and hard links of each alone. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { check } from '../../src/tasks/check.ts';
import { type MergeOptions, type MergeSummary, mergeSnapshots } from '../../src/tasks/merge.ts';
import { restore } from '../../src/tasks/restore.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { noise, TestRepository } from './backup-support.ts';

class Ground {
  readonly clock = new SimClock(Date.UTC(2025, 5, 1));
  readonly backend = new MemoryBackend(this.clock);
  readonly state = new MemoryState();
  made!: TestRepository;
  folder = '';

  static async make(): Promise<Ground> {
    const ground = new Ground();
    ground.made = await TestRepository.make(ground.backend, ground.clock);
    ground.folder = await tempFolder();
    return ground;
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  async snapshot(name: string): Promise<ObjectName> {
    this.clock.advance(60_000);
    const { snapshot } = await this.made.snapshot([this.at(name)]);
    if (snapshot === undefined) throw new Error('no snapshot');
    return snapshot;
  }

  async merge(more: Partial<MergeOptions> = {}): Promise<MergeSummary> {
    this.clock.advance(60_000);
    const look = await lookAtSnapshots(await this.made.open(), this.state, ignoreEvents);
    const common = { look, snapshots: look.snapshots, program: 'test', deletes: false, trash: 0, dryRun: false };
    return mergeSnapshots(await this.made.open(), this.state, { ...common, ...more }, ignoreEvents);
  }

  /** Where the merged one is restored to. */
  async restored(name: ObjectName | undefined): Promise<string> {
    const repository = await this.made.open();
    const { snapshots } = await lookAtSnapshots(repository, this.state, ignoreEvents);
    const snapshot = snapshots.find((each) => each.name === name);
    if (snapshot === undefined) throw new Error('no such snapshot');
    const path = await tempFolder();
    const options = { snapshot: snapshot.body, destination: { type: 'directory' as const, path }, workers: 0 };
    expect(await restore(repository, options)).toMatchObject({ errors: 0 });
    return join(path, this.folder);
  }
}

describe('neo merge', () => {
  it('has what any of them has, and what the newest has where several do', async () => {
    const ground = await Ground.make();
    for (const name of ['one/same', 'two/deep']) mkdirSync(ground.at(name), { recursive: true });
    writeFileSync(ground.at('one/a'), 'old a');
    writeFileSync(ground.at('one/gone'), 'gone later');
    writeFileSync(ground.at('one/kind'), 'a file');
    writeFileSync(ground.at('two/deep/big'), noise(400_000, 1));
    await ground.snapshot('one');
    await ground.snapshot('two');
    writeFileSync(ground.at('one/a'), 'new a');
    rmSync(ground.at('one/gone'));
    rmSync(ground.at('one/kind'));
    mkdirSync(ground.at('one/kind'));
    writeFileSync(ground.at('one/kind/inside'), 'inside');
    await ground.snapshot('one');
    const dry = await ground.merge({ dryRun: true });
    const bytes = async (): Promise<number> => {
      let sum = 0;
      for await (const { size } of ground.backend.list('packs')) sum += size;
      return sum;
    };
    const before = await bytes();
    const merged = await ground.merge({ tags: ['all'], label: 'together' });
    expect(merged).toMatchObject({ files: 4, replaced: 2 });
    expect({ ...merged, snapshot: undefined }).toEqual({ ...dry, snapshot: undefined });
    expect((await bytes()) - before).toBeLessThan(100_000);
    const folder = await ground.restored(merged.snapshot);
    const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
    expect([text('one/a'), text('one/gone'), text('one/kind/inside')]).toEqual(['new a', 'gone later', 'inside']);
    expect(readFileSync(join(folder, 'two/deep/big')).equals(noise(400_000, 1))).toBe(true);
    expect(readdirSync(join(folder, 'one')).sort()).toEqual(['a', 'gone', 'kind', 'same']);
    const look = await lookAtSnapshots(await ground.made.open(), ground.state, ignoreEvents);
    const found = look.snapshots.find(({ name }) => name === merged.snapshot)?.body;
    expect(found).toMatchObject({ tags: ['all'], label: 'together' });
    expect(found?.paths.map((path) => Buffer.from(path).toString())).toEqual([ground.at('one'), ground.at('two')]);
    const { damages } = await check(await ground.made.open(), new MemoryState(), { readData: 'all' });
    expect(damages).toEqual([]);
  });

  it('never links files of different snapshots, whatever their inodes were', async () => {
    const ground = await Ground.make();
    mkdirSync(ground.at('d/e'), { recursive: true });
    writeFileSync(ground.at('d/h1'), 'old');
    linkSync(ground.at('d/h1'), ground.at('d/e/h2'));
    await ground.snapshot('d');
    renameSync(ground.at('d/h1'), ground.at('d/k1'));
    renameSync(ground.at('d/e/h2'), ground.at('d/k2'));
    writeFileSync(ground.at('d/k1'), 'new content');
    rmSync(ground.at('d/e'), { recursive: true });
    await ground.snapshot('d');
    const folder = await ground.restored((await ground.merge()).snapshot);
    const text = (name: string): string => readFileSync(join(folder, 'd', name), 'utf8');
    expect(['h1', 'e/h2', 'k1', 'k2'].map(text)).toEqual(['old', 'old', 'new content', 'new content']);
    const inode = (name: string): number => statSync(join(folder, 'd', name)).ino;
    expect([inode('h1') === inode('e/h2'), inode('k1') === inode('k2'), inode('h1') === inode('k1')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('puts the originals in the trash when asked to, and only then', async () => {
    const ground = await Ground.make();
    mkdirSync(ground.at('one'));
    writeFileSync(ground.at('one/a'), 'a');
    await ground.snapshot('one');
    writeFileSync(ground.at('one/b'), 'b');
    await ground.snapshot('one');
    const names = async (): Promise<number> =>
      (await lookAtSnapshots(await ground.made.open(), ground.state, ignoreEvents)).snapshots.length;
    await expect(ground.merge({ snapshots: [] })).rejects.toMatchObject({ code: 'usage' });
    await ground.merge({ deletes: true, trash: 86_400_000 });
    expect(await names()).toBe(1);
    await undo(await ground.made.open(), ground.state, { dryRun: false });
    expect(await names()).toBe(3);
  });
});
