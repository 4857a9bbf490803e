import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();
let first = '';

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir work');
  for (const text of ['one', 'two', 'three']) {
    await user.sh(`echo ${text} > work/file`);
    const { of } = await user.neo(['snapshot', '--json', 'work']);
    first ||= String(of('summary')[0]?.['snapshot']).slice(0, 8);
  }
});

describe('neo pin and neo policy', () => {
  it('show pins where snapshots are listed, and keep them from rules and from their names', async () => {
    expect((await user.neo(['pin', first, '--reason', 'why not', '--for', '1y'])).stdout).toMatch(/^pinned 1 snapshot/);
    expect((await user.neo(['pin'])).stdout).toMatch(new RegExp(`${first} .* why not\n$`));
    expect((await user.neo(['snapshots'])).stdout).toMatch(new RegExp(`${first} .* snapshot, pinned `));
    expect((await user.neo(['policy', 'set', '--keep-last', '1'])).stdout).toBe('stored: --keep-last 1\n');
    expect((await user.neo(['policy', 'show'])).stdout).toMatch(/any +any +.* --keep-last 1\n$/);
    const { stdout } = await user.neo(['forget', '--dry-run']);
    expect(stdout).toMatch(new RegExp(`keep +${first} .* pinned`));
    expect(stdout).toContain('would remove 1 snapshot, 2 snapshots stay');
    const named = await user.neo(['forget', first]);
    expect([named.code, named.stderr]).toEqual([1, expect.stringContaining(`neo pin --remove ${first}`)]);
    expect((await user.neo(['pin', '--remove', first])).stdout).toBe('took 1 pin away\n');
    expect((await user.neo(['forget', first])).code).toBe(0);
  });

  it.each([
    [2, 'is past', ['pin', 'latest', '--until', '2020-01-01']],
    [2, 'no span of time', ['pin', 'latest', '--for', 'long']],
    [2, 'too long', ['pin', 'latest', '--for', '9999y']],
    [2, 'no snapshot is named', ['pin', '--remove']],
    [2, 'no snapshot is named', ['pin', '--reason', 'x']],
    [1, 'is not pinned', ['pin', '--remove', 'latest']],
    [1, 'no snapshot', ['pin', 'abcdabcd']],
    [2, 'nothing says which', ['policy', 'set', '--host', 'x']],
    [1, 'no such policy', ['policy', 'remove', '--host', 'x']],
    [2, 'there is no key', ['key', 'revoke', 'nobody']],
  ])('end with %i (%s) and change nothing', async (code, message, args) => {
    const before = await user.sh('ls -R .local/share/neo/repository/records');
    const run = await user.neo(args);
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
    expect((await user.sh('ls -R .local/share/neo/repository/records')).stdout).toBe(before.stdout);
  });
});
