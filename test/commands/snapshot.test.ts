import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasProgram, isLinux, isRoot } from '../fs/scratch.ts';
import { Cli, lines } from './cli.ts';

let cli: Cli;
let count = 0;
/** A new folder for each test. */
let source: string;

beforeAll(async () => {
  cli = await Cli.make();
});
beforeEach(() => {
  count += 1;
  source = cli.path(`source${count}`);
  mkdirSync(source);
});
afterAll(() => cli[Symbol.dispose]());

function fill(): void {
  for (let i = 0; i < 5; i += 1) writeFileSync(join(source, `small${i}`), `small ${i} ${source}`);
  writeFileSync(join(source, 'large'), randomBytes(300_000));
  mkdirSync(join(source, 'sub'));
  writeFileSync(join(source, 'sub', 'x'), 'x');
}

const below = (names: readonly string[]): string[] => names.map((name) => join(source, name)).sort();

describe('sources', () => {
  test('relative, with dots and slashes, twice, and within each other', async () => {
    fill();
    const name = `source${count}`;
    const made = await cli.summary(['snapshot', name, `${name}/`, `./${name}/.`, join(source, 'sub'), `x/../${name}`]);
    expect(made).toMatchObject({ filesNew: 7, errors: 0 });
    const again = await cli.summary(['backup', '.'], { cwd: source });
    expect(again).toMatchObject({ filesUnmodified: 7, bytesAdded: 0 });
    expect(again.bytesStored).toBeLessThan(8192);
  });

  test('a single file, and a symlink, which is not followed', async () => {
    fill();
    symlinkSync('large', join(source, 'link'));
    expect(await cli.summary(['snapshot', join(source, 'large'), join(source, 'link')])).toMatchObject({ filesNew: 1 });
    expect((await cli.listed()).sort()).toEqual(below(['large', 'link']));
  });

  test('one that is missing fails the run alone, and is named beside others', async () => {
    fill();
    const alone = await cli.run(['snapshot', join(source, 'nothing')]);
    expect(alone.code).toBe(1);
    expect(alone.stderr).toContain(join(source, 'nothing'));
    const beside = await cli.run(['snapshot', join(source, 'nothing'), source]);
    expect(beside.code).toBe(3);
    expect(beside.stderr).toContain(join(source, 'nothing'));
    expect(await cli.listed()).toContain(join(source, 'sub/x'));
  });

  test('--as stores the only one elsewhere', async () => {
    fill();
    await cli.summary(['snapshot', source, '--as', '/other/place']);
    expect(await cli.listed()).toContain('/other/place/sub/x');
    expect((await cli.run(['snapshot', source, cli.path('key'), '--as', '/x'])).code).toBe(2);
  });

  test('from lists: lines, lines as they are, and ended by NUL', async () => {
    writeFileSync(join(source, '#one'), '1');
    writeFileSync(join(source, 'two\nlines'), '2');
    writeFileSync(join(source, 'three'), '3');
    const options = { cwd: source };
    await cli.summary(['snapshot', '--files-from', '-'], { ...options, input: '# comment\n\nthree\n' });
    expect(await cli.listed()).toEqual(below(['three']));
    writeFileSync(join(source, 'list'), '#one\nthree');
    await cli.summary(['snapshot', '--files-from-verbatim', 'list'], options);
    expect((await cli.listed()).sort()).toEqual(below(['#one', 'three']));
    await cli.summary(['snapshot', '--files-from-raw', '-', '#one'], { ...options, input: 'two\nlines\0three\0' });
    const { stdout } = await cli.run(['ls', 'latest', '-r', '--json']);
    expect(stdout.split('\n').filter((line) => line.includes('two\\nlines'))).toHaveLength(1);
    expect((await cli.run(['snapshot', '--files-from', 'no such list'], options)).code).toBe(2);
  });

  test('none is wrong usage, and so is an unknown flag', async () => {
    expect((await cli.run(['snapshot'], { input: source })).code).toBe(2);
    expect((await cli.run(['snapshot', source, '--exlude', 'x'])).code).toBe(2);
    expect((await cli.run(['snapshot', ''])).code).toBe(2);
  });
});

describe('streams', () => {
  test('--stdin is one file', async () => {
    const bytes = randomBytes(400_000);
    await cli.summary(['snapshot', '--stdin', '--stdin-filename', 'dumps/db.sql'], { input: bytes });
    const { stdout } = await cli.run(['cat', 'latest:/dumps/db.sql']);
    expect(Buffer.from(stdout, 'latin1').equals(bytes)).toBe(true);
    expect((await cli.run(['snapshot', '--stdin', source], { input: 'x' })).code).toBe(2);
  });

  test('a command that ends at once is saved whole, its words in their order', async () => {
    const flags = ['--stdin-from-command', '--host', 'db1', '--tag', 'b'];
    await cli.summary(['snapshot', ...flags, '--', 'printf', '%s.', 'a', 'b', 'db1', '--host']);
    expect((await cli.run(['cat', 'latest:/stdin'])).stdout).toBe('a.b.db1.--host.');
  });

  test('a command that fails publishes nothing', async () => {
    const before = readdirSync(join(cli.repo, 'snapshots'));
    for (const command of [['sh', '-c', 'echo x; exit 3'], ['sh', '-c', 'echo x; kill -9 $$'], ['no-such-program']]) {
      const run = await cli.run(['snapshot', '--stdin-from-command', '--', ...command]);
      expect(run.code, command.join(' ')).toBe(1);
      expect(run.stderr).toContain(command[0]);
    }
    expect(readdirSync(join(cli.repo, 'snapshots'))).toEqual(before);
    expect((await cli.run(['snapshot', '--stdin-from-command'])).code).toBe(2);
  });
});

function checksums(): string {
  return execFileSync('sh', ['-c', 'find . -type f -exec sha256sum {} + | sort'], { cwd: cli.repo, encoding: 'utf8' });
}

describe('--dry-run', () => {
  test('leaves the repository as it is', async () => {
    fill();
    const before = checksums();
    const dry = await cli.summary(['snapshot', '-n', source]);
    expect(dry).toMatchObject({ filesNew: 7, errors: 0 });
    expect(dry.snapshot).toBeNull();
    expect(checksums()).toBe(before);
  });

  test('makes no repository', async () => {
    const env = { NEO_REPO: undefined, NEO_KEY_FILE: undefined, NEO_PASSWORD: 'x', HOME: source };
    expect((await cli.run(['snapshot', '-n', source], { env })).code).toBe(10);
    expect(existsSync(join(source, '.local'))).toBe(false);
  });
});

describe('what is left out', () => {
  const leaves = async (flags: readonly string[]): Promise<string[]> => {
    await cli.summary(['snapshot', source, ...flags]);
    return (await cli.listed()).map((path) => path.slice(source.length + 1)).sort();
  };

  test('all flags at once', async () => {
    for (const folder of ['cache', 'marked', 'sub']) mkdirSync(join(source, folder));
    const names = ['a.tmp', 'B.LOG', 'keep', 'keep2', 'cache/c', 'marked/m', 'sub/listed', 'sub/x.keep'];
    for (const name of names) writeFileSync(join(source, name), name);
    writeFileSync(join(source, 'cache', 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55');
    writeFileSync(join(source, 'marked', '.nobackup'), '');
    writeFileSync(join(source, 'keep.big'), Buffer.alloc(3000));
    writeFileSync(join(source, '.gitignore'), 'keep2\n');
    writeFileSync(cli.path('patterns'), 'listed\n');
    const two = [
      '--exclude',
      '*.tmp',
      '-e',
      join(source, 'nothing'),
      '--iexclude',
      '*.log',
      '--exclude-file',
      cli.path('patterns'),
    ];
    const marks = ['--exclude-if-present', '.nobackup', '--exclude-caches', '--gitignore'];
    const left = await leaves([...two, ...marks, '--exclude-larger-than', '2k']);
    expect(left).toEqual(
      ['.gitignore', 'cache', 'cache/CACHEDIR.TAG', 'keep', 'marked', 'marked/.nobackup', 'sub', 'sub/x.keep'].sort(),
    );
    expect(await leaves(['--files', 'keep*', '--max-file-size', '2999'])).toEqual(['keep', 'keep2']);
  });

  test.runIf(isRoot && isLinux)('--one-file-system', async () => {
    fill();
    mkdirSync(join(source, 'mount'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', 'none', join(source, 'mount')], { stdio: 'ignore' });
    } catch {
      return;
    }
    try {
      writeFileSync(join(source, 'mount', 'inside'), 'x');
      expect(await leaves(['-x'])).not.toContain('mount/inside');
      expect(await leaves(['-x'])).toContain('mount');
      expect(await leaves([])).toContain('mount/inside');
    } finally {
      execFileSync('umount', [join(source, 'mount')]);
    }
  });
});

describe.runIf(hasProgram('strace'))('system calls', () => {
  const calls = async (which: string, args: readonly string[]): Promise<string> => {
    const log = cli.path('calls');
    const under = ['strace', '-f', '-y', '-s', '16', '-e', `trace=${which}`, '-o', log];
    expect((await cli.run(args, { under })).code).toBe(0);
    return readFileSync(log, 'latin1');
  };

  test('unchanged files are not opened, nothing ever for writing', async () => {
    fill();
    const first = await calls('open,openat,openat2,creat', ['snapshot', source]);
    const opens = (log: string): string[] =>
      log.split('\n').filter((line) => line.includes(source) && !line.includes('resumed>'));
    const opened = opens(first);
    expect(opened.filter((line) => line.includes('small3'))).toHaveLength(1);
    expect(opened.filter((line) => /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(line))).toEqual([]);
    expect(opened.filter((line) => line.includes('O_NOATIME')).length).toBe(opened.length);
    const second = await calls('open,openat,openat2,creat', ['snapshot', source]);
    const names = opens(second);
    expect(names.filter((line) => !line.includes('O_DIRECTORY'))).toEqual([]);
    expect(names).toHaveLength(2);
  });

  test('holes of a sparse file of 100 GiB are not read', async () => {
    const fd = openSync(join(source, 'sparse'), 'w');
    writeSync(fd, 'begin', 0);
    writeSync(fd, 'middle', 50 * 2 ** 30);
    closeSync(fd);
    truncateSync(join(source, 'sparse'), 100 * 2 ** 30);
    const log = await calls('read,pread64,readv,preadv', ['snapshot', source]);
    const reads = log.split('\n').filter((line) => line.includes('/sparse>'));
    const bytes = reads.reduce((sum, line) => sum + Number(/= (\d+)$/.exec(line)?.[1] ?? 0), 0);
    expect(reads.length).toBeGreaterThan(1);
    expect(bytes).toBeLessThan(1 << 20);
    expect(await cli.summary(['snapshot', source])).toMatchObject({
      bytesProcessed: 100 * 2 ** 30,
      filesUnmodified: 1,
    });
  });
});

test.runIf(isRoot)('what may not be read is named, and the rest is saved', async () => {
  fill();
  mkdirSync(join(source, 'closed'));
  for (const name of ['small0', 'closed']) chmodSync(join(source, name), 0);
  const theirs = cli.path('theirs');
  execFileSync('cp', ['-r', cli.repo, theirs]);
  execFileSync('cp', [cli.path('key'), `${theirs}.key`]);
  mkdirSync(`${theirs}.home`);
  execFileSync('chown', ['-R', '65534:65534', theirs, `${theirs}.key`, `${theirs}.home`]);
  const env = { NEO_REPO: theirs, NEO_KEY_FILE: `${theirs}.key`, HOME: `${theirs}.home` };
  const run = await cli.run(['snapshot', source], { env, uid: 65534 });
  expect(run.code, run.stderr).toBe(3);
  expect(run.stderr).toContain(`${join(source, 'small0')}: EACCES`);
  expect(run.stderr).toContain(join(source, 'closed'));
  // What could not be read is not among what was saved.
  expect(run.stdout).toContain('6 files: 6 new');
  const { stdout } = await cli.run(['ls', 'latest', '-r'], { env, uid: 65534 });
  expect(stdout.split('\n')).toContain(join(source, 'small1'));
  expect(stdout.split('\n')).not.toContain(join(source, 'small0'));
});

test('Ctrl-C leaves a partial snapshot, and the next run completes it', async () => {
  const line = 'text that compresses, but slowly at the highest level ';
  for (let i = 0; i < 40; i += 1)
    writeFileSync(join(source, `${i}`.padStart(2, '0')), `${randomBytes(100_000).toString('hex')}${line.repeat(2000)}`);
  const args = ['snapshot', source, '--compression', 'max', '--read-concurrency', '1', '--json'];
  const { child, done } = cli.start(args);
  let stopped = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (stopped || !/"bytes":[1-9]/.test(chunk.toString())) return;
    // A second one would stop it at once, without a snapshot.
    stopped = true;
    child.kill('SIGINT');
  });
  const run = await done;
  expect(run.code, run.stderr).toBe(130);
  expect(run.stderr).toContain('partial');
  const summary = lines(run).find(({ type }) => type === 'summary');
  expect(summary).toMatchObject({ kind: 'partial', snapshot: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect((await cli.run(['snapshots', '--latest', '1', '--json'])).stdout).toContain('"partial"');
  const { filesNew, filesUnmodified } = await cli.summary(['snapshot', source]);
  expect(filesNew + filesUnmodified).toBe(40);
  expect(await cli.listed()).toHaveLength(40);
});
