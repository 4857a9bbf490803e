/**
 * Wrote test/fixtures/golden/v1 once: `node test/support/write-golden.ts FOLDER SEED` (the seed
 * that puts all data into one pack). A later format gets a folder of its
 * own; this one is never written again, for every later neo must read what the first one wrote.
 */
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocal } from '../../src/backends/local.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { loadIndex } from '../../src/repo/indexed.ts';
import { initRepository } from '../../src/repo/init.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { backupOf } from './backup.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';

const [folder, seed] = process.argv.slice(2);
if (folder === undefined || seed === undefined) throw new Error('name the folder to write, and a seed');

const source = mkdtempSync(join(tmpdir(), 'neo-golden-'));
const when = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
mkdirSync(join(source, 'folder/empty'), { recursive: true });
writeFileSync(join(source, 'empty'), '');
writeFileSync(join(source, 'small'), 'a small file\n');
writeFileSync(join(source, 'folder/copy'), 'a small file\n');
writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.of(0x6e, 0xff)]), 'its name is not UTF-8\n');
writeFileSync(join(source, 'folder/chunks'), new SimRandom(1).bytes(40_000));
writeFileSync(join(source, 'script'), '#!/bin/sh\n');
chmodSync(join(source, 'script'), 0o755);
symlinkSync('folder/copy', join(source, 'link'));
for (const name of [
  'empty',
  'small',
  'folder/copy',
  'n\xff',
  'folder/chunks',
  'script',
  'folder/empty',
  'folder',
  '',
]) {
  if (name !== 'n\xff') utimesSync(join(source, name), when, when);
}
lutimesSync(join(source, 'link'), when, when);

const surroundings = { engine: await loadEngine('native'), clock: new SimClock(), random: new SimRandom(Number(seed)) };
const backend = await openLocal(folder, { create: true });
const credential = { type: 'secret' as const, secret: new Uint8Array(32).fill(7) };
await initRepository(surroundings, backend, {
  credential,
  method: 'key',
  label: 'golden',
  chunker: { min: 4096, average: 16_384, max: 65_536 },
  packTarget: 1 << 20,
  compression: 3,
  blobSuite: 'aes-256-gcm',
});
const open = async () => loadIndex(await openRepository(surroundings, backend, { credential }));
await backupOf(await open(), source, { storedAs: '/golden', tags: ['golden'] });
surroundings.clock.advance(3_600_000);
await backupOf(await open(), source, { storedAs: '/golden', tags: ['golden', 'again'] });
rmSync(source, { recursive: true });
