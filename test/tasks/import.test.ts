/** Archives of the system's tar, of Python's and of our own, as snapshots. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventSink, ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { check } from '../../src/tasks/check.ts';
import { END_OF_ARCHIVE, type TarEntry, tarHeader, tarPadding } from '../../src/tasks/dump/pax.ts';
import { dumpTar } from '../../src/tasks/dump.ts';
import { ByteFeed } from '../../src/tasks/import/byte-feed.ts';
import { type ArchiveEntry, readTar } from '../../src/tasks/import/tar-reader.ts';
import { type ImportSummary, importTar } from '../../src/tasks/import.ts';
import { listNodes } from '../../src/tasks/list.ts';
import { restore } from '../../src/tasks/restore.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { HistoryWorld, path } from './history-support.ts';

async function* inPieces(bytes: Uint8Array, length = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function imported(
  world: HistoryWorld,
  archive: Uint8Array,
  { as = '/home', events = ignoreEvents, dryRun = false }: { as?: string; events?: EventSink; dryRun?: boolean } = {},
): Promise<ImportSummary> {
  world.clock.advance(1000);
  const options = {
    bytes: inPieces(archive),
    as: path(as),
    host: 'host',
    user: 'user',
    uid: 0,
    gid: 0,
    tags: [],
    program: 'test',
    dryRun,
  };
  return importTar(await world.indexed(), world.state, options, events);
}

/** Of the newest snapshot: entries by their paths. */
async function entries(world: HistoryWorld): Promise<Map<string, Node>> {
  const snapshot = (await world.look()).snapshots.at(-1);
  if (snapshot === undefined) throw new Error('no snapshot');
  const found = new Map<string, Node>();
  const options = { path: path('/'), recursive: true };
  for await (const { path: at, node } of listNodes(await world.indexed(), snapshot, options, ignoreEvents)) {
    found.set(Buffer.from(at).toString('latin1'), node);
  }
  return found;
}

function tar(folder: string, ...args: string[]): Buffer {
  return execFileSync('tar', ['-cf', '-', '-C', folder, ...args], { maxBuffer: 1 << 28 });
}

function populate(folder: string): void {
  const at = (name: string): string => join(folder, name);
  mkdirSync(at(`dir/${'long'.repeat(40)}`), { recursive: true });
  mkdirSync(at('dir/empty'));
  for (let n = 0; n < 40; n++) writeFileSync(at(`dir/small${n}`), `content ${n}`.repeat(n * 7));
  writeFileSync(at('block'), Buffer.alloc(512, 1));
  writeFileSync(at('nothing'), '');
  writeFileSync(at('large'), Buffer.alloc(700_000, 'ab'));
  writeFileSync(Buffer.from(`${folder}/b\xffd`, 'latin1'), 'bad');
  writeFileSync(at('sparse'), 'begin');
  truncateSync(at('sparse'), 2 << 20);
  linkSync(at('large'), at('linked'));
  symlinkSync('x'.repeat(150), at('dangling'));
  chmodSync(at('block'), 0o4751);
  utimesSync(at('block'), 1_000_000_000.25, 1_000_000_000.25);
  utimesSync(at('nothing'), -5, -5);
}

function factsOf({ mode, uid, gid, links, size, target, contentHash, mtime }: Node, hasFractions: boolean) {
  const [to, hash] = [target, contentHash].map((bytes) => bytes && Buffer.from(bytes).toString('latin1'));
  return { mode, uid, gid, links, size, to, hash, time: hasFractions ? mtime : mtime / 1_000_000_000n };
}

describe('neo import', () => {
  it.each([
    ['pax', ['--format=pax', '--sparse']],
    ['pax with the older map', ['--format=pax', '--sparse', '--sparse-version=0.1']],
    ['GNU', ['--format=gnu', '--sparse']],
    ['plain files', ['--format=pax']],
  ])('takes what tar made as a snapshot of the same would be: %s', async (_, flags) => {
    const world = await HistoryWorld.make();
    populate(world.folder);
    const summary = await imported(world, tar(world.folder, ...flags, '.'));
    expect(summary).toMatchObject({ leftOut: 0, files: 46 });
    const [snapshot] = (await world.look()).snapshots;
    expect(snapshot?.body.paths.map((bytes) => Buffer.from(bytes).toString())).toEqual(['/home']);
    const found = await entries(world);
    await world.snapshot();
    const wanted = await entries(world);
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    const hasFractions = flags[0] === '--format=pax';
    for (const [name, node] of wanted) {
      const other = found.get(name);
      if (name === '/home/sparse' && !flags.includes('--sparse')) continue;
      if (name === '/home' || name === '/home/nothing') continue;
      expect(other && factsOf(other, hasFractions), name).toEqual(factsOf(node, hasFractions));
    }
    expect(found.get('/home/large')?.inode).toBe(found.get('/home/linked')?.inode);
    const { damages } = await check(await world.indexed(), world.state, { readData: 'all' });
    expect(damages).toEqual([]);
  });

  it('stores nothing again of what a snapshot has, when the archive is in its order', async () => {
    const world = await HistoryWorld.make();
    populate(world.folder);
    await world.snapshot();
    const [snapshot] = (await world.look()).snapshots;
    if (snapshot === undefined) throw new Error('no snapshot');
    const parts: Uint8Array[] = [];
    const counts = { files: 0, bytes: 0 };
    // Without the file whose holes the archive has as zeros.
    for await (const bytes of dumpTar(await world.indexed(), snapshot, path('/home/dir'), ignoreEvents, counts)) {
      parts.push(Buffer.from(bytes));
    }
    const blobsOf = async () => (await world.indexed()).index.size;
    const before = await blobsOf();
    await imported(world, gzipSync(Buffer.concat(parts)), { as: '/home' });
    // Trees of three directories and the two above, whose times and inodes are others.
    expect((await blobsOf()) - before).toBeLessThanOrEqual(6);
  });

  it('gives back the bytes that were in it', async () => {
    const world = await HistoryWorld.make();
    populate(world.folder);
    await imported(world, tar(world.folder, '--format=pax', '--sparse', 'dir', 'large', 'sparse', 'block'));
    const [snapshot] = (await world.look()).snapshots;
    if (snapshot === undefined) throw new Error('no snapshot');
    const back = await tempFolder();
    const destination = { type: 'directory' as const, path: back };
    const summary = await restore(await world.indexed(), { snapshot: snapshot.body, destination, workers: 0 });
    expect(summary).toMatchObject({ errors: 0, metadataProblems: 0 });
    const small = readdirSync(join(world.folder, 'dir')).filter((name) => name.startsWith('small'));
    for (const name of ['large', 'sparse', 'block', ...small.map((each) => `dir/${each}`)]) {
      expect(readFileSync(join(back, 'home', name)).equals(readFileSync(join(world.folder, name))), name).toBe(true);
    }
  });

  it('keeps of several entries of one path the last, and directories that stand nowhere by themselves', async () => {
    const world = await HistoryWorld.make();
    const archive = archiveOf([
      ['a/b/c', 'first'],
      ['x', 'file'],
      ['a/b/c', 'second'],
      ['./x/', undefined],
      ['x/y', 'below'],
    ]);
    await imported(world, archive, { as: '/top/here' });
    const found = await entries(world);
    expect([...found.keys()].sort()).toEqual(
      ['/top', '/top/here', '/top/here/a', '/top/here/a/b', '/top/here/a/b/c', '/top/here/x', '/top/here/x/y'].sort(),
    );
    expect(found.get('/top/here/a/b/c')?.size).toBe(6);
    expect(found.get('/top/here/x')?.type).toBe('directory');
    const [snapshot] = (await world.look()).snapshots;
    expect(snapshot?.body.paths.map((bytes) => Buffer.from(bytes).toString())).toEqual(['/top/here/a', '/top/here/x']);
  });

  it('leaves out and names what leads out of the archive, stands in a file, or links to nothing', async () => {
    const world = await HistoryWorld.make();
    const told: NeoEvent[] = [];
    const bad = [
      ['../evil', 'x'],
      ['a/../../evil', 'x'],
      ['good/below', 'x'],
      [`${'n/'.repeat(3000)}deep`, 'x'],
    ] as const;
    const archive = archiveOf([['good', 'x'], ...bad], [{ path: path('hard'), type: 'link', target: path('none') }]);
    const summary = await imported(world, archive, { events: (event) => told.push(event) });
    expect(summary.leftOut).toBe(5);
    expect(told.filter(({ type }) => type === 'warning')).toHaveLength(5);
    expect([...(await entries(world)).keys()]).toEqual(['/home', '/home/good']);
  });

  it('refuses what is no archive or not all of one, and changes nothing', async () => {
    const world = await HistoryWorld.make();
    populate(world.folder);
    const whole = tar(world.folder, '--format=pax', '--sparse', '.');
    const before = (await world.indexed()).index.size;
    const bad: Uint8Array[] = [
      new Uint8Array(),
      Buffer.from('text, and no archive'.repeat(100)),
      whole.subarray(0, 1000),
      whole.subarray(0, whole.length - 10_240),
      gzipSync(whole).subarray(0, 2000),
      Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0]),
      new Uint8Array(10_240),
    ];
    const flipped = Uint8Array.from(whole);
    flipped[100] = (flipped[100] ?? 0) ^ 1;
    for (const archive of [...bad, flipped]) {
      await expect(imported(world, archive)).rejects.toMatchObject({ name: 'NeoError' });
    }
    expect((await world.look()).snapshots).toEqual([]);
    expect((await world.indexed()).index.size).toBe(before);
    expect(await imported(world, whole, { dryRun: true })).toMatchObject({ files: 46, leftOut: 0 });
    expect((await world.look()).snapshots).toEqual([]);
  });

  it('reads formats that Python writes, and bytes that are not UTF-8', async () => {
    const world = await HistoryWorld.make();
    const folder = mkdtempSync(join(world.folder, 'python-'));
    execFileSync('python3', ['-c', PYTHON, folder]);
    for (const format of ['ustar', 'gnu', 'pax']) {
      const told: NeoEvent[] = [];
      await imported(world, readFileSync(join(folder, `${format}.tar`)), { events: (event) => told.push(event) });
      expect(told.filter(({ type }) => type === 'warning')).toEqual([]);
      const found = await entries(world);
      expect(found.get(`/home/${'d'.repeat(90)}/${'n'.repeat(90)}`)?.size, format).toBe(3);
      expect(found.get('/home/b\xffd')?.mode, format).toBe(0o640);
      expect(found.get('/home/fifo')?.type, format).toBe('fifo');
      expect(found.get('/home/device')?.rdev, format).toEqual({ major: 8, minor: 1 });
    }
  });
});

const PYTHON = `
import io, sys, tarfile
for name, format in (('ustar', tarfile.USTAR_FORMAT), ('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)):
    with tarfile.open(f'{sys.argv[1]}/{name}.tar', 'w', format=format, encoding='utf-8', errors='surrogateescape') as out:
        def add(name, type=tarfile.REGTYPE, data=b'abc', **more):
            info = tarfile.TarInfo(name)
            info.type = type
            info.size = len(data) if type == tarfile.REGTYPE else 0
            for key, value in more.items(): setattr(info, key, value)
            out.addfile(info, io.BytesIO(data) if info.size else None)
        add('d' * 90 + '/' + 'n' * 90)
        add('b\\udcffd', mode=0o640)
        add('fifo', tarfile.FIFOTYPE)
        add('device', tarfile.CHRTYPE, devmajor=8, devminor=1)
`;

type Simple = readonly [name: string, content: string | undefined];

function archiveOf(simple: readonly Simple[], more: readonly Partial<TarEntry>[] = []): Buffer {
  const common = { mode: 0o644, uid: 0, gid: 0, mtime: 0n, xattrs: [], size: 0 };
  const parts = simple.flatMap(([name, content]) => {
    const bytes = Buffer.from(content ?? '');
    const type = content === undefined ? 'directory' : 'file';
    const header = tarHeader({ ...common, path: path(name), type, size: bytes.length });
    return [header, bytes, tarPadding(bytes.length)];
  });
  const others = more.map((entry) => tarHeader({ ...common, path: path(''), type: 'file', ...entry }));
  return Buffer.concat([...parts, ...others, END_OF_ARCHIVE]);
}

async function allEntries(archive: Uint8Array): Promise<{ entry: ArchiveEntry; bytes: Buffer }[]> {
  const found: { entry: ArchiveEntry; bytes: Buffer }[] = [];
  for await (const entry of readTar(new ByteFeed(inPieces(archive, 100)))) {
    const parts: Uint8Array[] = [];
    for await (const part of entry.content) parts.push(Buffer.from(part));
    found.push({ entry, bytes: Buffer.concat(parts) });
  }
  return found;
}

const bytesOf = (most: number) =>
  fc
    .uint8Array({ minLength: 1, maxLength: most })
    .map((bytes) => Uint8Array.from(bytes, (byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte)));

describe('a header that we write', () => {
  it('is read as it was meant', async () => {
    const entry = fc.record({
      path: bytesOf(400),
      mode: fc.nat(0o7777),
      uid: fc.nat(4_000_000_000),
      gid: fc.nat(4_000_000_000),
      mtime: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 64n }),
      user: fc.option(fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }), { nil: undefined }),
      xattrs: fc.uniqueArray(
        fc.record({ name: bytesOf(30).filter((name) => !name.includes(0x3d)), value: fc.uint8Array({ minLength: 1 }) }),
        { selector: ({ name }) => Buffer.from(name).toString('latin1'), maxLength: 4 },
      ),
      content: fc.uint8Array({ maxLength: 1500 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 4 }), async (wanted) => {
        const parts = wanted.flatMap(({ content, user, ...rest }) => [
          tarHeader({ ...rest, ...(user === undefined ? {} : { user }), type: 'file', size: content.length }),
          content,
          tarPadding(content.length),
        ]);
        const found = await allEntries(Buffer.concat([...parts, END_OF_ARCHIVE]));
        expect(found).toHaveLength(wanted.length);
        for (const [at, { path: name, mode, uid, gid, mtime, xattrs, content }] of wanted.entries()) {
          const { entry, bytes } = found[at] ?? {};
          expect(entry).toMatchObject({ type: 'file', mode, uid, gid, mtime, size: content.length });
          expect(Buffer.from(entry?.path ?? []).equals(name)).toBe(true);
          expect(bytes?.equals(content)).toBe(true);
          const inOrder = xattrs
            .map(({ name, value }) => [Buffer.from(name).toString('latin1'), Buffer.from(value).toString('hex')])
            .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
          expect(
            entry?.xattrs.map(({ name, value }) => [
              Buffer.from(name).toString('latin1'),
              Buffer.from(value).toString('hex'),
            ]),
          ).toEqual(inOrder);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('damaged anywhere, is refused or read, and nothing worse', async () => {
    const archive = archiveOf([
      ['a'.repeat(200), 'first'],
      ['b', 'second'],
      ['d/', undefined],
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (changes, mends) => {
          const bad = Uint8Array.from(archive);
          for (const [at, byte] of changes) bad[at] = byte;
          if (mends) mendSums(bad);
          const outcome = await allEntries(bad).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (outcome !== undefined) expect(outcome).toMatchObject({ name: 'NeoError', code: 'failed' });
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** Sums that are right again, so that what is behind them is looked at. */
function mendSums(archive: Uint8Array): void {
  for (let at = 0; at < archive.length; at += 512) {
    const block = archive.subarray(at, at + 512);
    if (block.every((byte) => byte === 0)) continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  }
}
