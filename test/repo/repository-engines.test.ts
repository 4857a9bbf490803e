/** Two engines, one repository: what one writes the other reads and extends, with and without threads. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { requireFull } from '../../src/repo/repository.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import type { LoadBlob } from '../../src/snapshot/tree.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { noise, prose } from '../engine/support.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SMALL, tempFolder, tempRepository } from '../support/temp-repository.ts';

const native = await createNativeEngine();
const portable = await createPortableEngine();

/** Files of a snapshot's tree and a digest of what they hold. */
async function contents(repository: IndexedRepository, name: string | undefined): Promise<string[]> {
  const { snapshots } = await listSnapshots(repository, requireFull(repository, 'list').epochs);
  const snapshot = snapshots.find((listed) => listed.name === name);
  if (snapshot === undefined) throw new Error('no such snapshot');
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const found: string[] = [];
  const walk = async (tree: typeof snapshot.body.tree, path: string): Promise<void> => {
    for await (const node of readTree(load, tree)) {
      const full = `${path}/${Buffer.from(node.name).toString()}`;
      if (node.tree !== undefined) await walk(node.tree, full);
      if (node.type !== 'file') continue;
      const hasher = repository.engine.blake3Hasher();
      for await (const { key, from, to } of contentPieces(load, node.content, node.size)) {
        hasher.update((await load('data', key)).subarray(from, to));
      }
      found.push(`${full} ${node.size} ${toHex(hasher.digest())}`);
    }
  };
  await walk(snapshot.body.tree, '');
  return found;
}

async function makeSource(): Promise<string> {
  const folder = await tempFolder();
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'text'), prose(300_000));
  await writeFile(join(folder, 'noise'), noise(200_000));
  await writeFile(join(folder, 'empty'), '');
  for (let n = 0; n < 20; n++) await writeFile(join(folder, 'sub', `small ${n}`), prose(500 + n, n + 1));
  return folder;
}

const suites = ['aes-256-gcm', 'chacha20-poly1305'] as const;
const cases: readonly (readonly [Engine, Engine, number, (typeof suites)[number]])[] = [
  [native, portable, 0, suites[0]],
  [native, portable, 0, suites[1]],
  [portable, native, 0, suites[0]],
  [portable, native, 0, suites[1]],
  [native, portable, 2, suites[0]],
];

describe.each(cases.map((given) => [given[0].name, given[1].name, given[2], given[3], given] as const))(
  'written by %s, read by %s, %i workers, %s',
  (_, __, workers, blobSuite, [writer, reader]) => {
    it('is the same, is extended without storing anything twice, and is read back by the first', async () => {
      // Ahead of the files' times: those of the moment itself are read again, as they may have changed since.
      const clock = new SimClock(Date.now() + 60_000);
      const made = await tempRepository({ engine: writer, clock, init: { ...SMALL, blobSuite } });
      const source = await makeSource();
      const first = await backupOf(await made.openIndexed(writer), source, { storedAs: '/s', workers });
      const listed = await contents(await made.openIndexed(reader), first.snapshot);
      expect(listed).toHaveLength(23);
      expect(await contents(await made.openIndexed(writer), first.snapshot)).toEqual(listed);
      expect(listed.find((line) => line.startsWith('/s/text '))).toBe(
        `/s/text 300000 ${toHex(native.blake3(prose(300_000)))}`,
      );

      const unchanged = await backupOf(await made.openIndexed(reader), source, { storedAs: '/s' });
      expect([unchanged.filesUnmodified, unchanged.filesNew, unchanged.bytesAdded]).toEqual([23, 0, 0]);
      const forced = await backupOf(await made.openIndexed(reader), source, { storedAs: '/s', force: true });
      expect(forced.bytesAdded).toBe(0);

      await writeFile(join(source, 'more'), noise(100_000, 9));
      const third = await backupOf(await made.openIndexed(reader), source, { storedAs: '/s' });
      expect([third.filesNew, third.filesUnmodified]).toEqual([1, 23]);
      expect(await contents(await made.openIndexed(writer), third.snapshot)).toHaveLength(24);
    });
  },
);

describe('what one engine cannot do', () => {
  it('levels above the portable one’s are capped, and the rest reads everything', async () => {
    const source = await makeSource();
    for (const [writer, reader] of [
      [native, portable],
      [portable, native],
    ] as const) {
      const made = await tempRepository({ engine: writer, init: { ...SMALL, compression: 22 } });
      const { snapshot } = await backupOf(await made.openIndexed(writer), source, { storedAs: '/s' });
      expect(await contents(await made.openIndexed(reader), snapshot)).toHaveLength(23);
    }
  });

  it('chunks above 4 MiB go raw, and are read by both', async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'zeros'), new Uint8Array(9 << 20).fill(1));
    for (const [writer, reader] of [
      [native, portable],
      [portable, native],
    ] as const) {
      const chunker = { min: 4 << 20, average: 4 << 20, max: 8 << 20 };
      const made = await tempRepository({
        engine: writer,
        init: { ...SMALL, chunker: { ...chunker, min: 2 << 20 }, packTarget: 16 << 20 },
      });
      const { snapshot, bytesStored } = await backupOf(await made.openIndexed(writer), folder, { storedAs: '/s' });
      expect(bytesStored).toBeGreaterThan(8 << 20);
      expect(await contents(await made.openIndexed(reader), snapshot)).toEqual([
        `/s/zeros ${9 << 20} ${toHex(native.blake3(new Uint8Array(9 << 20).fill(1)))}`,
      ]);
    }
  });
});
