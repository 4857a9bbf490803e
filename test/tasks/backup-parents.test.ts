/** What a snapshot may rest on: packs that are there, snapshots that are there. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { systemClock } from '../../src/core/clock.ts';
import { NeoError } from '../../src/core/errors.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { listHeads } from '../../src/snapshot/listing.ts';
import { putRemoval } from '../../src/snapshot/removal.ts';
import { check } from '../../src/tasks/check.ts';
import { backupOf } from '../support/backup.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { noise, sameBytes, TestRepository } from './backup-support.ts';
import { Scene } from './write-only-support.ts';

function fill(folder: string): void {
  mkdirSync(join(folder, 'sub'));
  for (let n = 0; n < 6; n++) writeFileSync(join(folder, 'sub', `f${n}`), noise(n < 3 ? 400_000 : 5000, n));
  for (let n = 0; n < 6; n++) utimesSync(join(folder, 'sub', `f${n}`), 1_000_000_000, 1_000_000_000);
}

it('stores again what lay in a pack that is gone, changed or not', async () => {
  const made = await TestRepository.make(undefined, undefined, 1 << 20);
  const folder = await tempFolder();
  fill(folder);
  await made.snapshot([folder]);
  for (const path of (await made.objects('packs')).keys()) await made.backend.remove(path);
  const { snapshot } = await made.snapshot([folder]);
  const files = await made.read(snapshot);
  for (let n = 0; n < 6; n++) expect(sameBytes(files.get(`${folder}/sub/f${n}`), `${folder}/sub/f${n}`)).toBe(true);
  const { damages } = await check(await made.open(), new MemoryState(), { readData: 'all' });
  expect(damages.filter(({ snapshots }) => snapshots.some((name) => name === snapshot))).toEqual([]);
});

it('is not skipped by a writer whose unchanged snapshot is gone', async () => {
  const scene = await Scene.make();
  const writer = await scene.add('write', 'laptop');
  const folder = await tempFolder();
  fill(folder);
  const { state } = writer;
  const first = await backupOf(await writer.indexed(), folder, { state });
  const again = await backupOf(await writer.indexed(), folder, { state, skipIfUnchanged: true });
  expect(again.snapshot).toBeUndefined();
  await scene.backend.remove(`snapshots/${first.snapshot}`);
  const after = await backupOf(await writer.indexed(), folder, { state, skipIfUnchanged: true });
  expect(after.snapshot).toBeDefined();
  expect(after.filesUnmodified).toBe(6);
});

it('is not skipped by a writer whose unchanged snapshot is in the trash', async () => {
  const scene = await Scene.make();
  const writer = await scene.add('write', 'laptop');
  const folder = await tempFolder();
  fill(folder);
  const { state } = writer;
  await backupOf(await writer.indexed(), folder, { state });
  const owner = await scene.full.repository();
  const { heads } = await listHeads(owner);
  await putRemoval(owner, heads, { time: Date.now(), trashEnds: Date.now() + 1e9 });
  const after = await backupOf(await writer.indexed(), folder, { state, skipIfUnchanged: true });
  expect(after.snapshot).toBeDefined();
});

/** Loses the line as soon as a snapshot is stored. */
class Cut extends MemoryBackend {
  #cut = false;
  loses = 'snapshots';

  override async put(...args: Parameters<MemoryBackend['put']>): Promise<void> {
    await super.put(...args);
    this.#cut = args[0].startsWith('snapshots/');
  }

  override list(folder: string): ReturnType<MemoryBackend['list']> {
    if (this.#cut && folder === this.loses) throw new NeoError('unreachable', 'the line is down');
    return super.list(folder);
  }
}

it('succeeded, once its snapshot is stored and no prune came between', async () => {
  const made = await TestRepository.make(new Cut(systemClock));
  const folder = await tempFolder();
  fill(folder);
  expect((await made.snapshot([folder])).snapshot).toBeDefined();
});

it('says that its snapshot is stored when it cannot be sure of it', async () => {
  const backend = new Cut(systemClock);
  backend.loses = 'tombs';
  const made = await TestRepository.make(backend);
  const folder = await tempFolder();
  fill(folder);
  await expect(made.snapshot([folder])).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringMatching(/^snapshot [0-9a-f]{8} is stored, but .*: the line is down$/),
  });
});
