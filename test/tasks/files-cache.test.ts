/** What the files cache lets a run skip must be what it would find. */
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, toHex } from '../../src/core/bytes.ts';
import { contentKey } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { splitPath } from '../../src/fs/path.ts';
import { ROW_WORDS } from '../../src/fs/stat-row.ts';
import { decodeFilesCache, encodeFilesCache, type FilesCache } from '../../src/tasks/backup/files-cache.ts';
import { KnownBlocks, type KnownDirectory, readBlocks } from '../../src/tasks/backup/known-blocks.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { type Found, noise, TestRepository } from './backup-support.ts';

/** Files by number, in nine directories of three levels. */
function place(root: string, n: number): string {
  return join(root, `d${n % 3}`, ...(n % 2 === 0 ? [`e${n % 3}`] : []), ...(n % 5 === 0 ? ['deep'] : []), `f${n}`);
}

type Edit = readonly [kind: number, file: number, other: number];

const EDITS: ((root: string, file: string, other: string, n: number) => void)[] = [
  (_root, file, _other, n) => writeFileSync(file, noise(n * 7, n)),
  (_root, file) => rmSync(file, { force: true }),
  (_root, file) => chmodSync(file, 0o600),
  (_root, file, _other, n) => utimesSync(file, n, n),
  (_root, file, other) => renameSync(file, other),
  (root, _file, _other, n) => rmSync(join(root, `d${n % 3}`), { recursive: true, force: true }),
  (root, _file, _other, n) => mkdirSync(join(root, `d${n % 3}`, `sub${n}`), { recursive: true }),
  (root, file, _other, n) => symlinkSync(file, join(root, `d${n % 3}`, `l${n}`)),
  (root, file, _other, n) => linkSync(file, join(root, `d${n % 3}`, `h${n}`)),
  (root, _file, _other, n) => chmodSync(join(root, `d${n % 3}`), n % 2 === 0 ? 0o700 : 0o755),
  (root, _file, _other, n) => writeFileSync(join(root, `d${n % 3}`, '.neoignore'), `f${n}*\n`),
  (root, _file, _other, n) => writeFileSync(join(root, '.neoignore'), `f${n % 7}?\n!f${n}\ne1\n`),
  (root) => rmSync(join(root, '.neoignore'), { force: true }),
  (root, _file, _other, n) => writeFileSync(join(root, `d${n % 3}`, 'NOBACKUP'), ''),
];

function edit(root: string, [kind, file, other]: Edit): void {
  try {
    EDITS[kind]?.(root, place(root, file), place(root, other), file);
  } catch {
    // What an earlier edit took away cannot be edited.
  }
}

async function sampleFolder(): Promise<string> {
  const root = await tempFolder();
  for (let n = 0; n < 60; n++) {
    mkdirSync(join(place(root, n), '..'), { recursive: true });
    writeFileSync(place(root, n), noise(n % 50, n));
  }
  return root;
}

/** All but where the bytes lie: files that are read again may be bundled in another company. */
function facts(found: Map<string, Found>): [string, unknown][] {
  return [...found].map(([path, { content, tree, bytes, contentHash, ...rest }]) => [
    path,
    { ...rest, name: toHex(rest.name), hash: contentHash && toHex(contentHash), bytes: bytes?.toString('latin1') },
  ]);
}

const select = { excludeIfPresent: ['NOBACKUP'], exclude: ['*9'] };

describe('the files cache', () => {
  it('lets a run find after any edits what a run without it finds', async () => {
    const anyEdit = fc.tuple(fc.nat(EDITS.length - 1), fc.nat(60), fc.nat(60));
    const anyRounds = fc.array(fc.array(anyEdit, { maxLength: 3 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(anyRounds, async (rounds) => {
        const made = await TestRepository.make();
        const root = await sampleFolder();
        await made.snapshot([root], { select });
        for (const edits of rounds) {
          for (const one of edits) edit(root, one);
          const { snapshot, filesUnmodified, bytesProcessed, directories } = await made.snapshot([root], { select });
          const { rebundle } = (await made.snapshots()).find(({ name }) => name === snapshot)?.body ?? {};
          const again = await made.snapshot([root], { select, force: true });
          expect(facts(await made.read(snapshot))).toEqual(facts(await made.read(again.snapshot)));
          expect({ bytesProcessed, directories }).toEqual({
            bytesProcessed: again.bytesProcessed,
            directories: again.directories,
          });
          expect(filesUnmodified).toBeLessThanOrEqual(again.filesNew);
          expect(rebundle).toBeDefined();
        }
      }),
      {
        numRuns: 12,
        examples: [
          // A file gets a second name in another directory, whose first one is not walked then; and the other way round.
          [[[[8, 22, 0]], [[0, 43, 0]], []]],
          [[[[8, 1, 0]], [[0, 43, 0]], [[0, 5, 0]], []]],
        ],
      },
    );
  });

  it('leaves unread what did not change', async () => {
    const made = await TestRepository.make();
    const root = await sampleFolder();
    await made.snapshot([root]);
    const seen: string[] = [];
    const { backend } = made;
    const { get, getRange } = backend;
    backend.get = (path) => {
      seen.push(path);
      return get.call(backend, path);
    };
    backend.getRange = (path, range) => {
      seen.push(path);
      return getRange.call(backend, path, range);
    };
    const packsRead = (): number => seen.splice(0).filter((path) => path.startsWith('packs/')).length;
    const second = await made.snapshot([root]);
    expect(second).toMatchObject({ filesNew: 0, filesChanged: 0, filesUnmodified: 60 });
    // The directories above the source, and no more.
    const above = packsRead();
    expect(above).toBeLessThanOrEqual(splitPath(Buffer.from(root)).length);
    writeFileSync(place(root, 1), 'changed');
    const third = await made.snapshot([root]);
    expect(third).toMatchObject({ filesNew: 0, filesChanged: 1, filesUnmodified: 59 });
    // The source itself, and d1 with the file.
    expect(packsRead()).toBeLessThanOrEqual(above + 2);
  });

  it('is not believed when a pack is gone, when settings differ, or when the parent is another', async () => {
    const made = await TestRepository.make();
    const root = await sampleFolder();
    await made.snapshot([root]);
    const [pack] = [...(await made.objects('packs')).keys()];
    await made.snapshot([root], { select: { exclude: ['f1'] } });
    expect((await made.read()).has(place(root, 1))).toBe(false);
    await made.snapshot([root]);
    expect((await made.read()).has(place(root, 1))).toBe(true);
    await made.backend.remove(pack ?? '');
    const { filesUnmodified } = await made.snapshot([root]);
    expect(filesUnmodified).toBeLessThan(60);
    for (const [path, { bytes }] of await made.read()) if (path.endsWith('f7')) expect(bytes).toEqual(noise(7, 7));
  });

  it('comes back as it was written, and damaged not at all', async () => {
    const engine = await loadEngine('native');
    const secret = systemRandom.bytes(32);
    const key = (fill: number) => contentKey(new Uint8Array(32).fill(fill));
    const blocks = new KnownBlocks(engine);
    const known: KnownDirectory = {
      names: 'x\0y\0',
      marks: Uint8Array.of(0, 2),
      rows: Uint32Array.from({ length: 3 * ROW_WORDS }, (_, i) => i * 0x0101_0101),
      tree: key(3),
      tainted: true,
      files: 1,
      bytes: 2 ** 40,
      use: Uint32Array.of(0, 17, 99),
    };
    blocks.add('/a/\xff', known);
    const cache: FilesCache = {
      root: key(1),
      settings: '["a"]',
      owners: '{"users":[],"groups":[]}',
      packs: new Set(['0011223344556677']),
      bundles: [{ key: key(2), length: 131_072 }],
      blocks: concatBytes(...blocks.finish()),
    };
    const sealed = encodeFilesCache(engine, secret, systemRandom, cache);
    const back = decodeFilesCache(engine, secret, sealed);
    expect(back?.packs).toEqual(cache.packs);
    expect(back?.bundles.map(({ key: found, length }) => [toHex(found), length])).toEqual([[toHex(key(2)), 131_072]]);
    const directory = readBlocks(engine, back?.blocks ?? new Uint8Array()).get('/a/\xff');
    expect({ ...directory, tree: 0, marks: [...(directory?.marks ?? [])] }).toEqual({
      ...known,
      tree: 0,
      marks: [0, 2],
    });
    for (let at = 0; at < sealed.length; at += 37) {
      const damaged = Uint8Array.from(sealed);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(decodeFilesCache(engine, secret, damaged)).toBeUndefined();
    }
    expect(decodeFilesCache(engine, systemRandom.bytes(32), sealed)).toBeUndefined();
  });

  it('keeps directories of all sizes, each in one block', async () => {
    const engine = await loadEngine('native');
    const directory = (entries: number): KnownDirectory => ({
      names: Array.from({ length: entries }, (_, i) => `name ${i}\0`).join(''),
      marks: new Uint8Array(entries).fill(2),
      rows: Uint32Array.from({ length: (entries + 1) * ROW_WORDS }, (_, i) => Math.imul(i, 0x9e37_79b1)),
      tree: contentKey(new Uint8Array(32).fill(entries)),
      tainted: entries % 2 === 0,
      files: entries,
      bytes: entries * 2 ** 33,
      use: Uint32Array.from({ length: (entries % 5) * 3 }, (_, i) => i),
    });
    const sizes = fc.oneof(fc.nat(20), fc.nat(2000));
    // The last one does not fit into one frame.
    const examples: [number[]][] = [[[]], [[80_000, 0, 1]], [[15_000, 1, 15_000]]];
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 30 }), (list) => {
        const before = new Map(list.map((entries, i) => [`/${i}`, directory(entries)]));
        const blocks = new KnownBlocks(engine);
        for (const [path, known] of before) blocks.add(path, known);
        const after = readBlocks(engine, concatBytes(...blocks.finish()));
        expect([...after.keys()]).toEqual([...before.keys()]);
        for (const [path, known] of after) {
          const { rows, ...rest } = known;
          const { rows: wanted, ...others } = before.get(path) ?? known;
          expect(equalBytes(bytesOfWords(rows), bytesOfWords(wanted))).toBe(true);
          expect({ ...rest, marks: Uint8Array.from(rest.marks) }).toEqual(others);
        }
      }),
      { numRuns: 20, examples },
    );
  });
});

function bytesOfWords({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
