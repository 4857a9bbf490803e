import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();

async function listed(): Promise<unknown[]> {
  return (await user.neo(['snapshots', '--json'])).of('snapshot').map(({ tags }) => tags);
}

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir work; echo password > work/.env; for n in 1 2 3 4; do echo $n > work/$n; done');
  await user.neo(['snapshot', 'work', '--tag', 'a']);
  await user.sh('echo 5 > work/5');
  await user.neo(['snapshot', 'work']);
});

describe('neo tag and neo rewrite', () => {
  it('change tags, and leave the order and the trash as they should be', async () => {
    expect((await user.neo(['tag', 'latest~1', '--add', 'b,c', '--remove', 'a', '-n'])).stdout).toContain(
      'would be made anew',
    );
    expect(await listed()).toEqual([['a'], []]);
    const { stdout } = await user.neo(['tag', 'latest~1', '--add', 'b,c', '--remove', 'a']);
    expect(stdout).toMatch(/is now .*\n1 snapshot made anew; the originals are in the trash: neo undo\n$/);
    expect(await listed()).toEqual([['b', 'c'], []]);
    await user.neo(['tag', '--all', '--set', 'x']);
    expect(await listed()).toEqual([['x'], ['x']]);
    expect((await user.neo(['tag', '--all', '--set', 'x'])).stdout).toContain('0 snapshots made anew, 2 as they were');
  });

  it('make a password go for good', async () => {
    const { stdout, stderr } = await user.neo(['rewrite', '--all', '--exclude', '.env', '--trash', '0']);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^dropped .*\.env\n/), expect.stringContaining('--empty')]);
    expect((await user.neo(['trash', '--empty'])).stdout).toContain('has ended');
    expect((await user.neo(['prune', '--sole-writer', '--grace', '0', '--max-unused', '0', '--yes'])).code).toBe(0);
    expect((await user.neo(['find', '.env', '--json'])).of('hit')).toEqual([]);
    const checked = (await user.neo(['check', '--read-data', '--json'])).of('summary')[0];
    expect([checked?.['unreferencedBlobs'], checked?.['damages']]).toEqual([0, 0]);
    await user.neo(['restore', 'latest', '--to', 'back']);
    expect((await user.sh('diff -r work back$PWD/work')).stdout).toBe('Only in work: .env\n');
  });

  it.each([
    [2, 'which tags', ['tag', 'latest']],
    [2, '--set goes with', ['tag', 'latest', '--set', 'a', '--add', 'b']],
    [2, 'no snapshot is named', ['tag', '--add', 'b']],
    [2, 'either some by name', ['tag', 'latest', '--all', '--add', 'b']],
    [2, 'what is to change', ['rewrite', 'latest']],
    [2, 'not a date', ['rewrite', 'latest', '--time', 'some day']],
    [1, 'no snapshot', ['rewrite', 'abcdabcd', '--host', 'x']],
  ])('end with %i (%s)', async (code, message, args) => {
    const run = await user.neo(args);
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});
