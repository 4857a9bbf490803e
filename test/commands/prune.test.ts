import { beforeAll, describe, expect, it } from 'vitest';
import { filesBelow, User } from './user.ts';

const user = await User.make();
const ids: string[] = [];

async function packs(): Promise<number> {
  return (await filesBelow(user.repository)).filter((name) => name.startsWith('packs/')).length;
}

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir work');
  for (const n of [1, 2, 3]) {
    await user.sh(`head -c 200000 /dev/urandom > work/f${n}; rm -f work/f${n - 1}`);
    ids.push(String((await user.neo(['snapshot', '--json', 'work'])).of('summary')[0]?.['snapshot']));
  }
});

describe('neo prune', () => {
  it('says with --dry-run what it would do, and does nothing', async () => {
    expect((await user.neo(['forget', '--trash', '0', ...ids.slice(0, 2)])).code).toBe(0);
    const before = await packs();
    const { code, stdout, stderr } = await user.neo(['prune', '-n', '--sole-writer']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^kept +\d+ packs?, .* of it unused\n/);
    expect(stdout).toMatch(/^marked +would be \d+ packs, .*, 2 snapshots$/m);
    expect(await packs()).toBe(before);
  });

  it('leaves what is young to those who may be about to use it', async () => {
    const { stdout } = await user.neo(['prune', '--max-unused', 'unlimited']);
    expect(stdout).toMatch(/^marked +0 packs, 0 B, 2 snapshots$/m);
    expect(stdout).toMatch(/^waiting .*: neo prune deletes them from \d{4}-/m);
  });

  it('frees everything at once for who writes alone', async () => {
    const before = await packs();
    const { code, of } = await user.neo(['prune', '--sole-writer', '--grace', '0', '--json']);
    expect(code).toBe(0);
    expect(of('summary')).toMatchObject([{ swept: { snapshots: 2 }, waiting: { packs: 0 }, lostBlobs: 0 }]);
    expect(await packs()).toBeLessThan(before);
    expect((await user.neo(['check', '--read-data'])).code).toBe(0);
    expect((await user.neo(['restore', 'latest', '--to', 'back'])).code).toBe(0);
    expect((await user.sh('cmp work/f3 "back$PWD/work/f3" && echo same')).stdout).toBe('same\n');
    expect((await user.neo(['prune', '--sole-writer'])).stdout).toContain('nothing to free\n');
  });

  it.each([
    [['--grace', '1m'], /--grace is less than 600 seconds/],
    [['--max-unused', '101%'], /more than all/],
    [['--max-unused', 'much'], /not a size/],
    [['--max-repack-size', '-1'], /./],
  ])('refuses %j', async (args, message) => {
    const { code, stderr, stdout } = await user.neo(['prune', ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  it('says so when the floor is lowered for tests', async () => {
    const { code, stderr } = await user.neo(['prune', '--grace', '2s'], { NEO_GRACE_FLOOR: '2s' });
    expect([code, stderr]).toEqual([0, expect.stringContaining('NEO_GRACE_FLOOR is set')]);
  });
});
