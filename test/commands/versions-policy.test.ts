import { beforeAll, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.folder('work');
});

it('a policy of versions is set, shown, goes by what it says, and is taken away', async () => {
  const set = await user.neo([
    'policy',
    'set',
    '--path',
    'work',
    '--versions',
    'original,last:1',
    '--keep-deleted',
    '9d',
  ]);
  expect([set.code, set.stdout]).toEqual([0, 'stored: --versions original,last:1 --keep-deleted 9d\n']);
  expect((await user.neo(['policy', 'show', '--json'])).of('policy')).toMatchObject([
    { path: user.at('work'), versions: 'original,last:1', keepDeleted: '9d' },
  ]);
  for (const n of [1, 2, 3]) {
    await user.sh(`echo ${n} > work/file; echo same > work/other`);
    if (n === 3) await user.sh('rm work/other');
    await user.neo(['snapshot', 'work']);
  }
  const dry = await user.neo(['forget', '--keep-last', '1', '--yes', '--dry-run', '--json']);
  expect(dry.of('summary')[0]).toMatchObject({ removed: 2, versionsKept: 2, stashesDropped: 0 });
  const gone = await user.neo(['forget', '--keep-last', '1', '--yes']);
  expect(gone.stdout).toContain('removed 2 snapshots, 1 snapshot stays; 2 versions of files kept');
  expect((await user.neo(['snapshots', '--json'])).of('snapshot')).toHaveLength(1);
  expect((await user.neo(['stash', 'list', '--json'])).of('stash')).toEqual([]);
  expect((await user.neo(['versions', 'work/file', '--json'])).of('version')).toHaveLength(2);
  expect((await user.sh('neo cat work/file --version 1')).stdout).toBe('1\n');
  expect((await user.neo(['undelete', 'work/other'])).code).toBe(0);
  expect((await user.sh('cat work/other')).stdout).toBe('same\n');
  expect((await user.neo(['policy', 'set', '--path', 'work', '--versions', 'off'])).stdout).toBe(
    'stored: --versions off\n',
  );
  expect((await user.neo(['policy', 'show', '--json'])).of('policy')).toEqual([]);
  const removed = await user.neo(['policy', 'remove', '--path', 'work']);
  expect([removed.code, removed.stderr]).toEqual([1, expect.stringContaining('there is no such policy')]);
});

it.each([
  ['last', 'says nothing about versions'],
  ['', 'is empty'],
  ['original,sometimes:2', 'says nothing about versions'],
])('--versions %j is refused', async (rules, message) => {
  const run = await user.neo(['policy', 'set', '--versions', rules]);
  expect([run.code, run.stderr]).toEqual([2, expect.stringContaining(message)]);
});
