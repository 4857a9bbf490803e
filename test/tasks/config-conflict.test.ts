/** Two valid configurations of one epoch: reading goes on, and nothing is written. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { encodeConfig } from '../../src/repo/config.ts';
import { check } from '../../src/tasks/check.ts';
import { prepareKey } from '../../src/tasks/keys.ts';
import { repairIndex } from '../../src/tasks/repair-index.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { backupOf } from '../support/backup.ts';
import { testEngine as engine, tempFolder, tempRepository } from '../support/temp-repository.ts';

it('is read, checked as a fault, and not written to', async () => {
  const made = await tempRepository();
  const folder = await tempFolder();
  writeFileSync(join(folder, 'a'), 'a');
  const before = await made.openIndexed();
  await backupOf(before, folder);
  const seed = before.keys.full?.epochs[0]?.signSeed ?? new Uint8Array();
  for (const compression of [1, 9]) {
    const next = encodeConfig(engine, { ...made.config, epoch: 1, previous: before.configName, compression }, seed);
    await made.backend.put(`config/1-${toHex(engine.blake3(next))}`, next);
  }
  const repository = await made.openIndexed();
  expect((await lookAtSnapshots(repository, new MemoryState(), ignoreEvents)).snapshots).toHaveLength(1);
  const { damages } = await check(repository, new MemoryState(), {});
  expect(damages.filter(({ object }) => object.startsWith('config/1-'))).toHaveLength(2);
  const objects = async (): Promise<string[]> => {
    const paths: string[] = [];
    for (const top of ['config', 'keys', 'packs', 'index', 'snapshots']) {
      for await (const { path } of made.backend.list(top)) paths.push(path);
    }
    return paths;
  };
  const there = await objects();
  const refused = expect.objectContaining({ code: 'integrity', message: expect.stringContaining('two valid') });
  await expect(backupOf(repository, folder)).rejects.toEqual(refused);
  await expect(repairIndex(repository, { dryRun: false })).rejects.toEqual(refused);
  await expect(prepareKey(repository, { label: 'x', role: 'write', expires: 0 }, { method: 'key' })).rejects.toEqual(
    refused,
  );
  expect(await objects()).toEqual(there);
});
