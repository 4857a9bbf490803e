import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AT_FDCWD } from '../../src/fs/libc.ts';
import { openSource, type SourceFile } from '../../src/fs/source-file.ts';
import { type FileStat, lstatPath } from '../../src/fs/stat.ts';
import { hasProgram, isLinux, isRoot, libcOrThrow, Scratch } from './scratch.ts';

function statOf(path: Uint8Array): FileStat {
  const stat = lstatPath(path);
  if (stat === undefined) throw new Error('nothing there');
  return stat;
}

function open(path: Uint8Array): SourceFile {
  const source = openSource(path, statOf(path));
  if (source === 'changed') throw new Error('changed');
  return source;
}

test('reads anywhere, short only at the end', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), '0123456789');
  using source = open(scratch.at('f'));
  const into = Buffer.alloc(4);
  expect(source.read(into, 0)).toBe(4);
  expect(into.toString()).toBe('0123');
  expect(source.read(into, 8)).toBe(2);
  expect(into.toString('utf8', 0, 2)).toBe('89');
  expect(source.read(into, 10)).toBe(0);
  expect(source.read(into, 1e12)).toBe(0);
});

test.each<[string, 'none' | 'ctime' | 'content', (path: Buffer) => void]>([
  ['nothing', 'none', () => undefined],
  ['chmod', 'ctime', (path) => chmodSync(path, 0o640)],
  ['growth', 'content', (path) => appendFileSync(path, 'more')],
  ['shrinking', 'content', (path) => truncateSync(path, 1)],
  ['new bytes', 'content', (path) => writeFileSync(path, 'other')],
  ['a written file with its time put back', 'ctime', rewriteQuietly],
  ['a new file in its place', 'ctime', (path) => replace(path)],
])('finish tells %s: %s', (_, change, act) => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), 'bytes');
  utimesSync(scratch.at('f'), 1_000_000_000, 1_000_000_000);
  const source = open(scratch.at('f'));
  untilStampsMove(scratch.at('probe'), source.stat.ctime);
  act(scratch.at('f'));
  expect(source.finish().change).toBe(change);
});

/** Files are stamped by a clock that ticks every few milliseconds: writes a probe until it has gone on. */
function untilStampsMove(probe: Buffer, since: bigint): void {
  do writeFileSync(probe, '');
  while (statOf(probe).ctime <= since);
}

function rewriteQuietly(path: Buffer): void {
  writeFileSync(path, 'BYTES');
  utimesSync(path, 1_000_000_000, 1_000_000_000);
}

/** The open file loses its name (its ctime moves), and stays readable. */
function replace(path: Buffer): void {
  writeFileSync(Buffer.concat([path, Buffer.from('.new')]), 'new');
  renameSync(Buffer.concat([path, Buffer.from('.new')]), path);
}

test('what has taken the place of the file is not opened', async () => {
  using scratch = new Scratch();
  const path = scratch.at('f');
  writeFileSync(path, 'x');
  writeFileSync(scratch.at('other'), 'x');
  const seen = statOf(path);
  const replaced = (make: () => void) => {
    rmSync(path, { recursive: true });
    make();
    return openSource(path, seen);
  };
  expect(replaced(() => renameSync(scratch.at('other'), path))).toBe('changed');
  expect(replaced(() => symlinkSync('other', path))).toBe('changed');
  expect(replaced(() => mkdirSync(path))).toBe('changed');
  const server = createServer();
  rmSync(path, { recursive: true });
  await new Promise<void>((done) => server.listen(path.toString(), done));
  expect(openSource(path, seen)).toBe('changed');
  server.close();
});

test.runIf(isLinux)('a fifo in its place does not make it wait', () => {
  using scratch = new Scratch();
  const path = scratch.at('f');
  writeFileSync(path, 'x');
  const seen = statOf(path);
  rmSync(path);
  expect(libcOrThrow().mkfifoat(AT_FDCWD, path, 0o600)).toBe(0);
  expect(openSource(path, seen)).toBe('changed');
});

test('refusals are errors of the system, and no descriptor is left', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), 'x');
  const seen = statOf(scratch.at('f'));
  const before = isLinux ? readdirSync('/proc/self/fd').length : 0;
  rmSync(scratch.at('f'));
  expect(() => openSource(scratch.at('f'), seen)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  mkdirSync(scratch.at('f'));
  expect(openSource(scratch.at('f'), seen)).toBe('changed');
  if (isLinux) expect(readdirSync('/proc/self/fd')).toHaveLength(before);
});

test.runIf(isLinux)('the access time stays', () => {
  using scratch = new Scratch();
  const path = scratch.at('f');
  writeFileSync(path, 'x');
  execFileSync('touch', ['-a', '-d', '2001-01-01', path.toString()]);
  const { atime } = statOf(path);
  const source = open(path);
  source.read(Buffer.alloc(10), 0);
  source.finish();
  expect(statOf(path).atime).toBe(atime);
});

test.runIf(isLinux && isRoot)("another user's file is read too, without O_NOATIME", () => {
  using scratch = new Scratch();
  chmodSync(scratch.path, 0o755);
  writeFileSync(scratch.at('open'), 'x', { mode: 0o644 });
  writeFileSync(scratch.at('closed'), 'x', { mode: 0o600 });
  process.seteuid?.(65_534);
  try {
    using source = open(scratch.at('open'));
    expect(source.read(Buffer.alloc(4), 0)).toBe(1);
    expect(() => open(scratch.at('closed'))).toThrow(expect.objectContaining({ code: 'EACCES' }));
  } finally {
    process.seteuid?.(0);
  }
});

/** Takes a write lease, says so, and gives it back when the kernel asks (SIGIO): what a file server does. */
const LEASE = `
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
def give_back(*_):
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    sys.exit(0)
signal.signal(signal.SIGIO, give_back)
print('leased', flush=True)
while True: signal.pause()
`;

test.runIf(isLinux && isRoot && hasProgram('python3'))('a leased file is waited for', async () => {
  using scratch = new Scratch();
  const path = scratch.at('f');
  writeFileSync(path, 'leased');
  const holder: ChildProcess = spawn('python3', ['-c', LEASE, path.toString()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (holder.stdout === null) throw new Error('no pipe');
  const ended = once(holder, 'exit');
  await Promise.race([once(holder.stdout, 'data'), ended]);
  using source = open(path);
  expect(source.read(Buffer.alloc(10), 0)).toBe(6);
  expect(await ended).toEqual([0, null]);
});

test.runIf(isLinux)('a file of 100 GiB without content is no trouble', () => {
  using scratch = new Scratch();
  const path = scratch.at('large');
  const fd = openSync(path, 'w');
  ftruncateSync(fd, 100 * 2 ** 30);
  using source = open(path);
  expect(source.stat.size).toBe(100 * 2 ** 30);
  expect(source.read(Buffer.alloc(4), 100 * 2 ** 30 - 2)).toBe(2);
});

test('nothing is opened for writing, everything with O_NOATIME', ({ skip }) => {
  if (!isLinux || !hasProgram('strace')) return skip('skipped: strace');
  using scratch = new Scratch();
  mkdirSync(scratch.at('tree'));
  writeFileSync(scratch.at('tree', 'file'), 'content');
  writeFileSync(scratch.at('tree', '.neoignore'), '*.o\n');
  const reader = fileURLToPath(new URL('read-tree.ts', import.meta.url));
  const log = scratch.at('log').toString();
  const traced = ['-f', '-o', log, '-e', 'trace=%file,%desc', process.execPath, reader, scratch.at('tree').toString()];
  execFileSync('strace', traced, { stdio: 'pipe' });
  const calls = execFileSync('grep', ['-a', `${scratch.text}/tree`, log])
    .toString()
    .split('\n')
    .filter(Boolean);
  const opens = calls.filter((call) => /\bopen(at)?\(/.test(call));
  // The directory, .neoignore as rules and as a file, the other file.
  expect(opens).toHaveLength(4);
  for (const call of opens) {
    expect(call).toMatch(/O_RDONLY.*O_NOATIME/);
    expect(call).toContain('O_NOFOLLOW');
    expect(call).not.toMatch(/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/);
  }
  const others = calls.map((call) => /(\w+)\(/.exec(call)?.[1] ?? call).filter((name) => !name.startsWith('open'));
  const reading = ['execve', 'statx', 'lstat', 'newfstatat', 'llistxattr', 'lgetxattr', 'readlink'];
  expect([...new Set(others)].filter((name) => !reading.includes(name))).toEqual([]);
});
