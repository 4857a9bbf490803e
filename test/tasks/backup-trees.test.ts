/** Trees of all kinds of files, saved and read back. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toBase64 } from '../../src/core/bytes.ts';
import { parseJson } from '../../src/core/json.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { loadContent } from '../../src/snapshot/content.ts';
import { xattrsFromJson } from '../../src/snapshot/node-json.ts';
import { hasProgram, isLinux, isRoot, makeDeep, Scratch } from '../fs/scratch.ts';
import { extentsOf, type Found, noise, sameBytes, TestRepository } from './backup-support.ts';

let scratch: Scratch;
let repository: TestRepository;
let home: string;

beforeEach(async () => {
  scratch = new Scratch();
  home = join(scratch.text, 'home');
  mkdirSync(home);
  repository = await TestRepository.make();
});

afterEach(() => scratch[Symbol.dispose]());

const at = (...names: string[]): string => join(home, ...names);
const found = async (name: string) => (await repository.read()).get(at(name));

const TYPES = { file: 0o100000, directory: 0o040000, symlink: 0o120000, fifo: 0o010000, socket: 0o140000 };

/** Fails unless the node says of the path what lstat says. */
function expectMetadata(node: Found | undefined, path: Buffer): void {
  const stat = lstatSync(path, { bigint: true });
  const type = Object.entries(TYPES).find(([, bits]) => BigInt(bits) === (stat.mode & 0o170000n))?.[0];
  expect(node).toMatchObject({
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: stat.mtimeNs,
    inode: stat.ino,
    size: type === 'file' ? Number(stat.size) : 0,
  });
}

/** Every path below `top`, latin1. */
function pathsBelow(top: Buffer): string[] {
  const paths: string[] = [];
  const visit = (folder: Buffer): void => {
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      const path = Buffer.concat([folder, Buffer.from('/'), name]);
      paths.push(path.toString('latin1'));
      if (lstatSync(path).isDirectory()) visit(path);
    }
  };
  visit(top);
  return paths.sort();
}

/** Fails unless the snapshot has what is on disk below `top`, and nothing else there. */
function expectTree(saved: Map<string, Found>, top: Buffer): void {
  const paths = pathsBelow(top);
  const start = `${top.toString('latin1')}/`;
  expect([...saved.keys()].filter((path) => path.startsWith(start)).sort()).toEqual(paths);
  for (const path of paths) {
    const bytes = Buffer.from(path, 'latin1');
    const node = saved.get(path);
    expectMetadata(node, bytes);
    if (node?.type === 'file') expect(sameBytes(node, bytes), path).toBe(true);
    if (node?.type !== 'symlink') continue;
    expect(Buffer.from(node.target ?? [])).toEqual(readlinkSync(bytes, { encoding: 'buffer' }));
  }
}

describe('generated trees', () => {
  /** Of bundles: threshold, target, limit; of chunks: least, average, most. */
  const around = fc
    .constantFrom(16_384, 65_536, 131_072, 262_144)
    .chain((size) => fc.integer({ min: size - 2, max: size + 2 }));
  const size = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 9_000 }) },
    { weight: 2, arbitrary: around },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 900_000 }) },
  );
  const nameByte = fc.integer({ min: 1, max: 255 }).map((byte) => (byte === 0x2f ? 0x30 : byte));
  const name = fc
    .oneof(
      fc.constantFrom('a', 'b', 'c.txt', '.hidden', '..x', 'ö', ' '),
      fc.array(nameByte, { minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    )
    .filter((text) => !['.', '..', '.neoignore', '.backupignore'].includes(text));
  const file = fc.record({
    type: fc.constant('file' as const),
    size,
    seed: fc.integer({ min: 0, max: 30 }),
    mode: fc.constantFrom(0o644, 0o600, 0o4755),
  });
  const sparse = fc.record({
    type: fc.constant('sparse' as const),
    size: fc.integer({ min: 1, max: 3_000_000 }),
    writes: fc.array(
      fc.record({ offset: fc.integer({ min: 0, max: 3_000_000 }), length: fc.integer({ min: 1, max: 20_000 }) }),
      { maxLength: 4 },
    ),
  });
  const link = fc.record({
    type: fc.constant('symlink' as const),
    target: fc.constantFrom('a', '/etc/passwd', '../../..', 'x'.repeat(300)),
  });
  const other = fc.record({ type: fc.constantFrom('fifo' as const, 'hardlink' as const) });
  const leaf = fc.oneof({ weight: 8, arbitrary: file }, { weight: 2, arbitrary: sparse }, link, other);
  type Leaf = typeof leaf extends fc.Arbitrary<infer T> ? T : never;
  type Entry = Leaf | { readonly type: 'directory'; readonly entries: readonly (readonly [string, Entry])[] };
  const { directory } = fc.letrec<{ directory: Entry; entry: Entry }>((tie) => ({
    directory: fc.record({
      type: fc.constant('directory' as const),
      entries: fc.array(fc.tuple(name, tie('entry')), { maxLength: 12 }),
    }),
    entry: fc.oneof({ depthSize: 'small' }, { weight: 6, arbitrary: leaf }, { weight: 2, arbitrary: tie('directory') }),
  }));

  function make(top: Buffer, entry: Entry, firstFile: { path?: Buffer }): void {
    switch (entry.type) {
      case 'directory':
        mkdirSync(top);
        for (const [text, child] of new Map(entry.entries)) {
          make(Buffer.concat([top, Buffer.from('/'), Buffer.from(text, 'latin1')]), child, firstFile);
        }
        break;
      case 'file':
        writeFileSync(top, noise(entry.size, entry.seed));
        chmodSync(top, entry.mode);
        firstFile.path ??= top;
        break;
      case 'sparse': {
        const fd = openSync(top, 'w');
        for (const { offset, length } of entry.writes) writeSync(fd, noise(length, offset), 0, length, offset);
        closeSync(fd);
        truncateSync(top, entry.size);
        break;
      }
      case 'symlink':
        symlinkSync(entry.target, top);
        break;
      case 'fifo':
        // Names are any bytes, arguments are text.
        execFileSync('mkfifo', [join(scratch.text, 'fifo')]);
        renameSync(join(scratch.text, 'fifo'), top);
        break;
      case 'hardlink':
        if (firstFile.path !== undefined) linkSync(firstFile.path, top);
        break;
    }
  }

  test('are read back as they were, whatever the number of workers', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(directory, async (tree) => {
        round += 1;
        const top = Buffer.from(join(scratch.text, `round${round}`));
        make(top, tree, {});
        const inline = await TestRepository.make();
        await inline.snapshot([top]);
        expectTree(await inline.read(), top);
        // The same keys: into the same repository, all read again, by two workers.
        const again = await inline.snapshot([top], { workers: 2, force: true });
        const [first, second] = await inline.snapshots();
        expect(toBase64(second?.body.tree ?? new Uint8Array())).toBe(toBase64(first?.body.tree ?? new Uint8Array()));
        expect(again.bytesAdded).toBe(0);
      }),
      { numRuns: Number(process.env['NEO_FUZZ'] ?? 8) },
    );
  });
});

describe('kinds of files', () => {
  test('hard links are stored once, and stay one file', async () => {
    writeFileSync(at('a'), noise(200_000, 1));
    mkdirSync(at('sub'));
    for (const name of ['b', 'sub/c']) linkSync(at('a'), at(name));
    const made = await repository.snapshot([home]);
    expect(made.bytesAdded).toBeLessThan(210_000);
    const all = await repository.read();
    const nodes = ['a', 'b', 'sub/c'].map((name) => all.get(at(name)));
    expect(new Set(nodes.map((node) => node?.inode)).size).toBe(1);
    expect(nodes.map((node) => node?.links)).toEqual([3, 3, 3]);
    for (const name of ['a', 'b', 'sub/c']) expect(sameBytes(all.get(at(name)), at('a'))).toBe(true);
    expect(await repository.snapshot([home])).toMatchObject({ bytesAdded: 0, filesChanged: 0 });
  });

  test('empty files and directories', async () => {
    mkdirSync(at('empty'));
    writeFileSync(at('zero'), '');
    await repository.snapshot([home]);
    expect(await found('empty')).toMatchObject({ type: 'directory' });
    expect(await found('zero')).toMatchObject({ type: 'file', size: 0 });
    expect((await found('zero'))?.content).toBeUndefined();
  });

  test('sockets, and devices', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
    const device = isRoot && isLinux;
    if (device) execFileSync('mknod', [at('null'), 'c', '1', '3']);
    if (device) execFileSync('mknod', [at('disk'), 'b', '300', '70000']);
    await repository.snapshot([home]);
    server.close();
    expect(await found('socket')).toMatchObject({ type: 'socket' });
    if (!device) return;
    expect(await found('null')).toMatchObject({ type: 'chardev', rdev: { major: 1, minor: 3 } });
    expect(await found('disk')).toMatchObject({ type: 'blockdev', rdev: { major: 300, minor: 70_000 } });
  });

  test.runIf(hasProgram('setfattr') && isLinux)(
    'attributes, short and long, of files, directories and links',
    async () => {
      const long = scratch.text.startsWith('/tmp') ? 'v'.repeat(3_000) : '';
      writeFileSync(at('file'), 'x');
      mkdirSync(at('folder'));
      const set = (name: string, value: string, path: string) =>
        execFileSync('setfattr', ['-n', name, '-v', value, path]);
      try {
        set('user.one', 'value', at('file'));
        set('user.one', long, at('folder'));
      } catch {
        return;
      }
      await repository.snapshot([home]);
      expect((await found('file'))?.xattrs?.map(({ value }) => Buffer.from(value).toString())).toEqual(['value']);
      const folder = await found('folder');
      const reader = new BlobReader(await repository.open());
      const content = folder?.xattrContent;
      const listed =
        content === undefined
          ? (folder?.xattrs ?? [])
          : xattrsFromJson(parseJson(await loadContent((kind, key) => reader.load(kind, key), content)));
      expect(listed.map(({ value }) => value.length)).toEqual([3_000]);
      // In base64 that is just below the 4 KiB that a node holds; two of them are above.
      set('user.two', 'w'.repeat(500), at('folder'));
      set('user.two', 'w'.repeat(500), at('file'));
      set('user.three', 'w'.repeat(2_800), at('file'));
      await repository.snapshot([home]);
      const later = new BlobReader(await repository.open());
      for (const name of ['folder', 'file']) {
        const node = await found(name);
        expect(node?.xattrs, name).toBeUndefined();
        const json = await loadContent((kind, key) => later.load(kind, key), node?.xattrContent ?? never());
        expect(xattrsFromJson(parseJson(json)).length).toBeGreaterThan(1);
      }
      expect(await repository.snapshot([home])).toMatchObject({ bytesAdded: 0 });
    },
  );

  test('a sparse file with more pieces than a node holds', async () => {
    const fd = openSync(at('file'), 'w');
    for (let i = 0; i < 100; i += 1) writeSync(fd, `piece ${i}`, i * 65_536);
    closeSync(fd);
    truncateSync(at('file'), 100 * 65_536);
    await repository.snapshot([home]);
    const node = await found('file');
    expect(sameBytes(node, at('file'))).toBe(true);
    if (node === undefined || lstatSync(at('file')).blocks * 512 >= node.size) return;
    expect(node.extents).toBeUndefined();
    expect(await extentsOf(new BlobReader(await repository.open()), node)).toHaveLength(100);
    expect(await repository.snapshot([home])).toMatchObject({ filesUnmodified: 1, bytesAdded: 0 });
  });

  test('a file that is one hole', async () => {
    writeFileSync(at('small'), '');
    truncateSync(at('small'), 10_000);
    writeFileSync(at('large'), '');
    truncateSync(at('large'), 5_000_000);
    const made = await repository.snapshot([home]);
    expect(made.bytesAdded).toBeLessThan(5_000);
    for (const name of ['small', 'large']) expect(sameBytes(await found(name), at(name))).toBe(true);
  });

  test.runIf(isLinux)('paths that the kernel takes in pieces only', async () => {
    const name = Buffer.alloc(200, 0x6e);
    const deepest = makeDeep(Buffer.from(home), name, 30, (folder) =>
      writeFileSync(Buffer.concat([folder, Buffer.from('/file')]), 'deep'),
    );
    expect(deepest.length).toBeGreaterThan(6_000);
    expect(await repository.snapshot([home])).toMatchObject({ errors: 0, filesNew: 1 });
    const node = (await repository.read()).get(`${deepest.toString('latin1')}/file`);
    expect(node?.bytes?.toString()).toBe('deep');
    expect(await repository.snapshot([home], { workers: 2, force: true })).toMatchObject({ errors: 0, bytesAdded: 0 });
  });

  test('times before 1970 and after 2038, to the nanosecond where the system has it', async () => {
    writeFileSync(at('old'), 'x');
    symlinkSync('x', at('link'));
    lutimesSync(at('old'), 1, -1_000_000_000.5);
    lutimesSync(at('link'), 1, 5_000_000_000.25);
    // Before: to read a link is to use it.
    const stats = ['old', 'link'].map((name) => ({ name, stat: lstatSync(at(name), { bigint: true }) }));
    await repository.snapshot([home], { withAtime: true });
    for (const { name, stat } of stats) {
      expect(await found(name)).toMatchObject({ mtime: stat.mtimeNs, atime: stat.atimeNs });
    }
  });

  test('a directory of many entries, of which one is changed', async () => {
    for (let i = 0; i < 5_000; i += 1) writeFileSync(at(`entry${i}`), '');
    expect(await repository.snapshot([home])).toMatchObject({ filesNew: 5_000 });
    writeFileSync(at('entry2500'), 'x');
    unlinkSync(at('entry100'));
    const second = await repository.snapshot([home]);
    expect(second).toMatchObject({ filesChanged: 1, filesUnmodified: 4_998 });
    expect((await repository.read()).size).toBe(4_999 + home.split('/').length - 1);
    // Parts have about 1,000 entries: two of them are new, and what is above.
    const first = (await repository.snapshots())[0]?.body.statistics.bytesAdded ?? 0;
    expect(second.bytesAdded).toBeLessThan(first * 0.9);
    expect(readFileSync(at('entry2500'), 'utf8')).toBe('x');
  });
});

function never(): never {
  throw new Error('there is no such content');
}
