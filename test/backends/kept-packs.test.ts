import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { keepPacks } from '../../src/backends/kept-packs.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { backendSuite, pattern } from '../support/backend-suite.ts';
import { SimClock } from '../support/sim-clock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'neo-kept-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What is read is counted, by path. */
class Counting extends MemoryBackend {
  readonly reads: string[] = [];

  override get(path: string): Promise<Uint8Array | undefined> {
    this.reads.push(path);
    return super.get(path);
  }

  override getRange(...args: Parameters<MemoryBackend['getRange']>): Promise<Uint8Array | undefined> {
    this.reads.push(args[0]);
    return super.getRange(...args);
  }
}

backendSuite('packs that are kept here as well', async () => {
  const kept = await mkdtemp(join(tmpdir(), 'neo-kept-'));
  const backend = await keepPacks(new MemoryBackend(new SimClock()), { folder: kept, most: 10_000_000 });
  return { backend, dispose: () => rm(kept, { recursive: true, force: true }) };
});

describe('packs that are kept here as well', () => {
  async function keeping(most = 1_000_000, at = folder): Promise<{ inner: Counting; backend: Backend }> {
    const inner = new Counting(new SimClock());
    return { inner, backend: await keepPacks(inner, { folder: at, most }) };
  }

  it('are not fetched again: whole, in part, and into shared memory', async () => {
    const { inner, backend } = await keeping();
    await Promise.all([0, 1, 2].map((seed) => backend.put(`packs/00/${seed}`, pattern(100_000, seed))));
    const shared = new Uint8Array(new SharedArrayBuffer(500));
    expect(await backend.get('packs/00/1')).toEqual(pattern(100_000, 1));
    expect(await backend.getRange('packs/00/2', { offset: 99_000, length: 1000 })).toEqual(
      pattern(100_000, 2).subarray(99_000),
    );
    expect(await backend.getInto?.('packs/00/0', 7, shared)).toBe(true);
    expect(new Uint8Array(shared)).toEqual(pattern(100_000, 0).subarray(7, 507));
    expect(inner.reads).toEqual([]);
  });

  it('are no others, and no more than there is room for', async () => {
    const { inner, backend } = await keeping(1500);
    await backend.put('index/a', pattern(10));
    await backend.put('packs/00/a', pattern(1000));
    await backend.put('packs/00/b', pattern(1000, 1));
    for (const path of ['index/a', 'packs/00/a', 'packs/00/b']) await backend.get(path);
    expect(inner.reads).toEqual(['index/a', 'packs/00/b']);
  });

  it('are none that storage did not take, or that were removed', async () => {
    const { inner, backend } = await keeping();
    await inner.put('packs/00/a', pattern(10, 1));
    await expect(backend.put('packs/00/a', pattern(10, 2))).rejects.toMatchObject({ code: 'integrity' });
    expect(await backend.get('packs/00/a')).toEqual(pattern(10, 1));
    await backend.put('packs/00/b', pattern(10));
    await backend.remove('packs/00/b');
    expect(await backend.get('packs/00/b')).toBeUndefined();
  });

  it('leave nothing in the folder, not even while they are in use', async () => {
    const { backend } = await keeping();
    await backend.put('packs/00/a', pattern(1000));
    expect(await readdir(folder)).toEqual([]);
    await backend.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('are fetched where the folder cannot be used', async () => {
    await writeFile(join(folder, 'file'), '');
    const { inner, backend } = await keeping(1_000_000, join(folder, 'file'));
    await backend.put('packs/00/a', pattern(1000));
    expect(await backend.get('packs/00/a')).toEqual(pattern(1000));
    expect(inner.reads).toEqual(['packs/00/a']);
  });
});
