import { readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();
const work = await user.folder('work');
/** Names as the disk has them. */
const BAD = Buffer.from([0x62, 0xff, 0xfe]);
const RED = 'r\u001b[31med\nline';

/** Pseudo-random, so that nothing compresses and several chunks arise. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.folder('work', 'sub', 'deep');
  await writeFile(join(work, 'plain'), 'hello');
  await writeFile(join(work, 'empty'), '');
  await writeFile(join(work, 'big'), noise(3_000_000));
  await writeFile(Buffer.concat([Buffer.from(`${work}/`), BAD]), 'bad');
  await writeFile(join(work, RED), 'red');
  await writeFile(join(work, 'sub/deep/file'), 'deep');
  await symlink('plain', join(work, 'link'));
  await user.sh(
    'cd work; mkfifo fifo; truncate -s 3M sparse; printf data | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none;' +
      'chmod 4750 plain; chmod 1777 sub; touch -d "2026-03-01T12:00:00.123456789Z" plain; ln plain sub/hard',
  );
  expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
});

const NAMES = ['big', 'b\\xff\\xfe', 'empty', 'fifo', 'link', 'plain', 'r\\x1b[31med\\x0aline', 'sparse', 'sub'];
const shown = (...names: readonly string[]): string[] => names.map((name) => `${work}/${name}`);

describe('neo ls', () => {
  it('lists what the snapshot took, one path a line, terminals spared', async () => {
    const { code, stdout, stderr } = await user.neo(['ls']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toEqual([...shown(...NAMES), '']);
  });

  it('lists a directory, a file, the root, and all below', async () => {
    const lines = async (...args: string[]): Promise<string[]> =>
      (await user.neo(['ls', ...args])).stdout.trimEnd().split('\n');
    expect(await lines(`latest:${work}/sub`)).toEqual(shown('sub/deep', 'sub/hard'));
    expect(await lines(`latest:${work}/sub/`)).toEqual(shown('sub/deep', 'sub/hard'));
    expect(await lines(`:${work.slice(1)}/sub/../sub/./deep`)).toEqual(shown('sub/deep/file'));
    expect(await lines(`latest:${work}/plain`)).toEqual(shown('plain'));
    expect(await lines('latest:/')).toEqual([`/${work.split('/')[1]}`]);
    expect(await lines('-r', `latest:${work}/sub`)).toEqual(shown('sub/deep', 'sub/deep/file', 'sub/hard'));
    const all = await lines('--recursive', 'latest:/');
    expect(all).toContain(work);
    expect(all.filter((path) => path.startsWith(`${work}/`))).toEqual([
      ...shown(...NAMES),
      ...shown('sub/deep', 'sub/deep/file', 'sub/hard'),
    ]);
  });

  it('tells more with -l', async () => {
    const { stdout } = await user.neo(['ls', '-l']);
    const line = (name: string): string => stdout.split('\n').find((text) => text.includes(`/${name}`)) ?? '';
    expect(line('plain')).toMatch(/^-rwsr-x--- 2 \S+ +\S+ +5 2026-03-01 \d\d:\d\d:00 .*\/work\/plain$/);
    expect(line('sub')).toMatch(/^drwxrwxrwt 1 .* - \d{4}-/);
    expect(line('fifo')).toMatch(/^p/);
    expect(line('link')).toMatch(/^lrwxrwxrwx .*\/work\/link -> plain$/);
    expect(line('sparse')).toContain(' 3145728 ');
  });

  it('gives a program bytes where names are no text', async () => {
    const { of, objects } = await user.neo(['ls', '--json']);
    const nodes = of('node');
    expect(objects().at(-1)).toMatchObject({ type: 'summary', nodes: nodes.length });
    expect(nodes.map((node) => node['type'])).toEqual(NAMES.map(() => 'node'));
    expect(nodes[1]).toMatchObject({ name: { b: BAD.toString('base64url') }, kind: 'file', size: 3 });
    expect(nodes[1]?.['path']).toEqual({ b: Buffer.concat([Buffer.from(`${work}/`), BAD]).toString('base64url') });
    expect(nodes[6]).toMatchObject({ name: RED, path: `${work}/${RED}` });
    expect(nodes[4]).toMatchObject({ kind: 'symlink', target: 'plain' });
    expect(nodes[5]).toEqual({
      v: 1,
      type: 'node',
      path: `${work}/plain`,
      name: 'plain',
      kind: 'file',
      mode: 0o4750,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      user: expect.any(String),
      group: expect.any(String),
      size: 5,
      mtime: '2026-03-01T12:00:00.123456789Z',
      ctime: expect.stringMatching(/\.\d{9}Z$/),
      birthtime: expect.stringMatching(/\.\d{9}Z$/),
      inode: String((await stat(join(work, 'plain'), { bigint: true })).ino),
      links: 2,
    });
  });

  it('says what is not there', async () => {
    const { code, stderr } = await user.neo(['ls', 'latest:/no/such']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/has nothing at \/no\/such\n {5}.*neo ls/)]);
    expect((await user.neo(['ls', 'latest~7'])).code).toBe(1);
    expect((await user.neo(['ls', '/home'])).code).toBe(2);
    expect((await user.neo(['ls', '--at', '2001-01-01'])).code).toBe(1);
  });

  it('ends quietly when nobody reads on', async () => {
    const { stdout, stderr } = await user.sh('set -o pipefail; neo ls -r latest:/ --json | head -n 1; echo $?');
    expect([stdout.split('\n').length, stdout.slice(-3), stderr]).toEqual([3, '\n0\n', '']);
  });
});

describe('neo cat', () => {
  it.each([
    ['plain', 'plain'],
    ['empty', 'empty'],
    ['big', 'big'],
    ['sparse', 'sparse'],
    ['b\\xff\\xfe', BAD],
    ['r\\x1b[31med\\x0aline', RED],
    [RED, RED],
    ['sub/deep/file', 'sub/deep/file'],
  ])('prints %j', async (name, file) => {
    const { code, stderr } = await user.sh(`neo cat "$NAME" > out-of-cat`, { NAME: `latest:${work}/${name}` });
    expect([code, stderr]).toEqual([0, '']);
    const original = await readFile(Buffer.concat([Buffer.from(`${work}/`), Buffer.from(file)]));
    expect(Buffer.compare(await readFile(user.at('out-of-cat')), original)).toBe(0);
  });

  it('gives a program objects', async () => {
    const { code, objects } = await user.neo(['cat', '--json', `latest:${work}/sparse`]);
    expect(code).toBe(0);
    const parts = objects().map((object) =>
      object['type'] === 'hole'
        ? Buffer.alloc(Number(object['length']))
        : Buffer.from(String(object['bytes']), 'base64url'),
    );
    expect(Buffer.compare(Buffer.concat(parts), await readFile(join(work, 'sparse')))).toBe(0);
  });

  it.each([
    [`latest:work`, 1, 'has nothing at work'],
    ['SUB', 1, 'is a directory, not a file'],
    ['latest:/', 1, '/ is a directory'],
    ['LINK', 1, 'is a symbolic link to plain, not a file'],
    ['FIFO', 1, 'is a fifo, not a file'],
    ['latest', 2, 'no path given'],
    ['plain', 2, 'no path given'],
  ])('refuses %s', async (reference, expected, message) => {
    const full = /^[A-Z]+$/.test(reference) ? `latest:${work}/${reference.toLowerCase()}` : reference;
    const { code, stdout, stderr } = await user.neo(['cat', full]);
    expect([code, stdout, stderr]).toEqual([expected, '', expect.stringContaining(message)]);
  });
});

describe('damage', () => {
  /** The packs that the last snapshot of a user brought. */
  async function packs(of: User): Promise<string[]> {
    const names = await readdir(join(of.repository, 'packs'), { recursive: true });
    return names.filter((name) => /[0-9a-f]{64}$/.test(name)).map((name) => join(of.repository, 'packs', name));
  }

  it('of a directory costs what is in it, and ends with 15', async () => {
    const other = await User.make();
    await other.sh('mkdir -p t/old t/young; echo 1 > t/old/file; neo snapshot t');
    const first = await packs(other);
    await other.sh('echo 2 > t/young/file; neo snapshot t');
    for (const path of first) await rename(path, other.at('hidden'));
    const { code, of, stderr, objects } = await other.neo(['ls', '-r', '--json']);
    expect(code).toBe(15);
    expect(of('node').map((node) => node['path'])).toEqual(
      ['old', 'young', 'young/file'].map((at) => other.at('t', at)),
    );
    expect(of('warning')).toMatchObject([{ path: other.at('t/old') }]);
    expect(stderr).toContain(`${other.at('t/old')}: cannot be read`);
    expect(objects().at(-1)).toMatchObject({ type: 'error', code: 'integrity' });
    const cat = await other.neo(['cat', `latest:${other.at('t/old/file')}`]);
    expect([cat.code, cat.stdout]).toEqual([15, '']);
    const whole = await other.neo(['cat', `latest:${other.at('t/young/file')}`]);
    expect([whole.code, whole.stdout]).toEqual([0, '2\n']);
  });

  it('of data is never printed', async () => {
    const other = await User.make();
    await other.sh('neo init --compression off; mkdir t');
    await writeFile(other.at('t/file'), noise(3_000_000));
    await other.neo(['snapshot', 't']);
    const contents = await Promise.all(
      (await packs(other)).map(async (path) => ({ path, bytes: await readFile(path) })),
    );
    // The pack of the file; that of the trees is small.
    const { path: pack, bytes } = contents.reduce((a, b) => (a.bytes.length > b.bytes.length ? a : b));
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    await writeFile(pack, bytes);
    const { code, stderr } = await other.sh(`neo cat latest:${other.at('t/file')} > printed`);
    expect([code, stderr]).toEqual([15, expect.stringContaining('cannot be read')]);
    const printed = await readFile(other.at('printed'));
    expect(printed.length).toBeLessThan(3_000_000);
    expect(Buffer.compare(printed, noise(3_000_000).subarray(0, printed.length))).toBe(0);
  });
});
