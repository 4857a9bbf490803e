/** Little is done in the thread that is there already; nobody can tell from what is stored or restored. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KEPT } from '../../src/fs/ignore-filter.ts';
import { restore } from '../../src/tasks/restore.ts';
import { Scratch } from '../fs/scratch.ts';
import { sameBytes, TestRepository } from './backup-support.ts';
import { differences, makeRepository, snapshotOf } from './restore-support.ts';

const MIB = 1 << 20;
let scratch: Scratch;
let started = 0;

function count(_worker: Worker): void {
  started += 1;
}

beforeEach(() => {
  scratch = Scratch.inMemory();
  started = 0;
  process.on('worker', count);
});
afterEach(() => {
  process.off('worker', count);
  scratch[Symbol.dispose]();
});

/** 40 small files of which most lie in folders that end before the large ones begin. */
function fill(folder: string, large: number): void {
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  for (let i = 0; i < 40; i++) writeFileSync(join(folder, i % 2 === 0 ? 'a' : 'a/b', `${i}`), randomBytes(i * 50));
  for (let i = 0; i < large; i++) writeFileSync(join(folder, `large${i}`), randomBytes(2 * MIB));
}

test.each([
  ['none', 1, 4 * MIB, 0],
  ['for what is more than a part', 4, 4 * MIB, 2],
  ['at once', 1, 0, 2],
])('a snapshot starts other threads: %s', async (_when, large, threadsAfter, threads) => {
  const folder = join(scratch.text, 'work');
  fill(folder, large);
  const repository = await TestRepository.make();
  const first = await repository.snapshot([folder], { workers: 2, threadsAfter });
  expect([started, first.errors, first.filesNew]).toEqual([threads, 0, 40 + large]);
  const found = await repository.read();
  for (const name of ['a/2', 'a/b/39', 'large0', `large${large - 1}`]) {
    expect(sameBytes(found.get(join(folder, name)), join(folder, name))).toBe(true);
  }
  const again = await repository.snapshot([folder], { workers: 0, force: true });
  expect(again).toMatchObject({ bytesAdded: 0, bytesProcessed: first.bytesProcessed });
  expect(first.bytesAdded).toBeGreaterThan(large * 2 * MIB);
});

test.each([
  ['none', 1, 4 * MIB, 0],
  ['for what is more than a part', 4, 4 * MIB, 2],
  ['at once', 1, 0, 2],
])('a restore starts other threads: %s', async (_when, large, threadsAfter, threads) => {
  const folder = join(scratch.text, 'work');
  fill(folder, large);
  const { repository, snapshot } = await snapshotOf(await makeRepository(), folder);
  const out = join(scratch.text, 'out');
  const destination = { type: 'directory' as const, path: out };
  const path = Buffer.from(folder);
  const summary = await restore(repository, { snapshot, path, destination, workers: 2, threadsAfter });
  expect([started, summary.filesRestored]).toEqual([threads, 40 + large]);
  expect(await differences(folder, out)).toBe('');
});

test('a file that has grown since it was seen is read by a thread', async () => {
  const folder = join(scratch.text, 'work');
  mkdirSync(join(folder, 'z'), { recursive: true });
  writeFileSync(join(folder, 'small'), 'a few bytes');
  writeFileSync(join(folder, 'z', 'x'), 'x');
  let isGrown = false;
  const filter = () => ({
    enter: () => true,
    // The walk comes to x when it has seen the other one.
    decide(_scope: unknown, name: Uint8Array) {
      if (!isGrown && Buffer.from(name).toString() === 'x') {
        isGrown = true;
        writeFileSync(join(folder, 'small'), randomBytes(6 * MIB));
      }
      return KEPT;
    },
  });
  const repository = await TestRepository.make();
  await repository.snapshot([folder], { workers: 2, threadsAfter: 4 * MIB, filter });
  expect([isGrown, started]).toEqual([true, 2]);
  const found = await repository.read();
  for (const name of ['small', 'z/x']) expect(sameBytes(found.get(join(folder, name)), join(folder, name))).toBe(true);
});
