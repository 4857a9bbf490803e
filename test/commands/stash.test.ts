import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();

async function stashes(): Promise<unknown[]> {
  return (await user.neo(['stash', 'list', '--json'])).of('stash').map(({ message }) => message);
}

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir work; echo saved > work/file; echo other > work/other');
  await user.neo(['snapshot', 'work']);
});

describe('neo stash', () => {
  it('keeps what is there now, beside all snapshots and rules', async () => {
    await user.sh('echo draft > work/file');
    expect((await user.neo(['stash', 'push', 'work/file', '-m', 'draft'])).stdout).toMatch(
      /^stashed 1 file of 6 B as /,
    );
    expect(await stashes()).toEqual(['draft']);
    expect((await user.neo(['stash', 'show'])).stdout).toBe(`${user.at('work/file')}\n`);
    const listed = (await user.neo(['snapshots', '--json'])).of('snapshot');
    expect(listed.map(({ kind }) => kind)).toEqual(['snapshot']);
    expect((await user.neo(['snapshots', '--json', '--kind', 'stash'])).of('snapshot')).toHaveLength(1);
    const all = listed.map(({ id }) => String(id));
    expect((await user.neo(['forget', ...all, '--trash', '0'])).code).toBe(0);
    expect((await user.neo(['prune', '--sole-writer', '--grace', '0', '--yes'])).code).toBe(0);
    expect(await stashes()).toEqual(['draft']);
    expect((await user.neo(['check', '--read-data'])).code).toBe(0);
    expect((await user.neo(['cat', 'work/file', '--version', '1'])).stdout).toBe('draft\n');
    await user.neo(['snapshot', 'work']);
  });

  it('is put back over what is saved, and not over what is saved nowhere', async () => {
    await user.sh('echo precious > work/file');
    const refused = await user.neo(['stash', 'apply']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('saved nowhere')]);
    expect((await user.sh('cat work/file')).stdout).toBe('precious\n');
    await user.neo(['stash', 'push', 'work/file', '-m', 'precious']);
    expect((await user.neo(['stash', 'apply', '1', '--dry-run'])).stdout).toContain('update');
    expect((await user.sh('cat work/file')).stdout).toBe('precious\n');
    expect((await user.neo(['stash', 'apply', '1'])).code).toBe(0);
    expect((await user.sh('cat work/file work/other')).stdout).toBe('draft\nother\n');
    expect((await user.neo(['stash', 'pop'])).code).toBe(0);
    expect((await user.sh('cat work/file')).stdout).toBe('precious\n');
    expect(await stashes()).toEqual(['draft']);
    expect((await user.neo(['undo'])).code).toBe(0);
    expect(await stashes()).toEqual(['precious', 'draft']);
  });

  it('is written over anything when that is asked for', async () => {
    await user.sh('echo scratch > work/file');
    expect((await user.neo(['stash', 'apply', '--overwrite'])).code).toBe(0);
    expect((await user.sh('cat work/file')).stdout).toBe('precious\n');
  });

  it('goes to the trash when it is dropped', async () => {
    expect((await user.neo(['stash', 'drop', '0', '-n'])).stdout).toContain('would drop 1 stash');
    expect((await user.neo(['stash', 'drop', '0', '1'])).stdout).toContain('dropped 2 stashes');
    expect(await stashes()).toEqual([]);
    const trashed = (await user.neo(['snapshots', '--trash', '--json'])).of('snapshot');
    expect(trashed.filter(({ kind }) => kind === 'stash')).toHaveLength(2);
  });

  it('does not take an empty file for the link that is stashed', async () => {
    await user.sh('ln -s file work/link');
    await user.neo(['stash', 'push', 'work/link']);
    await user.sh('rm work/link; : > work/link');
    expect((await user.neo(['stash', 'apply'])).stderr).toContain('saved nowhere');
    expect((await user.sh('stat -c %F work/link')).stdout).toBe('regular empty file\n');
    await user.neo(['stash', 'drop', '0']);
  });

  it('keeps nothing when a part cannot be kept', async () => {
    const before = await stashes();
    const run = await user.neo(['stash', 'push', 'work/file', 'work/missing']);
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining('nothing was stashed')]);
    expect(await stashes()).toEqual(before);
  });

  it('makes no repository for a dry run', async () => {
    const other = await User.make();
    await other.sh('echo x > file');
    expect((await other.neo(['stash', 'push', 'file', '-n'])).code).toBe(10);
  });

  it.each([
    [2, 'is a snapshot, not a stash', ['stash', 'show', 'latest']],
    [1, 'nothing is stashed', ['stash', 'apply']],
    [1, 'nothing is stashed', ['stash', 'drop', '7']],
    [1, 'nothing to save', ['stash', 'push', 'nothing']],
  ])('ends with %i (%s)', async (code, message, args) => {
    const run = await user.neo(args);
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});
