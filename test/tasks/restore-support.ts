/** A repository in memory, with snapshots of real folders, for the tests of restores. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../../src/repo/indexed.ts';
import { initRepository } from '../../src/repo/init.ts';
import { openRepository, requireFull, type Surroundings } from '../../src/repo/repository.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { backup } from '../../src/tasks/backup.ts';

const credential = { type: 'secret' as const, secret: new Uint8Array(32).fill(7) };

/** Small chunks and packs: many of them even of small trees. */
export async function makeRepository(): Promise<{ readonly backend: Backend; readonly surroundings: Surroundings }> {
  const surroundings = {
    engine: await loadEngine(process.env['NEO_ENGINE'] === 'portable' ? 'portable' : undefined),
    clock: systemClock,
    random: systemRandom,
  };
  const backend = new MemoryBackend(systemClock);
  await initRepository(surroundings, backend, {
    credential,
    method: 'key',
    label: 'test',
    chunker: { min: 16_384, average: 65_536, max: 262_144 },
    packTarget: 1 << 20,
    compression: 1,
    blobSuite: 'aes-256-gcm',
  });
  return { backend, surroundings };
}

export async function openIndexed({
  backend,
  surroundings,
}: Awaited<ReturnType<typeof makeRepository>>): Promise<IndexedRepository> {
  return loadIndex(await openRepository(surroundings, backend, { credential }));
}

/** Takes a snapshot; the repository with its index loaded anew, and the snapshot. */
export async function snapshotOf(
  made: Awaited<ReturnType<typeof makeRepository>>,
  ...paths: readonly (string | Uint8Array)[]
): Promise<{ readonly repository: IndexedRepository; readonly snapshot: SnapshotBody }> {
  const sources = paths.map((path) => ({ path: Buffer.from(path), storedAs: Buffer.from(path), named: true }));
  await backup(
    await openIndexed(made),
    new MemoryState(),
    {
      sources,
      filter: () => undefined,
      oneFileSystem: false,
      host: 'host',
      user: 'user',
      tags: [],
      excludes: [],
      program: 'test',
      force: true,
      rules: { ignoreInode: false, ignoreCtime: false },
      skipIfUnchanged: false,
      dryRun: false,
      withAtime: false,
      workers: 0,
    },
    ignoreEvents,
  );
  const repository = await openIndexed(made);
  const { snapshots } = await listSnapshots(repository, requireFull(repository, 'list').epochs);
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined) throw new Error('no snapshot');
  return { repository, snapshot: snapshot.body };
}

/** What rsync would change to make `to` the same as `from`: nothing, if a restore was exact. */
export async function differences(from: string, to: string): Promise<string> {
  const flags = ['-aHAXn', '--checksum', '--itemize-changes', '--delete'];
  return (await promisify(execFile)('rsync', [...flags, `${from}/`, `${to}/`])).stdout;
}

/** The tree of test/decoder: every kind of node. */
export function makeEveryKind(folder: string): void {
  execFileSync('/usr/bin/python3', [new URL('../decoder/make_tree.py', import.meta.url).pathname, folder]);
}

/** Bytes that do not compress, the same each time. */
export function noise(seed: number, length: number): Buffer {
  let state = seed;
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
