/** Blobs out and in: verified, from another copy if one is bad, and never a neighbour's error. */
import { describe, expect, it } from 'vitest';
import { FaultBackend } from '../../src/backends/fault.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { toHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { contentKey } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { FinishedPack } from '../../src/repo/blob-entry.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { BlobWriter } from '../../src/repo/blob-writer.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { SessionWriter } from '../../src/repo/session-writer.ts';
import { noise, prose } from '../engine/support.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempRepository } from '../support/temp-repository.ts';

function writerOf(repository: IndexedRepository, onPack: (pack: FinishedPack) => void, openPacks = 2): BlobWriter {
  const session = new SessionWriter(repository, { uploads: 2, dryRun: true, onStored: () => undefined });
  return new BlobWriter({
    context: { ...repository, indexKey: repository.keys.index, session: session.session },
    content: repository.keys.content,
    index: repository.index,
    suite: repository.config.blobSuite,
    packTarget: repository.config.packTarget,
    openPacks,
    onPack,
  });
}

async function store(repository: IndexedRepository, pack: FinishedPack, trusted = true): Promise<string> {
  const path = `packs/${pack.name.slice(0, 2)}/${pack.name}`;
  await repository.backend.put(path, pack.bytes);
  const author = repository.client;
  const number = repository.packs.push({ name: pack.name, size: pack.bytes.length, trusted, author }) - 1;
  for (const { id, offset, length } of pack.entries) {
    repository.index.insert(id, { pack: number, offset, length, trusted });
  }
  return path;
}

async function failure(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'none';
  } catch (error) {
    return isNeoError(error) ? error.code : String(error);
  }
}

describe('a blob', () => {
  it.each(['data', 'tree', 'list'] as const)(
    'of kind %s comes back, compressed or not, and is stored once',
    async (kind) => {
      const repository = await (await tempRepository()).openIndexed();
      const packs: FinishedPack[] = [];
      const writer = writerOf(repository, (pack) => packs.push(pack));
      const plain = [new Uint8Array(), noise(50_000), prose(50_000), noise(5 << 20, 2)];
      const saved = plain.map((bytes) => writer.save(kind, bytes, 3));
      expect(plain.map((bytes) => writer.save(kind, bytes, 3).stored)).toEqual([0, 0, 0, 0]);
      expect((saved[2]?.stored ?? 0) * 2).toBeLessThan(50_000);
      writer.finish();
      for (const pack of packs) await store(repository, pack);
      const reader = new BlobReader(repository);
      for (const [n, { key }] of saved.entries()) {
        expect(toHex(repository.engine.blake3(await reader.load(kind, key)))).toBe(
          toHex(repository.engine.blake3(plain[n] ?? new Uint8Array(1))),
        );
      }
      const other = kind === 'tree' ? 'list' : 'tree';
      expect(await failure(() => reader.load(other, saved[1]?.key ?? contentKey(new Uint8Array(32))))).toBe(
        'integrity',
      );
    },
  );

  it('above 16 MiB is refused', async () => {
    const repository = await (await tempRepository()).openIndexed();
    const writer = writerOf(repository, () => undefined);
    expect(() => writer.save('data', new Uint8Array((16 << 20) + 1), 0)).toThrow('too large');
  });

  it('keeps data and trees in different packs, and merges the rests of writers into few', async () => {
    const repository = await (await tempRepository()).openIndexed();
    const packs: FinishedPack[] = [];
    const writers = [1, 2, 3].map(() => writerOf(repository, (pack) => packs.push(pack)));
    const saved = writers.flatMap((writer, n) => [
      writer.save('data', noise(3000, n + 1), 0),
      writer.save('tree', noise(3000, n + 10), 0),
      writer.save('list', noise(3000, n + 20), 0),
    ]);
    const last = writerOf(repository, (pack) => packs.push(pack), 1);
    for (const writer of writers) for (const rest of writer.takeRests()) last.merge(rest);
    last.finish();
    expect(packs.map(({ entries }) => [...new Set(entries.map(({ kind }) => kind === 'data'))])).toHaveLength(2);
    for (const { entries } of packs) expect(new Set(entries.map(({ kind }) => kind === 'data')).size).toBe(1);
    for (const pack of packs) await store(repository, pack);
    const reader = new BlobReader(repository);
    expect(saved.every(({ key }) => reader.has(key))).toBe(true);
  });
});

describe('copies', () => {
  it('are tried one after the other, and the last failure is told', async () => {
    const { backend, openIndexed } = await tempRepository();
    const repository = await openIndexed();
    const paths: string[] = [];
    const bytes = noise(3000);
    let key = contentKey(new Uint8Array(32));
    for (let copy = 0; copy < 3; copy++) {
      const packs: FinishedPack[] = [];
      const writer = writerOf({ ...repository, index: (await openIndexed()).index }, (pack) => packs.push(pack));
      key = writer.save('data', bytes, 0).key;
      writer.finish();
      for (const pack of packs) paths.push(await store(repository, pack, copy !== 0));
    }
    const reader = new BlobReader(repository);
    const harm: ((path: string) => void)[] = [
      (path) => backend.tamper(path, undefined),
      (path) => backend.tamper(path, noise(65_536)),
      (path) => backend.tamper(path, new Uint8Array(10)),
    ];
    for (const [n, path] of paths.entries()) {
      expect(toHex(await reader.load('data', key))).toBe(toHex(bytes));
      harm[n]?.(path);
    }
    expect(await failure(() => reader.load('data', key))).toBe('integrity');
    expect(await failure(() => reader.load('data', contentKey(new Uint8Array(32))))).toBe('integrity');
  });

  it('that cannot be reached are no damage', async () => {
    const clock = new SimClock();
    const rules = [{ fault: 'error-before' as const, under: 'packs/', kinds: ['get' as const, 'getRange' as const] }];
    const backend = new FaultBackend(new MemoryBackend(clock), { rules }, systemRandom);
    const repository = await (await tempRepository({ backend, clock })).openIndexed();
    const packs: FinishedPack[] = [];
    const writer = writerOf(repository, (pack) => packs.push(pack));
    const { key } = writer.save('tree', prose(100), 0);
    writer.finish();
    for (const pack of packs) await store(repository, pack);
    const reader = new BlobReader(repository);
    expect(await failure(() => reader.load('tree', key))).toBe('unreachable');
    expect(await failure(() => reader.load('tree', key))).toBe('unreachable');
  });
});
