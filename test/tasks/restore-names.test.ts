/** Names that the target's file system does not take. */
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NeoEvent } from '../../src/core/events.ts';
import { restore } from '../../src/tasks/restore.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { makeRepository, snapshotOf } from './restore-support.ts';

const NAMES = ['A', 'a', 'aux', 'x:y', 'end.', 'plain'];

test('are escaped or kept apart and told, nothing is lost, and the next restore knows them', async () => {
  const source = await tempFolder();
  const bad = Buffer.concat([Buffer.from(`${source}/b`), Buffer.of(0xff)]);
  for (const name of NAMES) fs.writeFileSync(join(source, name), `of ${name}`);
  fs.writeFileSync(bad, 'of bytes');
  fs.mkdirSync(join(source, 'Dir'));
  fs.mkdirSync(join(source, 'dir'));
  fs.writeFileSync(join(source, 'Dir/one'), '1');
  fs.writeFileSync(join(source, 'dir/two'), '2');
  fs.linkSync(join(source, 'x:y'), join(source, 'z:link'));
  const { repository, snapshot } = await snapshotOf(await makeRepository(), source);
  const to = join(await tempFolder(), 'out');
  const run = async (more = {}) => {
    const told: string[] = [];
    const hear = (event: NeoEvent): void => {
      if (event.type === 'warning' && event.code === 'renamed') told.push(event.message);
    };
    const destination = { type: 'directory' as const, path: to };
    const options = { snapshot, path: Buffer.from(source), destination, workers: 0, targetSystem: 'windows' as const };
    const summary = await restore(repository, { ...options, ...more }, hear);
    return { summary, told };
  };
  const first = await run();
  expect(first.summary).toMatchObject({ filesRestored: 10, errors: 0, renamed: 7 });
  expect(first.told).toHaveLength(7);
  const content = (name: string): string => fs.readFileSync(join(to, name), 'utf8');
  expect(fs.readdirSync(to).sort()).toEqual(
    ['A', 'Dir', 'a~2', 'aux_', 'b%FF', 'dir~2', 'end%2E', 'plain', 'x%3Ay', 'z%3Alink'].sort(),
  );
  expect(['A', 'a~2', 'aux_', 'x%3Ay', 'z%3Alink', 'end%2E', 'b%FF', 'Dir/one', 'dir~2/two'].map(content)).toEqual([
    'of A',
    'of a',
    'of aux',
    'of x:y',
    'of x:y',
    'of end.',
    'of bytes',
    '1',
    '2',
  ]);
  expect(fs.statSync(join(to, 'x%3Ay')).ino).toBe(fs.statSync(join(to, 'z%3Alink')).ino);
  const again = await run({ delete: true });
  expect(again.summary).toMatchObject({ filesRestored: 0, deleted: 0, errors: 0 });
  expect(content('a~2')).toBe('of a');
});
