/** `neo restore` as typed. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();
const work = await user.folder('work');
const isRoot = process.geteuid?.() === 0;

const same = (to: string): string =>
  execFileSync('rsync', ['-aHAXn', '--checksum', '--itemize-changes', '--delete', `${work}/`, `${to}/`]).toString();
const restored = (): string[] => readdirSync(join(work, '..')).filter((name) => name.startsWith('work.restored-'));

beforeAll(async () => {
  await user.openWithKeyFile();
  mkdirSync(join(work, 'sub'));
  writeFileSync(join(work, 'report.txt'), 'first');
  writeFileSync(join(work, 'sub', 'data'), 'x'.repeat(100_000));
  expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
  writeFileSync(join(work, 'report.txt'), 'second');
  await utimes(join(work, 'report.txt'), 1_700_000_000, 1_700_000_000);
  expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
});

describe('neo restore', () => {
  it('without anything: beside the original, which stays as it is', async () => {
    const run = await user.neo(['restore']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const [name = ''] = restored();
    expect(run.stdout).toContain(`restored to ${join(work, '..', name)}`);
    expect(same(join(work, '..', name))).toBe('');
    rmSync(join(work, '..', name), { recursive: true });
  });

  it('--at takes words, and says what is there when nothing is that old', async () => {
    const now = await user.neo(['restore', '--at', 'today']);
    expect(now.code).toBe(0);
    expect(restored()).toHaveLength(1);
    for (const name of restored()) rmSync(join(work, '..', name), { recursive: true });
    const run = await user.neo(['restore', '--at', 'yesterday']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('no snapshot that old');
    expect(run.stderr).toContain('neo snapshots');
    expect(restored()).toEqual([]);
  });

  it('latest~1:PATH --to DIR --json: the older file, and a summary', async () => {
    const run = await user.neo(['restore', `latest~1:${work}/report.txt`, '--to', 'older', '--json']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const to = join(work, '..', 'older', 'report.txt');
    expect(run.objects().at(-1)).toMatchObject({
      v: 1,
      type: 'summary',
      snapshot: expect.stringMatching(/^[0-9a-f]{64}$/),
      filesRestored: 1,
      filesUnchanged: 0,
      filesSkipped: 0,
      bytesRestored: 5,
      deleted: 0,
      errors: 0,
      durationMs: expect.any(Number),
      target: to,
    });
    expect(readFileSync(to, 'utf8')).toBe('first');
  });

  it('--in-place with --dry-run says what it would do; without, it does', async () => {
    writeFileSync(join(work, 'report.txt'), 'spoilt');
    const plan = await user.neo(['restore', '--in-place', '--dry-run', '--json']);
    expect(plan.of('step')).toEqual([
      { v: 1, type: 'step', action: 'update', kind: 'file', path: `${work}/report.txt`, size: 6 },
    ]);
    expect(readFileSync(join(work, 'report.txt'), 'utf8')).toBe('spoilt');
    expect((await user.neo(['restore', '--in-place', '-q'])).code).toBe(0);
    expect(readFileSync(join(work, 'report.txt'), 'utf8')).toBe('second');
  });

  it.each([
    [['restore', 'nonsense'], 2, 'not a snapshot'],
    [['restore', 'ffffffff'], 1, 'there is no snapshot'],
    [['restore', `latest:${work}/nowhere`, '--to', 'x'], 1, 'is not in this snapshot'],
    [['restore', '--to', 'x', '--in-place'], 2, ''],
    [['restore', '--overwrite', 'sometimes'], 2, ''],
    [['restore', '--at', 'banana'], 2, 'not a date'],
    [['restore', '--host', 'nobody', '--to', 'x'], 1, 'no snapshot with host nobody'],
  ])('%j: code %i', async (args, code, message) => {
    const run = await user.neo(args);
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(message);
    expect(existsSync(join(work, '..', 'x'))).toBe(false);
  });

  it.skipIf(!isRoot)('a device that nobody asked for: code 15, and all else restored', async () => {
    const dev = await user.folder('dev');
    writeFileSync(join(dev, 'file'), 'x');
    execFileSync('mknod', [join(dev, 'null'), 'c', '1', '3']);
    expect((await user.neo(['snapshot', 'dev'])).code).toBe(0);
    const run = await user.neo(['restore', `latest:${dev}`, '--to', 'dev-out']);
    expect(run.code).toBe(15);
    expect(run.stderr).toContain('--devices');
    expect(readdirSync(join(dev, '..', 'dev-out'))).toEqual(['file']);
    expect((await user.neo(['restore', `latest:${dev}`, '--to', 'dev-out', '--devices'])).code).toBe(0);
    expect(readdirSync(join(dev, '..', 'dev-out'))).toEqual(['file', 'null']);
  });

  it('what could not be restored: named, code 3', async () => {
    mkdirSync(join(work, '..', 'partly', 'report.txt'), { recursive: true });
    const run = await user.neo(['restore', 'latest', '--path', work, '--to', 'partly-out', '--json']);
    expect(run.code).toBe(0);
    const { code, stderr } = await user.neo(['restore', `latest~1:${work}`, '--to', 'partly']);
    expect(code).toBe(3);
    expect(stderr).toContain('report.txt');
    expect(readFileSync(join(work, '..', 'partly', 'sub', 'data'), 'utf8')).toHaveLength(100_000);
  });
});
