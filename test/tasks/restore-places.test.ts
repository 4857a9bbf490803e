/** Where restores land: below a directory, in place, beside the original. And what of them: paths, filters, damage. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import type { NeoEvent } from '../../src/core/events.ts';
import { blobIdOf } from '../../src/engine/keys.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { type RestoreOptions, restore } from '../../src/tasks/restore.ts';
import { makeDeep, Scratch } from '../fs/scratch.ts';
import { differences, makeRepository, noise, snapshotOf } from './restore-support.ts';

let scratch: Scratch;
let work: string;
let repository: IndexedRepository;
let snapshot: SnapshotBody;

beforeEach(async () => {
  scratch = Scratch.inMemory();
  work = join(scratch.text, 'home', 'work');
  fs.mkdirSync(join(work, 'sub'), { recursive: true });
  fs.chmodSync(join(scratch.text, 'home'), 0o711);
  fs.writeFileSync(join(work, 'file.txt'), 'text');
  fs.writeFileSync(join(work, 'sub', 'data.bin'), Buffer.alloc(100_000, 'abc'));
  fs.writeFileSync(join(work, 'sub', 'more.txt'), 'more');
  fs.utimesSync(work, 1_000_000, 1_000_000);
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), work));
});
afterEach(() => scratch[Symbol.dispose]());

async function run(options: Partial<RestoreOptions> & Pick<RestoreOptions, 'destination'>, from = repository) {
  const events: NeoEvent[] = [];
  const all = { snapshot, workers: 0, ...options };
  const summary = await restore(from, all, (event) => event.type !== 'progress' && events.push(event));
  return { events, summary, target: Buffer.from(summary.targets[0] ?? []).toString() };
}

const to = (path: string) => ({ type: 'directory' as const, path });

describe('below a directory', () => {
  test('the whole snapshot keeps its paths, with the metadata of all directories', async () => {
    const out = join(scratch.text, 'out');
    await run({ destination: to(out) });
    expect(await differences(work, join(out, work))).toBe('');
    expect(fs.statSync(join(out, scratch.text, 'home')).mode & 0o777).toBe(0o711);
  });

  test('of a path, the content lands in it', async () => {
    const out = join(scratch.text, 'out');
    const { target } = await run({ path: Buffer.from(work), destination: to(out) });
    expect(target).toBe(out);
    expect(await differences(work, out)).toBe('');
  });

  test('a directory that holds other things keeps its own metadata', async () => {
    const out = join(scratch.text, 'out');
    fs.mkdirSync(out, { mode: 0o750 });
    fs.writeFileSync(join(out, 'mine'), '');
    fs.utimesSync(out, 5, 5);
    await run({ path: Buffer.from(work), destination: to(out) });
    expect(fs.statSync(out).mode & 0o777).toBe(0o750);
    expect(fs.readdirSync(out).sort()).toEqual(['file.txt', 'mine', 'sub']);
  });

  test('of a file, it lands under its name', async () => {
    const out = join(scratch.text, 'out');
    const { target } = await run({ path: Buffer.from(join(work, 'file.txt')), destination: to(out) });
    expect(target).toBe(join(out, 'file.txt'));
    expect(fs.readdirSync(out)).toEqual(['file.txt']);
  });

  test.each(['nowhere', '/nowhere/at/all', 'file.txt/below'])(
    'a path that is not in the snapshot: %s',
    async (path) => {
      const part = { path: Buffer.from(path), destination: to(join(scratch.text, 'out')) };
      await expect(run(part)).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringContaining('not in this snapshot'),
      });
      expect(fs.existsSync(join(scratch.text, 'out'))).toBe(false);
    },
  );

  test('paths are read with . and .. and without a first slash', async () => {
    const out = join(scratch.text, 'out');
    await run({ path: Buffer.from(`${work.slice(1)}/sub/../sub/./`), destination: to(out) });
    expect(fs.readdirSync(out).sort()).toEqual(['data.bin', 'more.txt']);
  });
});

describe('in place', () => {
  test('restores what is gone, and leaves the directories above alone', async () => {
    fs.rmSync(work, { recursive: true });
    fs.chmodSync(join(scratch.text, 'home'), 0o700);
    const { target } = await run({ destination: { type: 'in-place' } });
    expect(target).toBe(work);
    expect(fs.readFileSync(join(work, 'file.txt'), 'utf8')).toBe('text');
    expect(fs.statSync(work).mtimeMs).toBe(1_000_000_000);
    expect(fs.statSync(join(scratch.text, 'home')).mode & 0o777).toBe(0o700);
  });

  test('directories above that are gone are made as they were', async () => {
    fs.rmSync(join(scratch.text, 'home'), { recursive: true });
    await run({ destination: { type: 'in-place' } });
    expect(fs.readFileSync(join(work, 'file.txt'), 'utf8')).toBe('text');
    expect(fs.statSync(join(scratch.text, 'home')).mode & 0o777).toBe(0o711);
  });

  test('a link above is the way to the original: it is followed', async () => {
    fs.renameSync(join(scratch.text, 'home'), join(scratch.text, 'elsewhere'));
    fs.symlinkSync('elsewhere', join(scratch.text, 'home'));
    fs.unlinkSync(join(work, 'file.txt'));
    await run({ destination: { type: 'in-place' } });
    expect(fs.readFileSync(join(scratch.text, 'elsewhere', 'work', 'file.txt'), 'utf8')).toBe('text');
    expect(fs.lstatSync(join(scratch.text, 'home')).isSymbolicLink()).toBe(true);
  });

  test('several sources, a file among them', async () => {
    const made = await makeRepository();
    fs.writeFileSync(join(scratch.text, 'alone'), 'alone');
    ({ repository, snapshot } = await snapshotOf(made, join(work, 'sub'), join(scratch.text, 'alone')));
    fs.rmSync(join(work, 'sub'), { recursive: true });
    fs.rmSync(join(scratch.text, 'alone'));
    const { summary } = await run({ destination: { type: 'in-place' } });
    expect(summary).toMatchObject({ filesRestored: 3, errors: 0 });
    expect(fs.readFileSync(join(scratch.text, 'alone'), 'utf8')).toBe('alone');
    expect(fs.readdirSync(join(work, 'sub'))).toHaveLength(2);
  });
});

describe('beside the original', () => {
  const beside = { destination: { type: 'beside' as const } };

  test('under its name and the time of the snapshot; a second time under another', async () => {
    const first = await run(beside);
    expect(first.target).toMatch(/\/home\/work\.restored-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d$/);
    expect(await differences(work, first.target)).toBe('');
    const second = await run(beside);
    expect(second.target).toBe(`${first.target}-2`);
    expect(await differences(work, second.target)).toBe('');
  });

  test('a file, too', async () => {
    const { target } = await run({ ...beside, path: Buffer.from(join(work, 'file.txt')) });
    expect(target).toMatch(/\/work\/file\.txt\.restored-[-\dT]+$/);
    expect(fs.readFileSync(target, 'utf8')).toBe('text');
  });

  test('of several sources it has to be said where to', async () => {
    ({ repository, snapshot } = await snapshotOf(await makeRepository(), join(work, 'sub'), join(work, 'file.txt')));
    await expect(run(beside)).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('--to') });
  });

  test('when the folder of the original is gone, it says so', async () => {
    fs.rmSync(join(scratch.text, 'home'), { recursive: true });
    await expect(run(beside)).rejects.toMatchObject({ code: 'failed', hint: expect.stringContaining('--to') });
  });
});

describe('filters', () => {
  const files = (out: string): string[] => fs.readdirSync(out, { recursive: true }).map(String).sort();

  test.each([
    [{ include: ['*.txt'] }, ['file.txt', 'sub', 'sub/more.txt']],
    [{ include: ['data.bin'] }, ['sub', 'sub/data.bin']],
    [{ exclude: ['*.txt'] }, ['sub', 'sub/data.bin']],
    [{ iexclude: ['*.TXT', 'SUB'] }, []],
    [{ exclude: ['sub'] }, ['file.txt']],
    [{ include: ['sub'], exclude: ['*.bin'] }, ['sub', 'sub/more.txt']],
    [{ include: ['nothing like it'] }, []],
  ])('%j', async (options, expected) => {
    const out = join(scratch.text, 'out');
    await run({ ...options, path: Buffer.from(work), destination: to(out) });
    expect(files(out)).toEqual(expected);
  });

  test('a pattern that can match nothing is refused', async () => {
    const bad = { include: ['a['], destination: to(join(scratch.text, 'out')) };
    await expect(run(bad)).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a damaged repository', () => {
  /** The same, with packs as `change` leaves them. */
  function damaged(change: (path: string, bytes: Uint8Array) => Uint8Array | undefined): IndexedRepository {
    const { backend } = repository;
    const changed: Backend = {
      location: backend.location,
      put: (path, bytes) => backend.put(path, bytes),
      async get(path) {
        const bytes = await backend.get(path);
        return bytes === undefined || !path.startsWith('packs/') ? bytes : change(path, bytes);
      },
      async getRange(path, { offset, length }) {
        const bytes = await this.get(path);
        return bytes?.slice(offset, offset + length);
      },
      list: (folder) => backend.list(folder),
      stat: (path) => backend.stat(path),
      remove: (path) => backend.remove(path),
      now: () => backend.now(),
      close: () => backend.close(),
    };
    return { ...repository, backend: changed };
  }

  const flip = (at: number) => (_path: string, bytes: Uint8Array) => {
    const copy = bytes.slice();
    for (let i = at; i < copy.length; i += 40_000) copy[i] = (copy[i] ?? 0) ^ 1;
    return copy;
  };

  /** Trees lie in packs of their own; so few of them in one. */
  function treePack(): string {
    const [place] = repository.index.places(blobIdOf(repository.engine, snapshot.tree));
    const name = repository.packs[place?.pack ?? 0]?.name ?? '';
    return `packs/${name.slice(0, 2)}/${name}`;
  }

  beforeEach(async () => {
    fs.mkdirSync(join(work, 'big'));
    // Chunks of their own, so that some are hit and some are not.
    for (let i = 0; i < 12; i++) {
      fs.writeFileSync(join(work, 'big', String(i)), noise(i, 30_000));
    }
    ({ repository, snapshot } = await snapshotOf(await makeRepository(), work));
  });

  test('damaged files are named and left out, all others are right', async () => {
    const trees = treePack();
    const from = damaged((path, bytes) => (path === trees ? bytes : flip(30_000)(path, bytes)));
    const out = join(scratch.text, 'out');
    for (const workers of [0, 2]) {
      fs.rmSync(out, { recursive: true, force: true });
      const { summary, events } = await run({ path: Buffer.from(work), destination: to(out), workers }, from);
      expect(summary.errors).toBeGreaterThan(0);
      expect(summary.filesRestored).toBeGreaterThan(0);
      expect(summary.errors + summary.filesRestored).toBe(15);
      const lost = events.flatMap((event) =>
        event.type === 'warning' && event.path ? [Buffer.from(event.path).toString()] : [],
      );
      expect(lost).toHaveLength(summary.errors);
      for (const path of lost) expect(fs.existsSync(path)).toBe(false);
      const changes = (await differences(work, out))
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('.d'));
      expect(changes).toHaveLength(summary.errors);
      for (const line of changes) expect(line).toMatch(/^>f\+{9}/);
    }
  });

  test('with all packs gone: nothing can be restored, and nothing is made up', async () => {
    const trees = treePack();
    const out = join(scratch.text, 'out');
    const { summary } = await run(
      { destination: to(out) },
      damaged((path, bytes) => (path === trees ? bytes : undefined)),
    );
    expect(summary).toMatchObject({ filesRestored: 0, errors: 15 });
    await expect(
      run(
        { destination: to(join(scratch.text, 'out2')) },
        damaged(() => undefined),
      ),
    ).rejects.toMatchObject({ code: 'integrity' });
  });

  test('what reads badly once is read again, blob by blob', async () => {
    const trees = treePack();
    let reads = 0;
    const from = damaged((path, bytes) => (path !== trees && reads++ === 0 ? flip(300)(path, bytes) : bytes));
    const out = join(scratch.text, 'out');
    const { summary } = await run({ path: Buffer.from(work), destination: to(out) }, from);
    expect(summary.errors).toBe(0);
    expect(reads).toBeGreaterThan(1);
    expect(await differences(work, out)).toBe('');
  });
});

test('paths beyond 4,096 bytes, and names that are not UTF-8', async () => {
  const source = join(scratch.text, 'deep');
  fs.mkdirSync(source);
  const name = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.alloc(198, 'd')]);
  makeDeep(Buffer.from(source), name, 30, (deepest) => {
    fs.writeFileSync(Buffer.concat([deepest, Buffer.from('/file')]), 'at the bottom');
    fs.symlinkSync('file', Buffer.concat([deepest, Buffer.from('/link')]));
    fs.linkSync(Buffer.concat([deepest, Buffer.from('/file')]), Buffer.concat([deepest, Buffer.from('/hard')]));
  });
  ({ repository, snapshot } = await snapshotOf(await makeRepository(), source));
  const out = join(scratch.text, 'out');
  const { events } = await run({ path: Buffer.from(source), destination: to(out), workers: 1 });
  expect(events).toEqual([]);
  const list = (folder: string): string =>
    execFileSync('sh', ['-c', 'find . -printf "%P %y %m %s %T@ %n\\n" | sort'], {
      cwd: folder,
      maxBuffer: 1 << 26,
    }).toString('latin1');
  const expected = list(source);
  expect(expected.length).toBeGreaterThan(30 * 3000);
  expect(list(out)).toBe(expected);
  expect((await run({ path: Buffer.from(source), destination: to(out) })).summary).toMatchObject({ filesUnchanged: 2 });
});

test('progress comes with totals', async () => {
  const seen: NeoEvent[] = [];
  const options = { snapshot, destination: to(join(scratch.text, 'out')), workers: 0 };
  await restore(repository, options, (event) => seen.push(event));
  const last = seen.findLast((event) => event.type === 'progress');
  expect(last?.progress).toMatchObject({ files: 3, totalFiles: 3, bytes: 100_008, totalBytes: 100_008 });
  expect(seen[0]).toMatchObject({ progress: { totalFiles: 3 } });
});
