/** What a restore must leave alone, and what it must notice, on disks that are not as the snapshot thinks. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NeoEvent } from '../../src/core/events.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { type RestoreOptions, restore } from '../../src/tasks/restore.ts';
import { libcOrThrow, Scratch } from '../fs/scratch.ts';
import { differences, makeRepository, noise, snapshotOf } from './restore-support.ts';

const isRoot = process.geteuid?.() === 0;
const OLD = new Date('2020-01-01T00:00:00Z');
const LEFTOVER = '.neo-restore-0123456789abcdef';

let scratch: Scratch;
let source: string;
let target: string;
let repository: IndexedRepository;
let snapshot: SnapshotBody;

beforeEach(() => {
  scratch = Scratch.inMemory();
  source = join(scratch.text, 'source');
  target = join(scratch.text, 'target');
  fs.mkdirSync(source);
});
afterEach(() => scratch[Symbol.dispose]());

function put(name: string, content: string | Buffer): void {
  const path = join(source, name);
  fs.mkdirSync(join(path, '..'), { recursive: true });
  fs.writeFileSync(path, content);
  fs.utimesSync(path, OLD, OLD);
}

async function take(): Promise<void> {
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
}

async function into(options: Partial<RestoreOptions> = {}, onEvent?: (event: NeoEvent) => void) {
  const events: NeoEvent[] = [];
  const base = { snapshot, path: Buffer.from(source), destination: { type: 'directory' as const, path: target } };
  const summary = await restore(repository, { ...base, workers: 0, ...options }, (event) => {
    onEvent?.(event);
    if (event.type !== 'progress') events.push(event);
  });
  return { summary, events };
}

const read = (name: string): string => fs.readFileSync(join(target, name), 'latin1');

describe('hard links beside files that stay', () => {
  beforeEach(async () => {
    put('a', 'saved');
    fs.linkSync(join(source, 'a'), join(source, 'b'));
    fs.linkSync(join(source, 'a'), join(source, 'c'));
    await take();
    fs.mkdirSync(target);
  });

  test.each(['never', 'if-newer'] as const)(
    '%s: a kept file of the user is not what the others become',
    async (how) => {
      fs.writeFileSync(join(target, 'a'), 'mine');
      await into({ overwrite: how });
      expect([read('a'), read('b'), read('c')]).toEqual(['mine', 'saved', 'saved']);
      expect(fs.statSync(join(target, 'b')).ino).toBe(fs.statSync(join(target, 'c')).ino);
    },
  );

  test('a kept file between two others', async () => {
    fs.writeFileSync(join(target, 'b'), 'mine');
    await into({ overwrite: 'never' });
    expect([read('a'), read('b'), read('c')]).toEqual(['saved', 'mine', 'saved']);
  });

  test('a kept directory', async () => {
    fs.mkdirSync(join(target, 'a'));
    const { summary } = await into({ overwrite: 'never' });
    expect(summary.errors).toBe(0);
    expect([read('b'), read('c')]).toEqual(['saved', 'saved']);
  });

  test('a kept file that is the saved one gets its links back', async () => {
    await into();
    fs.unlinkSync(join(target, 'c'));
    await into({ overwrite: 'never' });
    expect(await differences(source, target)).toBe('');
  });
});

describe.runIf(isRoot)('an existing file with a name outside of the target', () => {
  test('keeps its owner and its mode: the target gets a file of its own', async () => {
    put('file', 'text');
    fs.chownSync(join(source, 'file'), 1000, 1000);
    fs.chmodSync(join(source, 'file'), 0o666);
    await take();
    fs.mkdirSync(target);
    const outside = join(scratch.text, 'outside');
    fs.writeFileSync(outside, 'TEXT', { mode: 0o600 });
    fs.utimesSync(outside, OLD, OLD);
    fs.linkSync(outside, join(target, 'file'));
    await into();
    const { uid, mode } = fs.statSync(outside);
    expect([uid, mode & 0o777]).toEqual([0, 0o600]);
    expect(read('file')).toBe('text');
    expect(await differences(source, target)).toBe('');
  });
});

describe('--delete', () => {
  test.each(['never', 'if-newer'] as const)('--overwrite %s: a file where a directory was stays', async (how) => {
    put('there/file', 'saved');
    put('other', '');
    await take();
    fs.mkdirSync(target);
    fs.writeFileSync(join(target, 'there'), 'mine');
    fs.writeFileSync(join(target, 'other'), '');
    const { summary } = await into({ overwrite: how, delete: true });
    expect(read('there')).toBe('mine');
    expect(summary.errors).toBe(1);
  });

  test.runIf(isRoot)('what is mounted where the snapshot has an empty directory is not emptied', async (context) => {
    put('file', '');
    fs.mkdirSync(join(source, 'mount'));
    await take();
    await into();
    try {
      execFileSync('mount', ['-t', 'tmpfs', 'none', join(target, 'mount')], { stdio: 'ignore' });
    } catch {
      context.skip();
    }
    try {
      fs.writeFileSync(join(target, 'mount', 'precious'), 'x');
      await into({ delete: true });
      expect(fs.readdirSync(join(target, 'mount'))).toEqual(['precious']);
    } finally {
      execFileSync('umount', [join(target, 'mount')]);
    }
  });

  test('what the snapshot left out on purpose is not deleted', async () => {
    put('d/file', '');
    await take();
    await into();
    for (const name of ['d/a.o', 'd/B.TMP', 'd/extra']) fs.writeFileSync(join(target, name), '');
    const excludes = ['--exclude *.o', '--iexclude /**/*.tmp'];
    const { summary } = await into({ delete: true, snapshot: { ...snapshot, excludes } });
    expect(summary.deleted).toBe(1);
    expect(fs.readdirSync(join(target, 'd')).sort()).toEqual(['B.TMP', 'a.o', 'file']);
    const unknown = { ...snapshot, excludes: ['--gitignore'] };
    const asked = into({ delete: true, snapshot: unknown });
    await expect(asked).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('--gitignore') });
    expect((await into({ delete: true, yes: true, snapshot: unknown })).summary.deleted).toBe(2);
  });

  test('where there is an ignore file nothing is deleted unasked: what it names was never saved', async () => {
    put('.neoignore', '*.o');
    put('file', '');
    await take();
    await into();
    expect((await into({ delete: true })).summary.deleted).toBe(0);
    fs.writeFileSync(join(target, 'a.o'), '');
    await expect(into({ delete: true })).rejects.toMatchObject({ message: expect.stringContaining('.neoignore') });
    expect(fs.existsSync(join(target, 'a.o'))).toBe(true);
    expect((await into({ delete: true, yes: true })).summary.deleted).toBe(1);
  });

  test('links and directories swapped: the link is removed, what it leads to is not', async () => {
    put('d/file', 'saved');
    fs.symlinkSync('d', join(source, 'l'));
    await take();
    const outside = join(scratch.text, 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(join(outside, 'precious'), 'x');
    fs.mkdirSync(join(target, 'l'), { recursive: true });
    fs.writeFileSync(join(target, 'l', 'extra'), '');
    fs.symlinkSync(outside, join(target, 'd'));
    const without = await into();
    expect(without.summary.errors).toBeGreaterThan(0);
    expect(fs.readdirSync(outside)).toEqual(['precious']);
    await into({ delete: true });
    expect(fs.readdirSync(outside)).toEqual(['precious']);
    expect(await differences(source, target)).toBe('');
  });
});

describe('--verify', () => {
  test.each([
    ['a small file', 'small file'],
    ['one chunk', noise(3, 20_000)],
    ['many chunks', noise(4, 1_000_000)],
  ])('finds a byte that changed on the disk: %s', async (_what, content) => {
    put('file', content);
    await take();
    let spoilt = false;
    const spoil = (): void => {
      if (spoilt || !fs.existsSync(join(target, 'file'))) return;
      spoilt = true;
      const fd = fs.openSync(join(target, 'file'), 'r+');
      fs.writeSync(fd, 'X', content.length - 2);
      fs.closeSync(fd);
    };
    const { summary, events } = await into({ verify: true }, spoil);
    expect(spoilt).toBe(true);
    expect(summary.errors).toBe(1);
    expect(JSON.stringify(events)).toContain('reads otherwise');
  });

  test('finds bytes where a hole was, and a length that changed', async () => {
    put('holes', 'data');
    fs.truncateSync(join(source, 'holes'), 1 << 20);
    put('long', 'data');
    await take();
    const done = new Set<string>();
    const spoil = (): void => {
      for (const name of ['holes', 'long']) {
        if (done.has(name) || !fs.existsSync(join(target, name))) continue;
        done.add(name);
        const fd = fs.openSync(join(target, name), 'r+');
        fs.writeSync(fd, 'X', name === 'long' ? 4 : 500_000);
        fs.closeSync(fd);
      }
    };
    const { summary } = await into({ verify: true }, spoil);
    expect(done.size).toBe(2);
    expect(summary.errors).toBe(2);
  });
});

test('numbers at their ends: offsets beyond 4 GiB, times before 1970 to the ns, the largest owner', async () => {
  put('huge', '');
  fs.truncateSync(join(source, 'huge'), 5 * 2 ** 30);
  const fd = fs.openSync(join(source, 'huge'), 'r+');
  fs.writeSync(fd, 'the end', 5 * 2 ** 30 - 7);
  fs.closeSync(fd);
  const times = [
    -1n,
    -1_500_000_001n,
    -2_000_000_000_000_000_001n,
    1_700_000_000_123_456_789n,
    4_400_000_000_999_999_999n,
  ];
  for (const [index, time] of times.entries()) {
    put(`t${index}`, 'x');
    libcOrThrow().utimensat(-100, Buffer.from(join(source, `t${index}`)), time, time, 0);
  }
  if (isRoot) fs.chownSync(join(source, 't0'), 4_294_967_294, 4_294_967_294);
  await take();
  const { events } = await into({ verify: true });
  expect(events).toEqual([]);
  const timeOf = (at: string, index: number) => fs.statSync(join(at, `t${index}`), { bigint: true }).mtimeNs;
  for (const index of times.keys()) expect(timeOf(target, index)).toBe(timeOf(source, index));
  expect(timeOf(target, 3)).toBe(times[3]);
  if (isRoot) expect(fs.statSync(join(target, 't0')).uid).toBe(4_294_967_294);
  const huge = fs.statSync(join(target, 'huge'));
  expect(huge.size).toBe(5 * 2 ** 30);
  expect(huge.blocks * 512).toBeLessThan(1 << 20);
  const tail = Buffer.alloc(7);
  const again = fs.openSync(join(target, 'huge'), 'r');
  fs.readSync(again, tail, 0, 7, 5 * 2 ** 30 - 7);
  fs.closeSync(again);
  expect(tail.toString()).toBe('the end');
  const second = await into();
  expect(second.summary).toMatchObject({ filesRestored: 0, filesUnchanged: 6, bytesRead: 0 });
});

test('--include makes only what is needed for it', async () => {
  put('a/b/wanted.txt', 'x');
  put('a/c/other', 'x');
  put('d/other', 'x');
  fs.mkdirSync(join(source, 'e'));
  await take();
  await into({ include: ['*.txt'] });
  expect(fs.readdirSync(target, { recursive: true }).map(String).sort()).toEqual(['a', 'a/b', 'a/b/wanted.txt']);
});

test('--resume of a single file removes what was left of it', async () => {
  put('file', 'x');
  await take();
  fs.mkdirSync(target);
  fs.writeFileSync(join(target, LEFTOVER), 'half');
  await into({ path: Buffer.from(join(source, 'file')), resume: true });
  expect(fs.readdirSync(target)).toEqual(['file']);
});

test.each([false, true])('a target that is a file, or below one, is refused clearly (dry run: %s)', async (dryRun) => {
  put('file', 'x');
  await take();
  fs.writeFileSync(target, 'mine');
  for (const path of [target, join(target, 'below')]) {
    const failing = into({ destination: { type: 'directory', path }, dryRun });
    await expect(failing).rejects.toMatchObject({ code: expect.any(String), message: expect.stringContaining(target) });
    await expect(failing).rejects.toMatchObject({ message: expect.stringMatching(/is a file/) });
  }
  expect(fs.readFileSync(target, 'utf8')).toBe('mine');
});
