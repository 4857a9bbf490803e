import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/engine/load.ts';
import { Cli, lines } from './cli.ts';

function packs(cli: Cli): string[] {
  const folder = join(cli.repo, 'packs');
  return readdirSync(folder).flatMap((top) => readdirSync(join(folder, top)).map((name) => join(folder, top, name)));
}

it('check names what is damaged and what it touches; repair index brings a lost index back', async () => {
  using cli = await Cli.make();
  mkdirSync(cli.path('work'));
  writeFileSync(cli.path('work', 'a'), Buffer.alloc(20_000, 'text'));
  await cli.summary(['snapshot', cli.path('work')]);
  expect(await cli.summary(['check', '--read-data'])).toMatchObject({ damages: 0, snapshots: 1, packsRead: 2 });
  expect(await cli.summary(['check', '--read-data-subset', '1/1'])).toMatchObject({ packsRead: 2 });
  expect((await cli.run(['check', '--read-data-subset', '9/7'])).code).toBe(2);

  rmSync(join(cli.repo, 'index'), { recursive: true });
  const lost = await cli.run(['check', '--json']);
  expect(lost.code).toBe(15);
  expect(lines(lost).filter(({ type }) => type !== 'progress')).toMatchObject([
    { type: 'damage', object: 'index', paths: ['/'] },
    { type: 'summary', damages: 1 },
    { type: 'error', code: 'integrity' },
  ]);
  const dry = await cli.run(['repair', 'index', '--dry-run', '--json']);
  expect(lines(dry).at(-1)).toMatchObject({ type: 'summary', packsRewritten: 2, segmentsWritten: 0 });
  expect((await cli.run(['repair', 'index'])).stdout).toContain('2 were described anew');
  expect(await cli.summary(['check'])).toMatchObject({ damages: 0 });

  for (const path of packs(cli)) {
    const bytes = readFileSync(path);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    rmSync(path);
    writeFileSync(path, bytes);
  }
  const damaged = await cli.run(['check', '--read-data']);
  expect(damaged.code).toBe(15);
  expect(damaged.stdout).toContain('bytes do not give its name');
  expect(damaged.stderr).toContain('2 objects are damaged');
});

it('check needs a newer neo for what a later version wrote, and calls nothing damaged', async () => {
  using cli = await Cli.make();
  mkdirSync(cli.path('work'));
  await cli.summary(['snapshot', cli.path('work')]);
  const folder = join(cli.repo, 'index');
  const [segment = ''] = readdirSync(folder);
  const bytes = readFileSync(join(folder, segment));
  bytes[4] = 2;
  const name = Buffer.from((await loadEngine()).blake3(bytes)).toString('hex');
  writeFileSync(join(folder, name), bytes);
  const run = await cli.run(['check', '--json']);
  expect(run.code).toBe(1);
  expect(lines(run).filter(({ type }) => type !== 'progress')).toMatchObject([
    { type: 'damage', object: `index/${name}`, newer: true },
    { type: 'summary', damages: 0, newer: 1 },
    { type: 'error', code: 'needs-newer-neo' },
  ]);
});

it('repair index explains itself', async () => {
  using cli = await Cli.make();
  const { code, stdout } = await cli.run(['repair', 'index', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('neo repair index --dry-run');
});
