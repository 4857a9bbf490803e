import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IgnoreRules } from '../../src/fs/ignore-rules.ts';
import { joinPath, pathOf } from '../../src/fs/path.ts';
import { reachPath } from '../../src/fs/reach.ts';
import { openSource } from '../../src/fs/source-file.ts';
import { lstatPath } from '../../src/fs/stat.ts';
import { type EnterEvent, type WalkEvent, walk } from '../../src/fs/walk.ts';
import { ignoreFilter, type UnreadableRules } from '../../src/fs/walk-filter.ts';
import { isLinux, isRoot, libcOrThrow, makeDeep, makeDirectory, Scratch } from './scratch.ts';

/** `enter a`, `entry a/b`, `leave a`: paths from the root of the walk, in latin1. */
function outline(root: Uint8Array, events: Iterable<WalkEvent>): string[] {
  const short = (path: Uint8Array) => Buffer.from(path.subarray(root.length + 1)).toString('latin1');
  return [...events].map((event) => {
    const tail = event.kind === 'error' ? ` ${event.code}` : event.kind === 'leave' && !event.complete ? ' gaps' : '';
    return `${event.kind} ${short(event.path)}${tail}`;
  });
}

const openDescriptors = () => readdirSync('/proc/self/fd').length;

test('depth first, in the order of the bytes', () => {
  using scratch = new Scratch();
  mkdirSync(scratch.at('b'));
  for (const name of ['b/z', 'a', 'b.c', 'b/Y', 'ä', 'B']) writeFileSync(scratch.at(name), '');
  expect(outline(scratch.path, walk(scratch.path))).toEqual([
    'enter ',
    'entry B',
    'entry a',
    'enter b',
    'entry b/Y',
    'entry b/z',
    'leave b',
    'entry b.c',
    `entry ${Buffer.from('ä').toString('latin1')}`,
    'leave ',
  ]);
});

test.runIf(isLinux)('any names that the kernel takes, all of them and sorted', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 255 })
    .map((raw) => Buffer.from(raw.map((byte) => (byte === 0 || byte === 0x2f ? 0x80 : byte))))
    .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));
  const names = fc.uniqueArray(name, { maxLength: 20, selector: (bytes) => bytes.toString('latin1') });
  fc.assert(
    fc.property(names, (wanted) => {
      using scratch = new Scratch();
      for (const each of wanted) writeFileSync(joinPath(scratch.path, each), each);
      const seen = [...walk(scratch.path)].filter((event) => event.kind === 'entry');
      expect(seen.map((event) => event.name)).toEqual(wanted.toSorted(Buffer.compare));
      for (const event of seen) expect(readFileSync(Buffer.from(event.access))).toEqual(event.name);
    }),
    { numRuns: 25 },
  );
});

test('a root may be a file, a symlink, or nothing', () => {
  using scratch = new Scratch();
  writeFileSync(scratch.at('f'), 'x');
  symlinkSync('.', scratch.at('l'));
  expect([...walk(scratch.at('f'))]).toMatchObject([{ kind: 'entry', name: pathOf('f'), stat: { type: 'file' } }]);
  expect([...walk(scratch.at('l'))]).toMatchObject([{ kind: 'entry', stat: { type: 'symlink' } }]);
  expect([...walk(scratch.at('none'))]).toMatchObject([{ kind: 'error', code: 'ENOENT', vanished: true }]);
});

test('what vanishes or is replaced meanwhile is said, and the walk goes on', () => {
  using scratch = new Scratch();
  for (const name of ['a', 'c', 'd', 'e']) mkdirSync(scratch.at(name));
  writeFileSync(scratch.at('b'), '');
  const seen: WalkEvent[] = [];
  for (const event of walk(scratch.path)) {
    if (event.kind === 'leave' && seen.length === 2) {
      rmSync(scratch.at('b'));
      renameSync(scratch.at('c'), scratch.at('z'));
      symlinkSync('a', scratch.at('c'));
      rmSync(scratch.at('d'), { recursive: true });
      writeFileSync(scratch.at('d'), 'a file now');
    }
    seen.push(event);
  }
  expect(outline(scratch.path, seen)).toEqual([
    'enter ',
    'enter a',
    'leave a',
    'error b ENOENT',
    'entry c',
    'entry d',
    'enter e',
    'leave e',
    'leave ',
  ]);
});

test.runIf(isLinux)('a walk that is given up leaves no descriptor open', () => {
  using scratch = new Scratch();
  const deep = makeDeep(scratch.path, Buffer.alloc(250, 'd'), 40, () => undefined);
  const before = openDescriptors();
  let held = 0;
  for (const event of walk(scratch.path)) {
    if (event.path.length === deep.length) {
      held = openDescriptors() - before;
      break;
    }
  }
  expect(held).toBeGreaterThan(1);
  expect(openDescriptors()).toBe(before);
});

test.runIf(isLinux)('paths beyond 4,096 bytes are walked and read', () => {
  using scratch = new Scratch();
  const name = Buffer.concat([Buffer.from([0xff]), Buffer.alloc(200, 'n')]);
  const deep = makeDeep(scratch.path, name, 60, (bottom) => {
    writeFileSync(joinPath(bottom, pathOf('file')), 'deep');
    symlinkSync('target', joinPath(bottom, pathOf('link')));
  });
  const before = openDescriptors();
  const events = [...walk(scratch.path)];
  expect(events.filter((event) => event.kind === 'error')).toEqual([]);
  expect(events.filter((event) => event.kind === 'enter')).toHaveLength(61);
  const file = joinPath(deep, pathOf('file'));
  expect(file.length).toBeGreaterThan(12_000);
  const found = events.find((event) => event.kind === 'entry' && event.stat.type === 'file');
  expect(found?.path).toEqual(file);
  using reached = reachPath(file);
  const stat = lstatPath(reached.path);
  if (stat === undefined) throw new Error('not reached');
  const source = openSource(file, stat);
  if (source === 'changed') throw new Error('changed');
  const bytes = Buffer.alloc(10);
  expect(bytes.toString('utf8', 0, source.read(bytes, 0))).toBe('deep');
  expect(source.finish().change).toBe('none');
  reached[Symbol.dispose]();
  // The root itself may be that far down.
  expect(outline(deep, walk(deep))).toEqual(['enter ', 'entry file', 'entry link', 'leave ']);
  expect(openDescriptors()).toBe(before);
});

test.runIf(isLinux && isRoot)('a directory inside itself by a bind mount is not entered again', ({ skip }) => {
  using scratch = new Scratch();
  const inner = makeDirectory(scratch.at('a', 'b', 'again'));
  try {
    execFileSync('mount', ['--bind', scratch.at('a').toString(), inner.toString()], { stdio: 'pipe' });
  } catch {
    return skip('mount is not allowed here');
  }
  try {
    expect(outline(scratch.path, walk(scratch.path))).toEqual([
      'enter ',
      'enter a',
      'enter a/b',
      'error a/b/again CYCLE',
      'leave a/b gaps',
      'leave a gaps',
      'leave  gaps',
    ]);
  } finally {
    execFileSync('umount', [inner.toString()]);
  }
});

test.runIf(isLinux && isRoot)('one file system: what is mounted is recorded and not read', ({ skip }) => {
  using scratch = new Scratch();
  const mounted = makeDirectory(scratch.at('m'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', mounted.toString()], { stdio: 'pipe' });
  } catch {
    return skip('mount is not allowed here');
  }
  try {
    writeFileSync(scratch.at('m', 'inside'), '');
    const events = [...walk(scratch.path, { oneFileSystem: true })];
    expect(outline(scratch.path, events)).toEqual(['enter ', 'enter m', 'leave m', 'leave ']);
    expect(events[1]).toMatchObject({ boundary: true });
    expect(outline(scratch.path, walk(scratch.path))).toContain('entry m/inside');
    expect(outline(mounted, walk(mounted, { oneFileSystem: true }))).toContain('entry inside');
  } finally {
    execFileSync('umount', [mounted.toString()]);
  }
});

test.runIf(isLinux && isRoot)('a directory that may not be read is recorded, with an error', () => {
  using scratch = new Scratch();
  chmodSync(scratch.path, 0o755);
  for (const name of ['closed', 'listed', 'open']) mkdirSync(scratch.at(name));
  for (const name of ['closed/f', 'listed/f', 'open/f']) writeFileSync(scratch.at(name), '');
  chmodSync(scratch.at('closed'), 0o700);
  chmodSync(scratch.at('listed'), 0o744);
  const seen = asNobody(() => outline(scratch.path, walk(scratch.path)));
  expect(seen).toEqual([
    'enter ',
    'enter closed',
    'error closed EACCES',
    'leave closed gaps',
    'enter listed',
    'error listed/f EACCES',
    'leave listed gaps',
    'enter open',
    'entry open/f',
    'leave open',
    'leave  gaps',
  ]);
});

/** Rights are asked of the thread that calls: node:process changes them for the process, so back again at once. */
function asNobody<T>(call: () => T): T {
  process.setegid?.(65_534);
  process.seteuid?.(65_534);
  try {
    return call();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

test('ignore files leave out what they name, and say which rule', () => {
  using scratch = new Scratch();
  mkdirSync(scratch.at('d'));
  for (const name of ['a.o', 'b.c', 'd/a.o', 'd/keep.o']) writeFileSync(scratch.at(name), '');
  writeFileSync(scratch.at('.neoignore'), '*.o\n');
  writeFileSync(scratch.at('d', '.neoignore'), '!keep.o\n');
  const problems: UnreadableRules[] = [];
  const filter = ignoreFilter(new IgnoreRules(), scratch.path, (problem) => problems.push(problem));
  const events = [...walk(scratch.path, { filter })];
  expect(outline(scratch.path, events)).toEqual([
    'enter ',
    'entry .neoignore',
    'excluded a.o',
    'entry b.c',
    'enter d',
    'entry d/.neoignore',
    'excluded d/a.o',
    'entry d/keep.o',
    'leave d',
    'leave ',
  ]);
  const excluded = events.find((event) => event.kind === 'excluded');
  expect(Buffer.from(excluded?.kind === 'excluded' ? (excluded.rule?.pattern ?? []) : []).toString()).toBe('*.o');
  expect(problems).toEqual([]);
});

test.runIf(isLinux && isRoot)('an ignore file that cannot be read is told, a symlink is none', () => {
  using scratch = new Scratch();
  chmodSync(scratch.path, 0o755);
  writeFileSync(scratch.at('f'), '');
  writeFileSync(scratch.at('.neoignore'), 'f\n', { mode: 0o600 });
  symlinkSync('.neoignore', scratch.at('.backupignore'));
  const problems: UnreadableRules[] = [];
  const filter = ignoreFilter(new IgnoreRules(), scratch.path, (problem) => problems.push(problem));
  const seen = asNobody(() => outline(scratch.path, walk(scratch.path, { filter })));
  expect(seen).toContain('entry f');
  expect(problems).toMatchObject([{ path: scratch.at('.neoignore'), code: 'EACCES' }]);
});

test('a directory of 100,000 names', () => {
  using scratch = Scratch.inMemory();
  for (let index = 0; index < 100_000; index += 1)
    closeSync(openSync(scratch.at(`file-${(index * 7919) % 100_003}`), 'w'));
  let last: Uint8Array = Buffer.alloc(0);
  let count = 0;
  for (const event of walk(scratch.path)) {
    if (event.kind !== 'entry') continue;
    if (Buffer.compare(last, event.name) >= 0) throw new Error('out of order');
    last = event.name;
    count += 1;
  }
  expect(count).toBe(100_000);
});

test.runIf(isLinux)('the descriptor of a directory is good while it is entered', () => {
  using scratch = new Scratch();
  const libc = libcOrThrow();
  throwIfNegative(libc.lsetxattr(scratch.path, pathOf('user.a'), pathOf('v')));
  const first = walk(scratch.path).next().value as EnterEvent;
  const into = Buffer.alloc(10);
  expect(libc.fgetxattr(first.fd ?? -1, pathOf('user.a'), into)).toBe(1);
});

function throwIfNegative(result: number): void {
  if (result < 0) throw new Error(`errno ${-result}`);
}

test.runIf(isLinux)('access times of directories stay', () => {
  using scratch = new Scratch();
  mkdirSync(scratch.at('d'));
  writeFileSync(scratch.at('d', 'f'), '');
  execFileSync('touch', ['-a', '-d', '2001-01-01', scratch.at('d').toString(), scratch.text]);
  const before = [scratch.path, scratch.at('d')].map((path) => lstatPath(path)?.atime);
  for (const _ of walk(scratch.path)) void _;
  expect([scratch.path, scratch.at('d')].map((path) => lstatPath(path)?.atime)).toEqual(before);
});
