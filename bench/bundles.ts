/**
 * Bytes stored for one host, and for a second one that has 1 % other files, by threshold and target of bundles:
 * `node bench/bundles.ts FOLDER` (docs/decisions/0003-bundles.md).
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryBackend } from '../src/backends/memory.ts';
import { systemClock } from '../src/core/clock.ts';
import { ignoreEvents } from '../src/core/events.ts';
import { systemRandom } from '../src/core/random.ts';
import { loadEngine } from '../src/engine/load.ts';
import { MemoryState } from '../src/repo/client-state.ts';
import type { BundleParameters } from '../src/repo/config.ts';
import { loadIndex, readSegments } from '../src/repo/indexed.ts';
import { DEFAULT_CHUNKER, DEFAULT_PACK_TARGET, initRepository } from '../src/repo/init.ts';
import { openRepository } from '../src/repo/repository.ts';
import { backup } from '../src/tasks/backup.ts';

const surroundings = { engine: await loadEngine(), clock: systemClock, random: systemRandom };
const secret = systemRandom.bytes(32);

interface Figures {
  /** Plain bytes of new blobs. */
  readonly added: number;
  /** Bytes of sealed blobs, without the padding of packs. */
  readonly sealed: number;
}

/** What each host's snapshot stored. */
async function measure(folders: readonly string[], bundle: BundleParameters): Promise<Figures[]> {
  const backend = new MemoryBackend(systemClock);
  await initRepository(surroundings, backend, {
    credential: { type: 'secret', secret },
    method: 'key',
    label: 'bench',
    chunker: DEFAULT_CHUNKER,
    packTarget: DEFAULT_PACK_TARGET,
    compression: 3,
    blobSuite: 'aes-256-gcm',
  });
  const figures: Figures[] = [];
  let before = 0;
  for (const folder of folders) {
    const opened = await openRepository(surroundings, backend, { credential: { type: 'secret', secret } });
    const repository = await loadIndex({ ...opened, config: { ...opened.config, bundle } });
    const options = {
      sources: [{ path: Buffer.from(folder), storedAs: Buffer.from('/data'), named: true }],
      filter: () => undefined,
      oneFileSystem: false,
      host: folder,
      user: 'bench',
      tags: [],
      excludes: [],
      program: 'bench',
      force: true,
      rules: { ignoreInode: false, ignoreCtime: false },
      skipIfUnchanged: false,
      dryRun: false,
      withAtime: false,
      workers: 2,
    };
    const { bytesAdded } = await backup(repository, new MemoryState(), options, ignoreEvents);
    const { segments } = await readSegments(opened);
    const entries = segments.flatMap(({ segment }) => segment.packs.flatMap((pack) => pack.entries));
    const sealed = entries.reduce((sum, { length }) => sum + length, 0);
    figures.push({ added: bytesAdded, sealed: sealed - before });
    before = sealed;
  }
  return figures;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .sort();
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder?');
const work = mkdtempSync(join(tmpdir(), 'neo-bundles-'));
try {
  const [first, second] = [join(work, 'one'), join(work, 'two')];
  for (const copy of [first, second]) execFileSync('cp', ['-rpP', folder, copy]);
  // 1 %, spread evenly.
  for (const [i, path] of filesBelow(second).entries()) if (i % 100 === 50) appendFileSync(path, `changed ${i}\n`);
  process.stdout.write('threshold target limit | first host: MB added, sealed | second host\n');
  for (const threshold of [0, 8, 16, 32]) {
    for (const target of threshold === 0 ? [64] : [32, 64, 128]) {
      const bundle = { threshold: threshold << 10, target: target << 10, limit: target << 11 };
      const measured = await measure([first, second], bundle);
      const figures = measured.map(({ added, sealed }) =>
        [added, sealed].map((bytes) => (bytes / 1e6).toFixed(2)).join(', '),
      );
      process.stdout.write(`${threshold}K ${target}K ${2 * target}K | ${figures.join(' | ')}\n`);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
