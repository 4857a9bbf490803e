/** What every backend has to do. A new one calls `backendSuite` and needs no tests of its own for this. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Backend, ObjectInfo } from '../../src/backends/backend.ts';
import { agreesWithMap } from './backend-model.ts';
import { pattern } from './bytes-pattern.ts';

/** A fresh, empty storage for each test. */
export interface BackendFixture {
  readonly backend: Backend;
  /** A second client of the same storage, where there can be one. */
  readonly second?: () => Promise<Backend>;
  readonly dispose: () => Promise<void>;
}

/** What some storage cannot do; docs/backends.md says what follows from it. */
export interface Shortcomings {
  /** Of two that put different bytes under one name in one moment, the second may replace the first. */
  readonly overwrites?: boolean;
  /** Times are whole seconds, and not those that have begun but those that will. */
  readonly roundsUp?: boolean;
  /** A tenth of a second for each request: less is tried. */
  readonly isSlow?: boolean;
}

export async function listed(backend: Backend, folder = ''): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of backend.list(folder)) found.push(info);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function pathsIn(backend: Backend, folder = ''): Promise<string[]> {
  return (await listed(backend, folder)).map((info) => info.path);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export { pattern };

export function backendSuite(
  name: string,
  make: () => Promise<BackendFixture>,
  { overwrites = false, roundsUp = false, isSlow = false }: Shortcomings = {},
): void {
  describe(`backend contract: ${name}`, () => {
    const open: BackendFixture[] = [];
    const fresh = async (): Promise<BackendFixture> => {
      const fixture = await make();
      open.push(fixture);
      return fixture;
    };
    afterEach(async () => {
      for (const fixture of open.splice(0)) {
        await fixture.backend.close();
        await fixture.dispose();
      }
    });
    readingAndWriting(fresh, isSlow ? 40 : 300);
    times(fresh, roundsUp ? 1000 : 0);
    refusals(fresh);
    concurrency(fresh, overwrites);
    it('agrees with a Map over random operations', async () => {
      await agreesWithMap((await fresh()).backend, isSlow ? 5 : 25);
    });
  });
}

type Fresh = () => Promise<BackendFixture>;

function readingAndWriting(fresh: Fresh, many: number): void {
  it('answers undefined, empty and success for what is not there', async () => {
    const { backend } = await fresh();
    expect(await backend.get('packs/00/none')).toBeUndefined();
    expect(await backend.getRange('packs/00/none', { offset: 0, length: 1 })).toBeUndefined();
    expect(await backend.stat('packs/00/none')).toBeUndefined();
    expect(await pathsIn(backend)).toEqual([]);
    expect(await pathsIn(backend, 'packs')).toEqual([]);
    await backend.remove('packs/00/none');
  });

  it.each([0, 1, 65_536, 3_000_001])('returns the %i bytes it was given', async (length) => {
    const { backend } = await fresh();
    const bytes = pattern(length);
    await backend.put('packs/ab/object', bytes);
    const got = await backend.get('packs/ab/object');
    expect(got?.length).toBe(length);
    expect(got !== undefined && Buffer.compare(got, bytes)).toBe(0);
    expect((await backend.stat('packs/ab/object'))?.size).toBe(length);
  });

  it('keeps nothing of the buffers of its callers', async () => {
    const { backend } = await fresh();
    const bytes = bytesOf('before');
    await backend.put('a', bytes);
    bytes.fill(0);
    const got = await backend.get('a');
    expect(got).toEqual(bytesOf('before'));
    got?.fill(1);
    expect(await backend.get('a')).toEqual(bytesOf('before'));
  });

  it('reads ranges exactly, and refuses what goes beyond the end', async () => {
    const { backend } = await fresh();
    const bytes = pattern(1000);
    await backend.put('packs/00/x', bytes);
    for (const [offset, length] of [
      [0, 1000],
      [0, 1],
      [999, 1],
      [500, 0],
      [1000, 0],
      [123, 456],
    ] as const) {
      expect(await backend.getRange('packs/00/x', { offset, length })).toEqual(bytes.slice(offset, offset + length));
    }
    for (const [offset, length] of [
      [0, 1001],
      [1000, 1],
      [5000, 1],
    ] as const) {
      await expect(backend.getRange('packs/00/x', { offset, length })).rejects.toMatchObject({ code: 'integrity' });
    }
  });

  it('lists at any depth, and only below the folder', async () => {
    const { backend } = await fresh();
    const paths = ['config/0-aa', 'packs/00/a', 'packs/00/b', 'packs/ff/c', 'packs2/d', 'top'];
    for (const path of paths) await backend.put(path, bytesOf(path));
    expect(await pathsIn(backend)).toEqual([...paths].sort());
    expect(await pathsIn(backend, 'packs')).toEqual(['packs/00/a', 'packs/00/b', 'packs/ff/c']);
    expect(await pathsIn(backend, 'packs/00')).toEqual(['packs/00/a', 'packs/00/b']);
    expect(await pathsIn(backend, 'pack')).toEqual([]);
    expect(await pathsIn(backend, 'top')).toEqual([]);
    expect((await listed(backend, 'packs/ff'))[0]).toMatchObject({ path: 'packs/ff/c', size: 10 });
  });

  it('lists many objects, where it can more than fit into one batch', async () => {
    const { backend } = await fresh();
    const paths = Array.from({ length: many }, (_, n) => `index/${String(n).padStart(4, '0')}`);
    await Promise.all(paths.map((path) => backend.put(path, bytesOf(path))));
    expect(await pathsIn(backend, 'index')).toEqual(paths);
  });

  it('can be left in the middle of a listing', async () => {
    const { backend } = await fresh();
    for (const path of ['a', 'b', 'c']) await backend.put(path, bytesOf(path));
    for await (const info of backend.list('')) {
      expect(['a', 'b', 'c']).toContain(info.path);
      break;
    }
    expect(await pathsIn(backend)).toHaveLength(3);
  });

  it('removes, also twice, and takes the same name again', async () => {
    const { backend } = await fresh();
    await backend.put('packs/00/a', bytesOf('one'));
    await backend.remove('packs/00/a');
    await backend.remove('packs/00/a');
    expect(await backend.get('packs/00/a')).toBeUndefined();
    expect(await pathsIn(backend)).toEqual([]);
    await backend.put('packs/00/a', bytesOf('two'));
    expect(await backend.get('packs/00/a')).toEqual(bytesOf('two'));
  });

  it('shows a second client at once what the first has put', async () => {
    const { backend, second } = await fresh();
    if (second === undefined) return;
    const other = await second();
    await backend.put('packs/00/a', bytesOf('one'));
    expect(await other.get('packs/00/a')).toEqual(bytesOf('one'));
    expect(await pathsIn(other)).toEqual(['packs/00/a']);
    await other.put('packs/00/b', bytesOf('two'));
    expect(await pathsIn(backend, 'packs')).toEqual(['packs/00/a', 'packs/00/b']);
    await other.close();
  });
}

/** `ahead`: by how many milliseconds times may be later than they are. */
function times(fresh: Fresh, ahead: number): void {
  it('gives objects times of its own clock', async () => {
    const { backend } = await fresh();
    const before = await backend.now();
    await backend.put('a', bytesOf('a'));
    const modified = (await backend.stat('a'))?.modified ?? 0;
    const after = await backend.now();
    // File systems may round down by up to two seconds (FAT); Linux stamps with the last tick.
    expect(modified).toBeGreaterThanOrEqual(before - 2000);
    expect(modified).toBeLessThanOrEqual(after + ahead);
    const inList = (await listed(backend))[0]?.modified ?? 0;
    expect(Math.abs(inList - modified)).toBeLessThanOrEqual(ahead);
  });
}

function refusals(fresh: Fresh): void {
  it('takes equal bytes again and refuses others', async () => {
    const { backend } = await fresh();
    await backend.put('config/0-aa', bytesOf('first'));
    await backend.put('config/0-aa', bytesOf('first'));
    for (const other of ['other', 'firs', 'first!', '']) {
      await expect(backend.put('config/0-aa', bytesOf(other))).rejects.toMatchObject({ code: 'integrity' });
    }
    expect(await backend.get('config/0-aa')).toEqual(bytesOf('first'));
    expect(await pathsIn(backend)).toEqual(['config/0-aa']);
  });

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '..',
    '../a',
    'a/../b',
    '.',
    'a/./b',
    'A',
    'a b',
    'a\\b',
    'a\0',
    'ä',
    'c:',
    'tmp',
    'tmp/a',
  ])('refuses the path %j everywhere', async (path) => {
    const { backend } = await fresh();
    const refused = { name: 'NeoError', code: 'failed' };
    await expect(backend.put(path, bytesOf('x'))).rejects.toMatchObject(refused);
    await expect(backend.get(path)).rejects.toMatchObject(refused);
    await expect(backend.getRange(path, { offset: 0, length: 0 })).rejects.toMatchObject(refused);
    await expect(backend.stat(path)).rejects.toMatchObject(refused);
    await expect(backend.remove(path)).rejects.toMatchObject(refused);
    if (path !== '') await expect(listed(backend, path)).rejects.toMatchObject(refused);
    expect(await pathsIn(backend)).toEqual([]);
  });

  it.each([
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
  ])('refuses the range %d+%d', async (offset, length) => {
    const { backend } = await fresh();
    await backend.put('a', pattern(10));
    await expect(backend.getRange('a', { offset, length })).rejects.toMatchObject({ code: 'failed' });
  });
}

function concurrency(fresh: Fresh, overwrites: boolean): void {
  it('stores one object once for 16 equal puts at a time', async () => {
    const { backend, second } = await fresh();
    const clients = [backend, (await second?.()) ?? backend];
    const bytes = pattern(100_000);
    await Promise.all(Array.from({ length: 16 }, (_, n) => clients[n % 2]?.put('packs/00/same', bytes)));
    expect(await listed(backend)).toMatchObject([{ path: 'packs/00/same', size: 100_000 }]);
    expect(await backend.get('packs/00/same')).toEqual(bytes);
  });

  it('lets one of 16 different puts of one name win, and no other where storage can tell', async () => {
    const { backend } = await fresh();
    const results = await Promise.allSettled(
      Array.from({ length: 16 }, (_, n) => backend.put('config/1-aa', pattern(5000, n))),
    );
    const winners = results.flatMap((result, n) => (result.status === 'fulfilled' ? [n] : []));
    if (!overwrites) expect(winners).toHaveLength(1);
    const stored = await backend.get('config/1-aa');
    expect(winners.map((n) => pattern(5000, n))).toContainEqual(stored);
    // Whoever comes later is refused.
    await expect(backend.put('config/1-aa', pattern(5000, 99))).rejects.toMatchObject({ code: 'integrity' });
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'integrity' });
    }
  });
}
