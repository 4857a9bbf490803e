/** One process that takes several snapshots through one opened repository: nothing may rest on what never was stored. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { NeoError } from '../../src/core/errors.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { check } from '../../src/tasks/check.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';
import { noise } from './backup-support.ts';

/** Refuses to store objects of the folders named, after the first so many. */
class Refusing extends MemoryBackend {
  refuses: readonly string[] = [];
  first = 0;

  override async put(...args: Parameters<Backend['put']>): ReturnType<Backend['put']> {
    const refused = this.refuses.some((folder) => args[0].startsWith(folder));
    if (refused && this.first-- <= 0) throw new NeoError('unreachable', 'the line is down');
    return super.put(...args);
  }
}

async function world() {
  const backend = new Refusing(new SimClock());
  const made = await tempRepository({ backend });
  const folder = await tempFolder();
  for (let n = 0; n < 20; n++) writeFileSync(join(folder, `f${n}`), noise(200_000, n));
  return { backend, made, folder, repository: await made.openIndexed() };
}

async function damages({ made }: Awaited<ReturnType<typeof world>>) {
  return (await check(await made.openIndexed(), new MemoryState(), { readData: 'all' })).damages;
}

describe.each([0, 2])('with %i workers', (workers) => {
  it.each([
    ['any pack', ['packs'], 0],
    ['most packs', ['packs'], 1],
    ['most packs and all segments', ['packs', 'index'], 1],
    ['segments', ['index'], 0],
    ['snapshots', ['snapshots'], 0],
  ])('stores what a run had only claimed that could not store %s', async (_, refuses, first) => {
    const here = await world();
    Object.assign(here.backend, { refuses, first });
    await expect(backupOf(here.repository, here.folder, { workers })).rejects.toMatchObject({ code: 'unreachable' });
    here.backend.refuses = [];
    expect((await backupOf(here.repository, here.folder, { workers })).snapshot).toBeDefined();
    expect(await damages(here)).toEqual([]);
  });

  it('stores what a dry run only counted', async () => {
    const here = await world();
    await backupOf(here.repository, here.folder, { workers, dryRun: true });
    const { bytesStored } = await backupOf(here.repository, here.folder, { workers });
    expect(bytesStored).toBeGreaterThan(0);
    expect(await damages(here)).toEqual([]);
  });
});
