/** Restores of real trees, compared by rsync. */
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { type RestoreOptions, restore } from '../../src/tasks/restore.ts';
import { isRoot, Scratch } from '../fs/scratch.ts';
import { differences, makeEveryKind, makeRepository, snapshotOf } from './restore-support.ts';

describe.skipIf(!isRoot)('a tree with every kind of node', () => {
  const scratch = Scratch.inMemory();
  const source = join(scratch.text, 'source');
  let repository: IndexedRepository;
  let snapshot: SnapshotBody;
  let count = 0;

  beforeAll(async () => {
    makeEveryKind(source);
    ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
  });
  afterAll(() => scratch[Symbol.dispose]());

  const into = async (options: Partial<RestoreOptions>, to = join(scratch.text, `out-${count++}`)) => {
    const events: unknown[] = [];
    const destination = { type: 'directory' as const, path: to };
    const all = { snapshot, destination, devices: true, securityAttributes: true, workers: 0, ...options };
    const summary = await restore(repository, all, (event) => event.type !== 'progress' && events.push(event));
    return { to, summary, events };
  };

  test.each([0, 2])('with %i workers: rsync finds no difference', async (workers) => {
    const { to, summary, events } = await into({ path: Buffer.from(source), workers });
    expect(events).toEqual([]);
    expect(await differences(source, to)).toBe('');
    expect(summary).toMatchObject({ errors: 0, filesUnchanged: 0, metadataProblems: 0 });
    expect(fs.readdirSync(to).filter((name) => name.startsWith('.neo-'))).toEqual([]);
  });
});
