import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type JsonObject, User } from './user.ts';

const user = await User.make();
const ids: string[] = [];

/** Six characters of what each snapshot is known by. */
function labels(objects: readonly JsonObject[]): unknown[] {
  return objects.map((object) => object['label']);
}

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir -p work/deep other; echo one > work/one; echo two > other/two');
  const runs = [
    ['work', '--label', 'first', '--host', 'laptop', '--tag', 'daily', '--tag', 'kind=test'],
    ['other', '--label', 'second', '--host', 'server', '--tag', 'daily'],
    ['work', 'other', '--label', 'third', '--host', 'laptop', '--description', 'both'],
  ];
  for (const args of runs) {
    const { of, code } = await user.neo(['snapshot', '--json', ...args]);
    expect(code).toBe(0);
    ids.push(String(of('summary')[0]?.['snapshot']));
  }
});

describe('neo snapshots', () => {
  it('is a table, oldest first', async () => {
    const { code, stdout, stderr } = await user.neo(['snapshots']);
    expect([code, stderr]).toEqual([0, '']);
    const [header, ...rows] = stdout.trimEnd().split('\n');
    expect(header).toMatch(/^ID +TIME +HOST +KIND +NEW +TOTAL +TAGS +PATHS$/);
    expect(rows.map((row) => row.slice(0, 8))).toEqual(ids.map((id) => id.slice(0, 8)));
    expect(rows[0]).toMatch(/ laptop +snapshot +\d.* daily kind=test "first" +\/.*\/work$/);
    expect(rows[2]).toContain(`${user.at('work')} ${user.at('other')}`);
  });

  it('gives a program all there is', async () => {
    const { of, objects } = await user.neo(['snapshots', '--json', 'latest']);
    expect(objects().at(-1)).toEqual({ v: 1, type: 'summary', snapshots: 1, faults: 0 });
    expect(of('snapshot')).toEqual([
      {
        v: 1,
        type: 'snapshot',
        id: ids[2],
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        received: expect.any(String),
        kind: 'snapshot',
        host: 'laptop',
        user: expect.any(String),
        uid: process.getuid?.(),
        paths: [user.at('work'), user.at('other')],
        tags: [],
        label: 'third',
        description: 'both',
        client: expect.stringMatching(/^[0-9a-f]{32}$/),
        program: expect.stringContaining('neo/'),
        excludes: [],
        statistics: expect.objectContaining({ filesNew: 2, bytesProcessed: 8, errors: 0 }),
      },
    ]);
  });

  it.each([
    [['--host', 'laptop', '--tag', 'daily,kind=test', '--tag', 'none'], ['first']],
    [
      ['--path', 'work/deep/x', '--path', 'othe'],
      ['first', 'third'],
    ],
    [
      ['--host', 'server', '--host', 'laptop', '--latest', '2'],
      ['second', 'third'],
    ],
    [
      ['latest', 'latest~2', '--latest', '9'],
      ['first', 'third'],
    ],
    [['--at', '2001-01-01'], []],
    [['--at', 'tomorrow', '--latest', '1'], ['third']],
  ])('%j gives %j', async (args, expected) => {
    const { code, of } = await user.neo(['snapshots', '--json', ...args]);
    expect([code, labels(of('snapshot'))]).toEqual([0, expected]);
  });

  it('finds one by the start of its id, and refuses what is none', async () => {
    expect(labels((await user.neo(['snapshots', '--json', ids[1]?.slice(0, 8) ?? ''])).of('snapshot'))).toEqual([
      'second',
    ]);
    expect((await user.neo(['snapshots', 'yesterday'])).code).toBe(2);
    expect((await user.neo(['snapshots', '0000000000'])).code).toBe(1);
    expect((await user.neo(['snapshots', '--at', 'when?'])).code).toBe(2);
    expect((await user.neo(['snapshots', '--latest', '0'])).code).toBe(2);
  });

  it('says so when there is nothing', async () => {
    const empty = await User.make();
    expect((await empty.neo(['snapshots'])).code).toBe(10);
    await empty.neo(['init']);
    const { code, stdout, stderr } = await empty.neo(['snapshots']);
    expect([code, stdout, stderr]).toEqual([0, '', 'neo: there are no snapshots yet\n']);
    expect((await user.neo(['snapshots', '--host', 'nobody'])).stderr).toContain('none of 3 snapshots');
  });

  it('refuses a wrong password, and a key that may only write', async () => {
    expect((await user.neo(['snapshots'], { NEO_KEY_FILE: '', NEO_PASSWORD: 'wrong' })).code).toBe(12);
    const added = await user.neo(['key', 'add', '--role', 'write', '--out', user.at('write.key')]);
    expect([added.code, added.stderr]).toEqual([0, expect.any(String)]);
    const key = ['--key-file', user.at('write.key')];
    for (const args of [['snapshots'], ['ls', 'latest'], ['cat', `latest:${user.at('work/one')}`]]) {
      const { code, stdout, of } = await user.neo([...args, ...key, '--json']);
      expect([code, of('error')]).toEqual([13, [expect.objectContaining({ code: 'permission-denied' })]]);
      expect(stdout.split('\n')).toHaveLength(2);
    }
  });
});

describe('what is wrong in a repository', () => {
  it('a snapshot that is gone is an alarm, until it is back', async () => {
    const { stderr } = await user.neo(['snapshots']);
    expect(stderr).toBe('');
    const path = join(user.repository, 'snapshots', ids[2] ?? '');
    await rename(path, user.at('hidden'));
    for (let time = 0; time < 2; time++) {
      const gone = await user.neo(['snapshots', '--json']);
      expect([gone.code, labels(gone.of('snapshot'))]).toEqual([15, ['first', 'second']]);
      expect(gone.of('warning')).toEqual([expect.objectContaining({ message: expect.stringMatching(/^ALARM: /) })]);
      expect(gone.stderr).toContain(`warning: ALARM: snapshot ${ids[2]?.slice(0, 8)} was there and is gone`);
    }
    await rename(user.at('hidden'), path);
    expect(await user.neo(['snapshots'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('every command that looks at snapshots says so with 15, until it is accepted', async () => {
    const other = await User.make();
    await other.openWithKeyFile();
    await other.sh('mkdir work; echo 1 > work/a');
    for (let n = 0; n < 3; n++) await other.neo(['snapshot', 'work']);
    const newest = (await other.neo(['snapshots', '--json'])).of('snapshot').at(-1)?.['id'];
    await rm(join(other.repository, 'snapshots', String(newest)));
    const alarm = expect.stringMatching(/ALARM: snapshot .* is gone, and nobody removed it\n.*--accept-rollback/s);
    const looking = ['snapshots', 'ls latest', 'restore latest --to back', 'snapshot work', 'trash', 'key list', 'pin'];
    for (const args of [...looking, 'policy show', 'repair index'].map((line) => line.split(' '))) {
      expect(await other.neo(args), args.join(' ')).toMatchObject({ code: 15, stderr: alarm });
    }
    expect((await other.neo(['snapshots', '--json'])).of('snapshot')).toHaveLength(3);
    expect((await other.sh('cmp work/a back$PWD/work/a && echo same')).stdout).toBe('same\n');
    for (const args of [['forget', '--keep-last', '2'], ['prune']]) {
      expect(await other.neo(args), args.join(' ')).toMatchObject({
        code: 15,
        stderr: expect.stringMatching(/is missing|is gone|went back/),
      });
    }
    expect((await other.neo(['snapshots', '--json'])).of('snapshot')).toHaveLength(3);
    expect(await other.neo(['snapshots', '--accept-rollback'])).toMatchObject({ code: 0, stderr: '' });
    for (const args of [['snapshots'], ['snapshot', 'work'], ['forget', '--keep-last', '3'], ['prune'], ['check']]) {
      expect(await other.neo(args), args.join(' ')).toMatchObject({ code: 0 });
    }
  });

  it('a damaged snapshot is named, the others are listed, and the end is 15', async () => {
    const path = join(user.repository, 'snapshots', ids[1] ?? '');
    const bytes = await readFile(path);
    const changed = Buffer.from(bytes);
    changed[700] = (changed[700] ?? 0) ^ 0x55;
    await writeFile(path, changed);
    const { code, of, stderr, objects } = await user.neo(['snapshots', '--json']);
    expect([code, labels(of('snapshot'))]).toEqual([15, ['first', 'third']]);
    expect(of('warning')).toHaveLength(1);
    expect(stderr).toContain(`snapshot ${ids[1]?.slice(0, 8)} cannot be read`);
    expect(objects().at(-1)).toMatchObject({ type: 'error', code: 'integrity' });
    await writeFile(path, bytes);
  });

  it('an object that nobody of this repository signed is no snapshot', async () => {
    const name = 'ab'.repeat(32);
    const path = join(user.repository, 'snapshots', name);
    await writeFile(path, 'not a snapshot');
    const { code, of } = await user.neo(['snapshots', '--json']);
    expect([code, of('snapshot').length, of('warning').length]).toEqual([15, 3, 1]);
    await rename(path, user.at('garbage'));
    expect(await readdir(join(user.repository, 'snapshots'))).toHaveLength(3);
  });
});

it('where several keys made snapshots, the table says which made each, whatever host they claim', async () => {
  const owner = await User.make();
  await owner.openWithKeyFile();
  await owner.sh('mkdir -p work; echo one > work/one');
  await owner.neo(['key', 'add', '--role', 'write', '--label', 'thief', '--out', owner.at('write.key')]);
  const snapshot = ['snapshot', 'work', '--host', 'laptop'];
  expect((await owner.neo(snapshot)).code).toBe(0);
  expect((await owner.neo(['snapshots'])).stdout).not.toContain('KEY');
  expect((await owner.neo([...snapshot, '--key-file', owner.at('write.key')])).code).toBe(0);
  const keys = (await owner.neo(['key', 'list', '--json'])).of('key');
  const thief = String(keys.find(({ label }) => label === 'thief')?.['id']);
  const [header, first, second] = (await owner.neo(['snapshots'])).stdout.split('\n');
  expect(header).toMatch(/^ID +TIME +HOST +KEY +KIND /);
  expect(first).not.toContain(thief.slice(0, 8));
  expect(second).toContain(` laptop  ${thief.slice(0, 8)}  snapshot `);
  // Also where the filter leaves those of one key alone.
  expect((await owner.neo(['snapshots', '--latest', '1'])).stdout).toContain(thief.slice(0, 8));
});
