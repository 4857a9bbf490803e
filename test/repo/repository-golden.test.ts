/** A repository that the first version wrote. Every later one opens, lists, reads, checks and extends it. */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocal } from '../../src/backends/local.ts';
import { displayBytes, toHex } from '../../src/core/bytes.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { type IndexedRepository, loadIndex } from '../../src/repo/indexed.ts';
import { openRepository, requireFull } from '../../src/repo/repository.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, testCredential } from '../support/temp-repository.ts';

const GOLDEN = fileURLToPath(new URL('../fixtures/golden/', import.meta.url));

async function openGolden(engine: Engine, folder = join(GOLDEN, 'v1')): Promise<IndexedRepository> {
  const surroundings = { engine, clock: new SimClock(Date.UTC(2026, 5, 1)), random: systemRandom };
  const backend = await openLocal(folder);
  return loadIndex(await openRepository(surroundings, backend, { credential: testCredential }));
}

async function contentOf(reader: BlobReader, node: Node, engine: Engine): Promise<string> {
  const hasher = engine.blake3Hasher();
  for await (const { key, from, to } of contentPieces(
    (kind, part) => reader.load(kind, part),
    node.content,
    node.size,
  )) {
    hasher.update((await reader.load('data', key)).subarray(from, to));
  }
  return toHex(hasher.digest());
}

/** One line an entry: everything that the snapshot knows and that does not depend on the machine that made it. */
async function* lines(reader: BlobReader, tree: Uint8Array, path: string, engine: Engine): AsyncGenerator<string> {
  for await (const node of readTree((kind, key) => reader.load(kind, key), tree as Node['tree'] & Uint8Array)) {
    const full = `${path}/${displayBytes(node.name)}`;
    const times = path === '' ? '' : ` ${node.mtime}`;
    const target = node.target === undefined ? '' : ` -> ${displayBytes(node.target)}`;
    const content = node.type === 'file' ? ` ${node.size} ${await contentOf(reader, node, engine)}` : '';
    const mode = node.type === 'symlink' || path === '' ? '' : ` ${node.mode.toString(8)}`;
    yield `${node.type}${mode}${times} ${full}${target}${content}`;
    if (node.tree !== undefined) yield* lines(reader, node.tree, full, engine);
  }
}

async function listingOf(repository: IndexedRepository): Promise<string[]> {
  const { snapshots, faults } = await listSnapshots(repository, requireFull(repository, 'list').epochs);
  expect(faults).toEqual([]);
  const reader = new BlobReader(repository);
  const all: string[] = [];
  for (const { name, body } of snapshots) {
    all.push(`${name} ${new Date(body.time).toISOString()} ${body.paths.map(displayBytes)} ${body.tags.join(',')}`);
    for await (const line of lines(reader, body.tree, '', repository.engine)) all.push(line);
  }
  return all;
}

const engines = [await createNativeEngine(), await createPortableEngine()];

describe.each(engines.map((engine) => [engine.name, engine] as const))(
  'the repository of version 1 on %s',
  (_, engine) => {
    it('lists and reads as it did', async () => {
      const expected = await readFile(join(GOLDEN, 'v1.listing.txt'), 'utf8');
      expect(await listingOf(await openGolden(engine))).toEqual(expected.trimEnd().split('\n'));
    });

    it('takes another snapshot, and keeps the old ones', async () => {
      const folder = await tempFolder();
      await cp(join(GOLDEN, 'v1'), folder, { recursive: true });
      const before = await listingOf(await openGolden(engine, folder));
      const summary = await backupOf(await openGolden(engine, folder), join(GOLDEN, 'v1', 'config'), {
        storedAs: '/new',
      });
      expect(summary.kind).toBe('snapshot');
      const after = await listingOf(await openGolden(engine, folder));
      expect(after.slice(0, before.length)).toEqual(before);
      expect(after.length).toBeGreaterThan(before.length);
    });
  },
);
