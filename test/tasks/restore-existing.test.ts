/** Restores over what is there already: policies, deletions, resuming, verifying. */
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NeoEvent } from '../../src/core/events.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { type RestoreAction, type RestoreOptions, restore } from '../../src/tasks/restore.ts';
import { Scratch } from '../fs/scratch.ts';
import { differences, makeRepository, noise, snapshotOf } from './restore-support.ts';

let scratch: Scratch;
let source: string;
let target: string;
let repository: IndexedRepository;
let snapshot: SnapshotBody;

const OLD = new Date('2020-01-01T00:00:00Z');
/** 40 chunks or so, no two alike. */
const large = noise(1, 2_000_000);

beforeEach(async () => {
  scratch = Scratch.inMemory();
  source = join(scratch.text, 'source');
  target = join(scratch.text, 'target');
  fs.mkdirSync(join(source, 'sub', 'empty'), { recursive: true });
  fs.writeFileSync(join(source, 'small'), 'small file');
  fs.writeFileSync(join(source, 'nothing'), '');
  fs.writeFileSync(join(source, 'large'), large);
  fs.writeFileSync(join(source, 'sub', 'other'), 'another file', { mode: 0o640 });
  fs.symlinkSync('small', join(source, 'link'));
  fs.linkSync(join(source, 'large'), join(source, 'sub', 'hard'));
  for (const name of ['small', 'nothing', 'large', 'sub/other']) fs.utimesSync(join(source, name), OLD, OLD);
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
});
afterEach(() => scratch[Symbol.dispose]());

async function into(options: Partial<RestoreOptions> = {}) {
  const events: NeoEvent[] = [];
  const actions: RestoreAction[] = [];
  const base = { snapshot, path: Buffer.from(source), destination: { type: 'directory' as const, path: target } };
  const all = { ...base, workers: 0, onAction: (action: RestoreAction) => actions.push(action), ...options };
  const summary = await restore(repository, all, (event) => event.type !== 'progress' && events.push(event));
  const steps = actions.map(
    ({ action, path }) =>
      `${action} ${Buffer.from(path)
        .toString()
        .slice(target.length + 1)}`,
  );
  return { summary, events, steps };
}

const read = (name: string): string => fs.readFileSync(join(target, name), 'latin1');

describe('a second restore over the first', () => {
  beforeEach(async () => void (await into()));

  test('reads nothing and changes nothing', async () => {
    const before = fs.statSync(join(target, 'small'), { bigint: true });
    const { summary } = await into();
    expect(summary).toMatchObject({ filesRestored: 0, filesUnchanged: 5, bytesRead: 0, bytesRestored: 0, errors: 0 });
    // Not even its ctime: the next snapshot finds it unchanged.
    expect(fs.statSync(join(target, 'small'), { bigint: true })).toEqual(before);
    expect(await differences(source, target)).toBe('');
  });

  test('with a few other bytes in a large file: only their chunks are read', async () => {
    const fd = fs.openSync(join(target, 'large'), 'r+');
    fs.writeSync(fd, 'changed', 1_000_000);
    fs.closeSync(fd);
    const { summary } = await into();
    expect(summary.bytesRead).toBeGreaterThan(0);
    expect(summary.bytesRead).toBeLessThan(600_000);
    expect(await differences(source, target)).toBe('');
  });

  test('of a file that was cut or has grown', async () => {
    fs.truncateSync(join(target, 'large'), 1_500_000);
    fs.appendFileSync(join(target, 'small'), ' that grew');
    const { summary } = await into({ workers: 2 });
    expect(summary.bytesRead).toBeLessThan(900_000);
    expect(await differences(source, target)).toBe('');
  });

  test('of a file with another mtime and the same bytes: nothing is read', async () => {
    fs.utimesSync(join(target, 'large'), 1, 1);
    fs.utimesSync(join(target, 'small'), 1, 1);
    const { summary } = await into();
    expect(summary).toMatchObject({ bytesRead: 0, filesUnchanged: 5 });
    expect(await differences(source, target)).toBe('');
  });

  test('of other owners, modes, attributes and links', async () => {
    fs.chmodSync(join(target, 'small'), 0o600);
    fs.chmodSync(join(target, 'sub'), 0o700);
    fs.unlinkSync(join(target, 'link'));
    fs.symlinkSync('elsewhere', join(target, 'link'));
    fs.unlinkSync(join(target, 'sub', 'hard'));
    fs.copyFileSync(join(target, 'large'), join(target, 'sub', 'hard'));
    await into();
    expect(await differences(source, target)).toBe('');
  });

  /** Same size, same mtime, other bytes. */
  const tamper = (): void => {
    fs.writeFileSync(join(target, 'small'), 'SMALL FILE');
    fs.utimesSync(join(target, 'small'), OLD, OLD);
  };

  test.each([
    [{}, 'SMALL FILE'],
    [{ overwrite: 'if-changed' as const }, 'SMALL FILE'],
    [{ overwrite: 'always' as const }, 'small file'],
    [{ verify: true }, 'small file'],
    [{ overwrite: 'never' as const, verify: true }, 'SMALL FILE'],
  ])('bytes that differ behind the same size and mtime: %j', async (options, expected) => {
    tamper();
    await into(options);
    expect(read('small')).toBe(expected);
  });

  test('--overwrite never leaves all that exists, and restores what is missing', async () => {
    fs.writeFileSync(join(target, 'small'), 'mine');
    fs.chmodSync(join(target, 'sub'), 0o700);
    fs.unlinkSync(join(target, 'nothing'));
    const { summary } = await into({ overwrite: 'never' });
    expect(summary).toMatchObject({ filesRestored: 1, filesSkipped: 4 });
    expect(read('small')).toBe('mine');
    expect(read('nothing')).toBe('');
    expect(fs.statSync(join(target, 'sub')).mode & 0o777).toBe(0o700);
  });

  test('--overwrite if-newer leaves newer files', async () => {
    fs.writeFileSync(join(target, 'small'), 'newer');
    fs.writeFileSync(join(target, 'sub', 'other'), 'older');
    fs.utimesSync(join(target, 'sub', 'other'), 1, 1);
    await into({ overwrite: 'if-newer' });
    expect(read('small')).toBe('newer');
    expect(read('sub/other')).toBe('another file');
  });

  test('a file is never changed where it lies: whoever has it open keeps the old bytes', async () => {
    fs.writeFileSync(join(target, 'small'), 'another text');
    const fd = fs.openSync(join(target, 'small'), 'r');
    await into();
    expect(fs.readFileSync(fd, 'utf8')).toBe('another text');
    expect(read('small')).toBe('small file');
    fs.closeSync(fd);
  });
});

describe('--delete', () => {
  beforeEach(async () => void (await into()));

  test('without it nothing is removed', async () => {
    fs.writeFileSync(join(target, 'extra'), '');
    await into();
    expect(fs.existsSync(join(target, 'extra'))).toBe(true);
  });

  test('makes the target the same, at every depth', async () => {
    fs.mkdirSync(join(target, 'sub', 'extra', 'deep'), { recursive: true });
    fs.writeFileSync(join(target, 'sub', 'extra', 'deep', 'file'), '');
    fs.writeFileSync(join(target, 'extra'), '');
    fs.symlinkSync(source, join(target, 'way-out'));
    const { summary } = await into({ delete: true });
    expect(summary.deleted).toBe(3);
    expect(await differences(source, target)).toBe('');
    expect(fs.readFileSync(join(source, 'small'), 'utf8')).toBe('small file');
  });

  test('a directory where a file was, and a file where a directory was', async () => {
    fs.unlinkSync(join(target, 'small'));
    fs.mkdirSync(join(target, 'small', 'x'), { recursive: true });
    fs.rmSync(join(target, 'sub'), { recursive: true });
    fs.writeFileSync(join(target, 'sub'), 'a file');
    expect((await into()).summary.errors).toBe(2);
    expect((await into({ delete: true })).summary.errors).toBe(0);
    expect(await differences(source, target)).toBe('');
  });

  test('what a filter leaves out is not deleted either', async () => {
    fs.writeFileSync(join(target, 'extra.tmp'), '');
    fs.writeFileSync(join(target, 'extra'), '');
    await into({ delete: true, exclude: ['*.tmp', 'small'] });
    expect(fs.readdirSync(target).sort()).toEqual(['extra.tmp', 'large', 'link', 'nothing', 'small', 'sub']);
  });

  test('in directories that are only on the way to an include nothing is deleted', async () => {
    fs.writeFileSync(join(target, 'extra'), '');
    fs.writeFileSync(join(target, 'sub', 'extra'), '');
    await into({ delete: true, include: ['sub/other'] });
    expect(fs.existsSync(join(target, 'extra'))).toBe(true);
    expect(fs.existsSync(join(target, 'sub', 'extra'))).toBe(true);
  });

  test('many deletions are refused before anything is changed, unless they are meant', async () => {
    fs.writeFileSync(join(target, 'small'), 'mine');
    fs.mkdirSync(join(target, 'many', 'below'), { recursive: true });
    for (let i = 0; i < 100; i++) fs.writeFileSync(join(target, 'many', 'below', String(i)), '');
    await expect(into({ delete: true })).rejects.toMatchObject({
      code: 'failed',
      hint: expect.stringContaining('--yes'),
    });
    expect(read('small')).toBe('mine');
    expect(fs.readdirSync(join(target, 'many', 'below'))).toHaveLength(100);
    expect((await into({ delete: true, yes: true })).summary.deleted).toBe(1);
    expect(await differences(source, target)).toBe('');
  });

  test('a target that has nothing of the snapshot is refused', async () => {
    const foreign = join(scratch.text, 'foreign');
    fs.mkdirSync(foreign);
    fs.writeFileSync(join(foreign, 'precious'), '');
    const destination = { type: 'directory' as const, path: foreign };
    await expect(into({ delete: true, destination })).rejects.toMatchObject({ code: 'failed' });
    expect(fs.readdirSync(foreign)).toEqual(['precious']);
  });

  test('of a whole snapshot: only at and below what it is of', async () => {
    const destination = { type: 'directory' as const, path: join(scratch.text, 'whole') };
    const all = { snapshot, destination, workers: 0 };
    await restore(repository, all);
    const restored = join(scratch.text, 'whole', source);
    fs.writeFileSync(join(restored, 'extra'), '');
    fs.writeFileSync(join(restored, '..', 'beside'), '');
    fs.writeFileSync(join(scratch.text, 'whole', 'top'), '');
    expect((await restore(repository, { ...all, delete: true })).deleted).toBe(1);
    expect(fs.existsSync(join(restored, '..', 'beside'))).toBe(true);
    expect(fs.existsSync(join(scratch.text, 'whole', 'top'))).toBe(true);
    expect(await differences(source, restored)).toBe('');
  });
});

describe('--dry-run', () => {
  test('of a target that is not there: nothing is made', async () => {
    const { steps, summary } = await into({ dryRun: true });
    expect(steps.sort()).toEqual(
      ['large', 'link', 'nothing', 'small', 'sub', 'sub/empty', 'sub/hard', 'sub/other'].map(
        (name) => `create ${name}`,
      ),
    );
    expect(summary.filesRestored).toBe(5);
    expect(fs.existsSync(target)).toBe(false);
  });

  test('over an existing copy: says what differs, and leaves it', async () => {
    await into();
    fs.writeFileSync(join(target, 'small'), 'mine');
    fs.writeFileSync(join(target, 'extra'), '');
    fs.unlinkSync(join(target, 'link'));
    fs.chmodSync(join(target, 'sub'), 0o500);
    const before = fs.statSync(target, { bigint: true }).ctimeNs;
    const { steps, summary } = await into({ dryRun: true, delete: true });
    expect(steps.filter((step) => !step.startsWith('unchanged')).sort()).toEqual([
      'create link',
      'delete extra',
      'update small',
    ]);
    expect(summary).toMatchObject({ deleted: 1, filesRestored: 1, bytesRead: 0 });
    expect(fs.statSync(target, { bigint: true }).ctimeNs).toBe(before);
    expect(read('small')).toBe('mine');
    expect(fs.statSync(join(target, 'sub')).mode & 0o777).toBe(0o500);
  });
});

describe('interruption', () => {
  test('leaves nothing half done, and the next run goes on', async () => {
    const abort = new AbortController();
    const options = {
      snapshot,
      path: Buffer.from(source),
      destination: { type: 'directory' as const, path: target },
      workers: 0,
    };
    const stop = restore(repository, options, (event) => event.type === 'progress' && abort.abort(), abort.signal);
    await expect(stop).rejects.toMatchObject({ code: 'interrupted' });
    const left = fs.readdirSync(target, { recursive: true }).map(String);
    expect(left.filter((name) => name.includes('.neo-restore-'))).toEqual([]);
    expect((await into({ resume: true })).summary.errors).toBe(0);
    expect(await differences(source, target)).toBe('');
  });

  test('--resume removes what a killed restore left behind, and nothing else', async () => {
    await into();
    fs.writeFileSync(join(target, 'sub', '.neo-restore-0123456789abcdef'), 'half');
    fs.writeFileSync(join(target, 'sub', '.neo-restore-mine'), 'mine');
    await into();
    expect(fs.existsSync(join(target, 'sub', '.neo-restore-0123456789abcdef'))).toBe(true);
    await into({ resume: true });
    expect(fs.readdirSync(join(target, 'sub')).filter((name) => name.startsWith('.neo'))).toEqual([
      '.neo-restore-mine',
    ]);
  });
});

test('--verify reads everything again', async () => {
  const { summary, events } = await into({ verify: true, workers: 1 });
  expect(events).toEqual([]);
  expect(summary).toMatchObject({ errors: 0, filesRestored: 5 });
  expect(await differences(source, target)).toBe('');
});

test('--sparse leaves zeros out; without it they are written', async () => {
  const zeros = Buffer.concat([Buffer.from('begin'), Buffer.alloc(3_000_001), Buffer.from('end')]);
  fs.writeFileSync(join(source, 'zeros'), zeros);
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
  await into();
  expect(fs.statSync(join(target, 'zeros')).blocks * 512).toBeGreaterThan(2_900_000);
  fs.rmSync(target, { recursive: true });
  await into({ sparse: true, workers: 1 });
  expect(fs.statSync(join(target, 'zeros')).blocks * 512).toBeLessThan(20_000);
  expect(await differences(source, target)).toBe('');
});

test('holes are restored over a file that had bytes there', async () => {
  fs.writeFileSync(join(source, 'holes'), 'data');
  fs.truncateSync(join(source, 'holes'), 1 << 20);
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
  await into();
  fs.writeFileSync(join(target, 'holes'), Buffer.concat([Buffer.from('data'), Buffer.alloc((1 << 20) - 4, 'y')]));
  await into();
  expect(fs.statSync(join(target, 'holes')).blocks * 512).toBeLessThan(10_000);
  expect(await differences(source, target)).toBe('');
});

test('a directory in whose place a file will be counts among the deletions', async () => {
  await into();
  fs.unlinkSync(join(target, 'small'));
  fs.mkdirSync(join(target, 'small'));
  for (let i = 0; i < 101; i++) fs.writeFileSync(join(target, 'small', String(i)), '');
  await expect(into({ delete: true })).rejects.toMatchObject({ hint: expect.stringContaining('--yes') });
  expect(fs.readdirSync(join(target, 'small'))).toHaveLength(101);
});
