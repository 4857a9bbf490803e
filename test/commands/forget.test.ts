import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();
const ids: string[] = [];

async function snapshotIds(...flags: string[]): Promise<unknown[]> {
  return (await user.neo(['snapshots', '--json', ...flags])).of('snapshot').map(({ id }) => id);
}

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir work other; echo one > work/one; echo two > other/two');
  for (const args of [['work', '--tag', 'keep'], ['work'], ['other'], ['work']]) {
    await user.sh('date +%N >> work/one');
    ids.push(String((await user.neo(['snapshot', '--json', ...args])).of('summary')[0]?.['snapshot']));
  }
});

describe('neo forget', () => {
  it('says with --dry-run which would go and why the others stay, and does nothing', async () => {
    const { code, stdout, stderr } = await user.neo(['forget', '--keep-last', '2', '--keep-tag', 'keep', '-n']);
    expect([code, stderr]).toEqual([0, '']);
    const row = (id = ''): string => stdout.split('\n').find((line) => line.includes(id.slice(0, 8))) ?? '';
    expect(ids.map((id) => row(id).split(' ')[0])).toEqual(['keep', 'keep', 'keep', 'keep']);
    expect(row(ids[0])).toMatch(/ snapshot +keep +tag$/);
    expect(row(ids[3])).toMatch(/ snapshot +- +latest, last$/);
    expect(stdout).toMatch(/^\S+ \/.*\/work$/m);
    expect(stdout).toContain('would remove 0 snapshots, 4 snapshots stay; nothing was done\n');
    expect(await snapshotIds()).toEqual(ids);
  });

  it('puts them in the trash, where they are seen until undo', async () => {
    const { code, stdout } = await user.neo(['forget', '--keep-last', '2']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/removed 1 snapshot, 3 snapshots stay, in the trash until .*; to bring back: neo undo\n$/);
    expect(await snapshotIds()).toEqual(ids.slice(1));
    expect(await snapshotIds('--trash')).toEqual(ids.slice(0, 1));
    const gone = await user.neo(['ls', ids[0]?.slice(0, 8) ?? '']);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringMatching(/is in the trash.*\n.*neo undo/s)]);
    expect((await user.neo(['trash'])).stdout).toMatch(/ 1 +in the trash\n$/);
    expect((await user.neo(['undo', '-n'])).stdout).toContain('would bring back 1 snapshot');
    expect((await user.neo(['undo'])).stdout).toContain('brought back 1 snapshot, removed ');
    expect(await snapshotIds()).toEqual(ids);
    expect((await user.neo(['trash'])).stdout).toMatch(/ 1 +brought back\n$/);
    const again = await user.neo(['undo']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('nothing to undo')]);
  });

  it('shows in a dry run also what it would refuse', async () => {
    const { code, stdout, stderr } = await user.neo(['forget', '--keep-last', '1', '--dry-run']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('more than half; without --yes it is refused')]);
    expect(stdout.match(/^remove/gm)).toHaveLength(2);
    const agreed = await user.neo(['forget', '--keep-last', '1', '--dry-run', '--yes']);
    expect([agreed.code, agreed.stdout, agreed.stderr]).toEqual([0, stdout, '']);
    expect(await snapshotIds()).toEqual(ids);
  });

  it.each([
    [2, 'nothing says which', ['forget']],
    [2, 'no number of snapshots', ['forget', '--keep-daily', '0']],
    [2, 'no number of snapshots', ['forget', '--keep-last', '-1']],
    [2, 'no span of time', ['forget', '--keep-within', '5']],
    [2, 'nothing to group by', ['forget', '--keep-last', '1', '--group-by', 'colour']],
    [2, 'either name snapshots', ['forget', '--keep-last', '1', 'latest']],
    [1, 'more than half', ['forget', '--keep-last', '1']],
    [1, 'no snapshot', ['forget', 'abcdabcd']],
    [2, 'no such removal', ['undo', 'abcdabcd']],
  ])('ends with %i (%s) and changes nothing', async (code, message, args) => {
    const result = await user.neo(args);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(message)]);
    expect(await snapshotIds()).toEqual(ids);
  });
});
