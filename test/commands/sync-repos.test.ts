import { beforeAll, describe, expect, it } from 'vitest';
import { QUICK_KDF, User } from './user.ts';

const user = await User.make();

beforeAll(async () => {
  await user.sh('mkdir work; seq 20000 > work/a');
  for (const name of ['one', 'two', 'three']) {
    const init = await user.neo(['init', ...QUICK_KDF, '--repo', name]);
    if (init.code !== 0) throw new Error(init.stderr);
    await user.sh(`echo ${name} > work/b`);
    await user.neo(['snapshot', 'work', '--repo', name]);
  }
});

async function contents(name: string): Promise<string[]> {
  const { of } = await user.neo(['snapshots', '--json', '--repo', name]);
  const texts: string[] = [];
  for (const { id } of of('snapshot')) {
    texts.push((await user.neo(['cat', `${id}:${user.at('work/b')}`, '--repo', name])).stdout.trim());
  }
  return texts.sort();
}

describe('neo sync-repos', () => {
  it('says what it would do, both ways', async () => {
    const run = await user.neo(['sync-repos', 'two', '--repo', 'one', '--dry-run', '--json']);
    expect(run.of('summary')).toMatchObject([
      { from: user.at('one'), to: user.at('two'), copied: 1, dryRun: true },
      { from: user.at('two'), to: user.at('one'), copied: 1, dryRun: true },
    ]);
    expect(await contents('two')).toEqual(['two']);
  });

  it('makes three alike, with one copy each, and then has nothing to do', async () => {
    for (const [repo, other] of [
      ['one', 'two'],
      ['two', 'three'],
      ['three', 'one'],
    ] as const) {
      const run = await user.neo(['sync-repos', other, '--repo', repo]);
      expect([run.code, run.stdout]).toEqual([0, expect.stringContaining(`${user.at(repo)} to ${user.at(other)}:`)]);
    }
    for (const name of ['one', 'two', 'three']) expect(await contents(name)).toEqual(['one', 'three', 'two']);
    for (const [repo, other] of [
      ['one', 'two'],
      ['two', 'three'],
      ['three', 'one'],
    ] as const) {
      const run = await user.neo(['sync-repos', other, '--repo', repo, '--json']);
      expect(run.of('summary').map(({ copied, present }) => [copied, present])).toEqual([
        [0, 3],
        [0, 3],
      ]);
    }
    expect((await user.neo(['check', '--read-data', '--repo', 'three'])).stdout).toContain('no damage found');
  });

  it.each([
    [2, 'Missing 1 required arg', []],
    [10, 'no repository', ['nowhere']],
    [2, 'into itself', ['one']],
  ])('ends with %i (%s)', async (code, message, args) => {
    const run = await user.neo(['sync-repos', ...args, '--repo', 'one']);
    expect(run.code).toBe(code);
    expect(run.stderr.toLowerCase()).toContain(message.toLowerCase());
  });
});
