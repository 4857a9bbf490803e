/**
 * A hundred rounds of the old sync tool's own test (row N41): a random tree of at most 25 files, named a to i, 1 to 8
 * letters, 4 deep, up to 2 MiB; there and back; both ways compared; a file deleted at random; there and back again with
 * deletions. After each round everything in the repository is read and verified.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryState } from '../../src/repo/client-state.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import { check } from '../../src/tasks/check.ts';
import { restore } from '../../src/tasks/restore.ts';
import { backupOf } from '../support/backup.ts';
import { SimRandom } from '../support/sim-random.ts';
import { type TempRepository, tempRepository } from '../support/temp-repository.ts';

const base = await mkdtemp(join(tmpdir(), 'neo-rounds-'));
afterAll(() => rm(base, { recursive: true, force: true }));

const LETTERS = 'abcdefghi';
const MOST_BYTES = 2 << 20;

class Draw {
  readonly #random: SimRandom;

  constructor(seed: number) {
    this.#random = new SimRandom(seed);
  }

  below(limit: number): number {
    return Buffer.from(this.#random.bytes(4)).readUInt32LE() % limit;
  }

  name(): string {
    return Array.from({ length: 1 + this.below(8) }, () => LETTERS[this.below(LETTERS.length)]).join('');
  }

  /** Mostly short; some of 2 MiB, and some that cannot be compressed. */
  content(): Buffer {
    const length = this.below(2 ** (1 + this.below(21)));
    const bytes = Buffer.from(this.#random.bytes(Math.min(length, MOST_BYTES)));
    return this.below(2) === 0 ? bytes : Buffer.alloc(bytes.length, bytes.subarray(0, 97));
  }
}

async function makeTree(draw: Draw, folder: string): Promise<void> {
  await mkdir(folder);
  const folders = [folder];
  for (let files = draw.below(26); files > 0; files--) {
    let place = folders[draw.below(folders.length)] ?? folder;
    if (draw.below(3) === 0 && relative(folder, place).split('/').length < 4) {
      place = join(place, `${draw.name()}_`);
      await mkdir(place, { recursive: true });
      folders.push(place);
    }
    await writeFile(join(place, draw.name()), draw.content());
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Every entry with its mode and time, and the bytes of files. */
async function entriesIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mode, mtimeNs } = await lstat(path, { bigint: true });
    const hash = entry.isFile() ? createHash('sha256').update(await readFile(path)) : undefined;
    return [relative(folder, path), `${mode} ${mtimeNs} ${hash?.digest('hex')}`] as const;
  });
  return new Map(await Promise.all(found));
}

/** Nothing missing, nothing extra, nothing different, seen from either side. */
async function demandSame(a: string, b: string): Promise<void> {
  expect(await entriesIn(b)).toEqual(await entriesIn(a));
}

async function push(made: TempRepository, folder: string): Promise<string> {
  return (await backupOf(await made.openIndexed(), folder, { storedAs: '/t' })).snapshot ?? '';
}

async function pull(made: TempRepository, name: string, folder: string): Promise<void> {
  const repository = await made.openIndexed();
  const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
  const snapshot = snapshots.find((listed) => listed.name === name);
  if (snapshot === undefined) throw new Error('no snapshot');
  const summary = await restore(repository, {
    snapshot: snapshot.body,
    path: Buffer.from('/t'),
    destination: { type: 'directory', path: folder },
    delete: true,
    yes: true,
    workers: 0,
  });
  expect(summary).toMatchObject({ errors: 0, metadataProblems: 0 });
}

async function round(made: TempRepository, seed: number): Promise<void> {
  const draw = new Draw(seed);
  const [here, there] = [join(base, `here-${seed}`), join(base, `there-${seed}`)];
  await makeTree(draw, here);
  await pull(made, await push(made, here), there);
  await demandSame(here, there);
  const files = await filesIn(here);
  const victim = files[draw.below(Math.max(1, files.length))];
  if (victim !== undefined) await rm(victim);
  await pull(made, await push(made, here), there);
  await demandSame(here, there);
  const { damages } = await check(await made.openIndexed(), new MemoryState(), { readData: 'all' });
  expect(damages).toEqual([]);
  await Promise.all([here, there].map((folder) => rm(folder, { recursive: true })));
}

describe('a hundred rounds there and back', () => {
  // Five to a repository: what others left in it must not matter.
  it.each(Array.from({ length: 20 }, (_, n) => n * 5))('five rounds from %i on', async (first) => {
    const made = await tempRepository();
    for (let n = 0; n < 5; n++) await round(made, first + n);
  });
});
