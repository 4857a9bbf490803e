/** Copies of what no honest client writes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { runWriter } from '../../src/repo/run-writer.ts';
import { listHeads, listSnapshots } from '../../src/snapshot/listing.ts';
import { readTree, TreeBuilder } from '../../src/snapshot/tree.ts';
import { check } from '../../src/tasks/check.ts';
import { commitSnapshot, takeStanding } from '../../src/tasks/commit.ts';
import { copySnapshots } from '../../src/tasks/copy.ts';
import { sealBody } from '../../src/tasks/seal-snapshot.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';

it('copies no symbolic link with a content, and nothing that would be damage there', async () => {
  const clock = new SimClock(Date.UTC(2026, 5, 1));
  const made = await tempRepository({ clock, backend: new MemoryBackend(clock) });
  const target = await tempRepository({ clock, backend: new MemoryBackend(clock) });
  const folder = await tempFolder();
  await writeFile(join(folder, 'file'), 'x'.repeat(40_000));
  const good = (await backupOf(await made.openIndexed(), folder, { storedAs: '/home' })).snapshot;
  const repository = await made.openIndexed();
  const { snapshots, heads } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
  const [first] = snapshots;
  if (first === undefined) throw new Error('no snapshot');
  // The same again, but that its file is called a symbolic link, and keeps its content.
  const { session, writer } = runWriter(repository, false);
  const reader = new BlobReader(repository);
  const rebuild = async (key: Parameters<typeof readTree>[1]): Promise<typeof key> => {
    const builder = new TreeBuilder(
      (kind, json) => writer.save(kind, json, 0).key,
      (bytes) => repository.engine.blake3(bytes),
    );
    for await (const node of readTree((kind, at) => reader.load(kind, at), key)) {
      const link = { ...node, type: 'symlink' as const, target: Buffer.from('nowhere'), size: 0 };
      builder.add(node.tree === undefined ? link : { ...node, tree: await rebuild(node.tree) });
    }
    return builder.finish();
  };
  const root = await rebuild(first.body.tree);
  writer.finish();
  await session.finish();
  await commitSnapshot(
    repository,
    {
      standing: await takeStanding(repository),
      session,
      root,
      restsOn: undefined,
      seal: (validation) => sealBody(repository, session.session, heads, validation, { ...first.body, tree: root }),
    },
    ignoreEvents,
  );
  await session.close();
  const from = await made.openIndexed();
  const to = await target.openIndexed();
  const fromLook = await lookAtSnapshots(from, new MemoryState(), ignoreEvents);
  const toState = new MemoryState();
  const toLook = await lookAtSnapshots(to, toState, ignoreEvents);
  const options = { from, fromLook, snapshots: fromLook.snapshots, to, toState, toLook, dryRun: false, workers: 0 };
  const { copied, failed } = await copySnapshots(options);
  expect(copied.map(({ original }) => original.name)).toEqual([good]);
  expect(failed.length).toBe(1);
  const { damages } = await check(await target.openIndexed(), new MemoryState(), { readData: 'all' });
  expect(damages).toEqual([]);
  expect((await listHeads(to)).heads.length).toBe(1);
});
