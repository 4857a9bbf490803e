/** Values that a script gives when its variable is not set. */
import { mkdirSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Cli } from './cli.ts';

it('are refused, and nothing is done', async () => {
  using cli = await Cli.make();
  mkdirSync(cli.path('here'));
  const cwd = cli.path('here');
  for (const args of [
    ['restore', '--to', ''],
    ['snapshot', ''],
    ['snapshot', '.', '--host', ''],
    ['snapshot', '.', '--tag', ''],
  ]) {
    const run = await cli.run(args, { cwd });
    expect([args, run.code, run.stderr]).toEqual([args, 2, expect.stringContaining('is empty')]);
  }
  expect(readdirSync(cwd)).toEqual([]);
});
