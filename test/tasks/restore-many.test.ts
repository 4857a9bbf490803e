/** Restores of many files: bounded descriptors, and every blob read once. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RUN_HANDLES } from '../../src/tasks/restore/window.ts';
import { restore } from '../../src/tasks/restore.ts';
import { Scratch } from '../fs/scratch.ts';
import { differences, makeRepository, noise, snapshotOf } from './restore-support.ts';

/** The most descriptors that this process had open whenever it was asked. */
class Watch {
  most = 0;
  readonly before = fs.readdirSync('/proc/self/fd').length;
  look(): void {
    this.most = Math.max(this.most, fs.readdirSync('/proc/self/fd').length - this.before);
  }
}

test('the same bytes in very many directories: descriptors stay bounded', async () => {
  using scratch = Scratch.inMemory();
  const source = join(scratch.text, 'source');
  for (let i = 0; i < 1500; i++) {
    fs.mkdirSync(join(source, String(i)), { recursive: true });
    fs.writeFileSync(join(source, String(i), 'same'), 'the same bytes everywhere');
  }
  const { repository, snapshot } = await snapshotOf(await makeRepository(), source);
  const watch = new Watch();
  const destination = { type: 'directory' as const, path: join(scratch.text, 'out') };
  const options = { snapshot, path: Buffer.from(source), destination, workers: 2 };
  const summary = await restore(repository, options, () => watch.look());
  expect(summary).toMatchObject({ filesRestored: 1500, errors: 0 });
  expect(await differences(source, destination.path)).toBe('');
  // Those of the target's own pool, and of four jobs under way.
  expect(watch.most).toBeGreaterThan(0);
  expect(watch.most).toBeLessThan(512 + 4 * RUN_HANDLES + 64);
  expect(fs.readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(watch.before + 1);
});

test('files larger than the window, and small ones of many bundles: each blob is read once', async () => {
  using scratch = Scratch.inMemory();
  const source = join(scratch.text, 'source');
  fs.mkdirSync(source);
  fs.writeFileSync(join(source, 'large'), noise(1, 8_000_000));
  fs.writeFileSync(join(source, 'large-again'), noise(1, 8_000_000));
  for (let i = 0; i < 1200; i++) fs.writeFileSync(join(source, `small-${i}`), noise(i + 2, 500 + i));
  const { repository, snapshot } = await snapshotOf(await makeRepository(), source);
  const destination = { type: 'directory' as const, path: join(scratch.text, 'out') };
  const summary = await restore(repository, { snapshot, path: Buffer.from(source), destination });
  expect(await differences(source, destination.path)).toBe('');
  const unique = Number(execFileSync('sh', ['-c', `cat ${source}/large ${source}/small-* | wc -c`]).toString());
  expect(summary.bytesRestored).toBeGreaterThan(unique + 8_000_000 - 1);
  // Sealing adds 34 bytes a blob; gaps, and blobs on the border of two windows, may be read beside.
  expect(summary.bytesRead).toBeGreaterThan(unique);
  expect(summary.bytesRead).toBeLessThan(unique * 1.05);
});
