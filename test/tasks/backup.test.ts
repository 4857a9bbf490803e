import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { SelectionOptions } from '../../src/tasks/selection.ts';
import { Scratch } from '../fs/scratch.ts';
import { noise, sameBytes, TestRepository } from './backup-support.ts';

let scratch: Scratch;
let repository: TestRepository;
let home: string;

beforeEach(async () => {
  scratch = new Scratch();
  home = join(scratch.text, 'home');
  mkdirSync(home);
  repository = await TestRepository.make();
});

afterEach(() => scratch[Symbol.dispose]());

/** Small files in folders, some empty, some large. */
function fill(top: string): void {
  for (const folder of ['a', 'b', 'b/deep', 'empty']) mkdirSync(join(top, folder));
  for (let i = 0; i < 60; i += 1) writeFileSync(join(top, i % 2 === 0 ? 'a' : 'b/deep', `file${i}`), noise(i * 97, i));
  writeFileSync(join(top, 'large'), noise(1_000_000, 7));
  symlinkSync('../nowhere', join(top, 'link'));
}

const at = (...names: string[]): string => join(home, ...names);
const found = async (...names: string[]) => (await repository.read()).get(at(...names));

describe('a second run', () => {
  test('of an unchanged tree stores the snapshot object alone', async () => {
    fill(home);
    const first = await repository.snapshot([home]);
    expect(first).toMatchObject({ filesNew: 61, filesChanged: 0, filesUnmodified: 0, errors: 0, kind: 'snapshot' });
    const before = await repository.objects();
    const second = await repository.snapshot([home]);
    expect(second).toMatchObject({ filesNew: 0, filesChanged: 0, filesUnmodified: 61, bytesAdded: 0, errors: 0 });
    expect(second.bytesProcessed).toBe(first.bytesProcessed);
    const added = [...(await repository.objects())].filter(([path]) => !before.has(path));
    expect(added).toEqual([[`snapshots/${second.snapshot}`, second.bytesStored]]);
    expect(second.bytesStored).toBeLessThan(8192);
    const [a, b] = await repository.snapshots();
    expect(b?.body.tree).toEqual(a?.body.tree);
    expect(b?.body.parent).toBe(a?.name);
  });

  test('after a change of one file stores that file and the trees above it', async () => {
    fill(home);
    await repository.snapshot([home]);
    appendFileSync(at('b', 'deep', 'file3'), 'more');
    const second = await repository.snapshot([home]);
    expect(second).toMatchObject({ filesNew: 0, filesChanged: 1, filesUnmodified: 60 });
    expect(sameBytes(await found('b', 'deep', 'file3'), at('b', 'deep', 'file3'))).toBe(true);
    expect(second.bytesAdded).toBeLessThan(40_000);
  });

  test('stores no content again when only times changed', async () => {
    fill(home);
    await repository.snapshot([home]);
    const touched = [...Array(10).keys()].map((i) => `file${i * 6}`);
    for (const name of touched) utimesSync(at('a', name), 5, 5);
    utimesSync(at('large'), 5, 5);
    const before = (await repository.read()).get(at('a', 'file24'))?.content;
    const second = await repository.snapshot([home]);
    expect(second.filesChanged).toBe(11);
    expect((await found('a', 'file24'))?.content).toEqual(before);
    expect((await found('a', 'file24'))?.mtime).toBe(5_000_000_000n);
    // The trees of home and of a, and those above.
    expect(second.bytesAdded).toBeLessThan(30_000);
  });

  test('reads a file again that was changed in the tick in which it was read', async () => {
    // However long a busy machine takes: by this clock it is still the moment of the writing.
    writeFileSync(at('file'), 'one');
    const { mtimeMs } = statSync(at('file'));
    repository = await TestRepository.make(undefined, { ...systemClock, now: () => Math.ceil(mtimeMs) });
    await repository.snapshot([home]);
    const again = await repository.snapshot([home]);
    expect(again).toMatchObject({ filesChanged: 1, filesUnmodified: 0 });
  });

  test('with --force reads everything and adds nothing', async () => {
    fill(home);
    await repository.snapshot([home]);
    expect(await repository.snapshot([home], { force: true })).toMatchObject({ filesNew: 61, bytesAdded: 0 });
  });

  test('compares with the snapshot of the same paths and host, or with the one named', async () => {
    fill(home);
    const first = await repository.snapshot([home]);
    expect(await repository.snapshot([home], { host: 'other' })).toMatchObject({ filesNew: 61 });
    expect(await repository.snapshot([at('a')])).toMatchObject({ filesNew: 30 });
    const named = await repository.snapshot([at('a')], { host: 'third', parent: first.snapshot?.slice(0, 10) ?? '' });
    expect(named).toMatchObject({ filesUnmodified: 30, parent: first.snapshot });
    await expect(repository.snapshot([home], { parent: 'ffffffff' })).rejects.toMatchObject({ code: 'usage' });
  });

  test('sees another inode and another ctime, unless told to ignore them', async () => {
    writeFileSync(at('one'), 'same size');
    writeFileSync(at('two'), 'same size');
    utimesSync(at('one'), 5, 5);
    await repository.snapshot([home]);
    execFileSync('cp', ['-p', at('one'), at('copy')]);
    renameSync(at('copy'), at('one'));
    chmodSync(at('two'), 0o600);
    const strict = { ignoreInode: false, ignoreCtime: false };
    const counts = async (rules: typeof strict) =>
      (await repository.snapshot([home], { rules, dryRun: true })).filesChanged;
    expect(await counts(strict)).toBe(2);
    expect(await counts({ ...strict, ignoreCtime: true })).toBe(1);
    expect(await counts({ ...strict, ignoreInode: true })).toBe(2);
    expect(await counts({ ignoreInode: true, ignoreCtime: true })).toBe(0);
    await repository.snapshot([home], { rules: { ignoreInode: true, ignoreCtime: true } });
    expect((await found('two'))?.mode).toBe(0o600);
  });

  test('reads a file whose blob the repository has lost', async () => {
    fill(home);
    await repository.snapshot([home]);
    const memory = repository.backend;
    for (const [path] of await repository.objects('index')) await memory.remove(path);
    const second = await repository.snapshot([home]);
    expect(second.filesUnmodified).toBe(0);
    expect(sameBytes(await found('large'), at('large'))).toBe(true);
  });
});

describe('--skip-if-unchanged', () => {
  test('makes no snapshot, and one when something changed', async () => {
    fill(home);
    const options = { skipIfUnchanged: true };
    expect((await repository.snapshot([home], options)).snapshot).toBeDefined();
    const before = await repository.objects();
    expect((await repository.snapshot([home], options)).snapshot).toBeUndefined();
    expect(await repository.objects()).toEqual(before);
    chmodSync(at('large'), 0o640);
    expect((await repository.snapshot([home], options)).snapshot).toBeDefined();
  });

  test('completes a partial snapshot even if nothing is missing in it', async () => {
    fill(home);
    const stop = new AbortController();
    // The walk of the last source asks for its filter before it looks: all files of the first are in.
    const filter = ({ path }: { path: Uint8Array }) => {
      if (Buffer.from(path).toString() === at('b')) stop.abort();
      return undefined;
    };
    const sources = [at('a'), at('b')];
    expect((await repository.snapshot(sources, { filter, signal: stop.signal })).kind).toBe('partial');
    expect(await found('b')).toBeUndefined();
    for (const name of readdirSync(at('b'))) rmSync(at('b', name), { recursive: true });
    rmSync(at('b'), { recursive: true });
    const full = await repository.snapshot(sources, { skipIfUnchanged: true });
    expect(full.snapshot).toBeDefined();
  });
});

describe('--dry-run', () => {
  test('counts, and writes nothing', async () => {
    fill(home);
    const before = await repository.objects();
    const dry = await repository.snapshot([home], { dryRun: true });
    expect(dry.snapshot).toBeUndefined();
    expect(await repository.objects()).toEqual(before);
    const real = await repository.snapshot([home]);
    const { filesNew, bytesProcessed, bytesAdded } = dry;
    expect(real).toMatchObject({ filesNew, bytesProcessed, bytesAdded });
  });
});

describe('what is left out', () => {
  test('each option alone', async () => {
    for (const folder of ['cache', 'marked', 'sub']) mkdirSync(at(folder));
    const names = ['a.tmp', 'B.TMP', 'keep', 'cache/c', 'marked/m', 'sub/a.tmp'];
    for (const name of names) writeFileSync(at(name), name);
    writeFileSync(at('cache', 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55');
    writeFileSync(at('marked', '.nobackup'), '');
    writeFileSync(at('big'), Buffer.alloc(3000));
    writeFileSync(at('.gitignore'), 'keep\n');
    const left = async (select: Partial<SelectionOptions>): Promise<string[]> => {
      await repository.snapshot([home], { select });
      const paths = [...(await repository.read()).keys()].filter((path) => path.startsWith(`${home}/`));
      return paths.map((path) => path.slice(home.length + 1)).sort();
    };
    const all = await left({});
    expect(all).toHaveLength(13);
    const without = async (select: Partial<SelectionOptions>): Promise<string[]> => {
      const kept = new Set(await left(select));
      return all.filter((path) => !kept.has(path));
    };
    expect(await without({ exclude: ['*.tmp'] })).toEqual(['a.tmp', 'sub/a.tmp']);
    const cache = ['cache', 'cache/CACHEDIR.TAG', 'cache/c'];
    expect(await without({ exclude: [at('a.tmp'), 'cache'] })).toEqual(['a.tmp', ...cache]);
    expect(await without({ iexclude: ['*.tmp'] })).toEqual(['B.TMP', 'a.tmp', 'sub/a.tmp']);
    expect(await without({ excludeIfPresent: ['.nobackup'] })).toEqual(['marked/m']);
    expect(await without({ excludeCaches: true })).toEqual(['cache/c']);
    expect(await without({ excludeLargerThan: 2999 })).toEqual(['big']);
    expect(await without({ excludeLargerThan: 3000 })).toEqual([]);
    expect(await without({ gitignore: true })).toEqual(['keep']);
    expect(await left({ include: ['a.tmp'] })).toEqual(['a.tmp', 'sub', 'sub/a.tmp']);
    expect(await left({ include: ['*.TMP'], exclude: ['B*'] })).toEqual([]);
    const patterns = join(scratch.text, 'patterns');
    writeFileSync(patterns, '# no comment is a pattern\nkeep\n!keep\nbig\n');
    expect(await without({ excludeFiles: [patterns] })).toEqual(['big']);
    writeFileSync(at('.neoignore'), 'sub/\n');
    expect(await without({})).toEqual(['sub', 'sub/a.tmp']);
  });
});

describe('sources', () => {
  test('of which one lies within another, or is there twice, are saved once', async () => {
    fill(home);
    const made = await repository.snapshot([home, at('a'), `${home}/`, `${home}/b/../a/.`]);
    expect(made).toMatchObject({ filesNew: 61, errors: 0 });
    expect((await repository.snapshots())[0]?.body.paths).toEqual([new Uint8Array(Buffer.from(home))]);
  });

  test('that are missing are named, also within others', async () => {
    fill(home);
    const made = await repository.snapshot([home, at('missing'), join(scratch.text, 'gone')]);
    expect(made.warnings.map(({ path }) => path).sort()).toEqual([join(scratch.text, 'gone'), at('missing')].sort());
    expect(made.errors).toBe(2);
    await expect(repository.snapshot([at('missing')])).rejects.toMatchObject({ code: 'failed' });
  });

  test('in great number take no more time than their files', async () => {
    const names = [...Array(20_000).keys()].map((i) => Buffer.from(at(`no${i}`)));
    writeFileSync(at('file'), 'x');
    const start = performance.now();
    expect((await repository.snapshot([at('file'), ...names])).errors).toBe(20_000);
    // Comparing each with each takes minutes.
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test('may not stand at one place', async () => {
    mkdirSync(at('a'));
    const source = { storedAs: Buffer.from('/x'), named: true };
    const sources = [
      { ...source, path: Buffer.from(home) },
      { ...source, path: Buffer.from(at('a')) },
    ];
    await expect(repository.snapshot([], { sources })).rejects.toMatchObject({ code: 'usage' });
  });
});
