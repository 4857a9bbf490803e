/** neo snapshot --to A --to B: the source is read once, and who was away gets what it missed. */
import { rename } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { QUICK_KDF, User } from './user.ts';

const user = await User.make();
const NAMES = ['a', 'b', 'c'] as const;
const TO = NAMES.flatMap((name) => ['--to', name]);
let taken = 0;

async function snapshot(...more: string[]) {
  taken += 1;
  await user.sh(`echo ${taken} > work/number`);
  return user.neo(['snapshot', 'work', '--tag', String(taken), ...TO, '--json', ...more]);
}

/** Which snapshots a repository holds; and that the last one has what was saved. */
async function numbers(name: string): Promise<number[]> {
  const { of } = await user.neo(['snapshots', '--json', '--repo', name]);
  const found = of('snapshot').map(({ tags }) => Number((tags as string[])[0]));
  const saved = await user.neo(['cat', `latest:${user.at('work/number')}`, '--repo', name]);
  expect(Number(saved.stdout)).toBe(Math.max(...found));
  return found.sort((x, y) => x - y);
}

/** Its disk is not plugged in meanwhile. */
async function without<T>(name: string, work: () => Promise<T>): Promise<T> {
  await rename(user.at(name), user.at(`${name}.away`));
  try {
    return await work();
  } finally {
    await rename(user.at(`${name}.away`), user.at(name));
  }
}

beforeAll(async () => {
  await user.sh('mkdir work; seq 20000 > work/long');
  await user.neo(['init', ...QUICK_KDF, '--repo', 'a']);
  await user.neo(['init', ...QUICK_KDF, '--repo', 'b', '--copy-secrets-from', 'a']);
  // With secrets of its own.
  await user.neo(['init', ...QUICK_KDF, '--repo', 'c']);
});

describe('a snapshot in several repositories', () => {
  it('is in each of them', async () => {
    const run = await snapshot();
    expect([run.code, run.of('summary').length]).toEqual([0, 1]);
    // Whoever is done first is told first.
    const targets = run.of('target').sort((x, y) => (String(x['location']) < String(y['location']) ? -1 : 1));
    expect(targets).toMatchObject([
      { location: user.at('b'), copied: 1 },
      { location: user.at('c'), copied: 1 },
    ]);
    for (const name of NAMES) expect(await numbers(name)).toEqual([1]);
  });

  it('is in the others where one is away, which is said, and which gets it the next time', async () => {
    const run = await without('b', () => snapshot());
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('b: there is no repository')]);
    expect(await numbers('b')).toEqual([1]);
    expect((await snapshot()).code).toBe(0);
    for (const name of NAMES) expect(await numbers(name)).toEqual([1, 2, 3]);
  });

  it('is taken by the second where the first is away, which gets it the next time', async () => {
    const run = await without('a', () => snapshot());
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('a: there is no repository')]);
    expect((await snapshot()).code).toBe(0);
    for (const name of NAMES) expect(await numbers(name)).toEqual([1, 2, 3, 4, 5]);
  });

  it('brings nothing back that one of them has forgotten', async () => {
    const forget = ['forget', '--keep-last', '1', '--trash', '0', '--yes', '--repo', 'b'];
    expect((await user.neo(forget)).code).toBe(0);
    expect((await user.neo(['prune', '--sole-writer', '--grace', '0', '--yes', '--repo', 'b'])).code).toBe(0);
    expect((await snapshot()).code).toBe(0);
    expect(await numbers('b')).toEqual([5, 6]);
    expect(await numbers('c')).toEqual([1, 2, 3, 4, 5, 6]);
    for (const name of NAMES) {
      expect((await user.neo(['check', '--read-data', '--repo', name])).stdout).toContain('no damage found');
    }
  });

  it('is one only for a repository that has none yet', async () => {
    await user.neo(['init', ...QUICK_KDF, '--repo', 'd']);
    const run = await snapshot('--to', 'd');
    expect([run.code, run.of('target').at(-1)]).toEqual([0, expect.objectContaining({ copied: 1 })]);
    expect(await numbers('d')).toEqual([7]);
  });

  it('of a stream goes to the first that is there', async () => {
    const { code, of } = await without('a', () => user.sh(`echo stream | neo snapshot --stdin ${TO.join(' ')} --json`));
    expect([code, of('target')]).toEqual([3, [expect.objectContaining({ location: user.at('c'), copied: 1 })]]);
  });

  it('goes also to one in which something else is damaged', async () => {
    const { of } = await user.neo(['list', 'packs', '--json', '--repo', 'c']);
    for (const { pack } of of('pack')) {
      await user.sh(`chmod u+w c/packs/*/${pack}; printf x | dd of=$(ls c/packs/*/${pack}) bs=1 seek=200 conv=notrunc`);
    }
    const run = await snapshot('--to', 'd');
    expect(run.of('target').map(({ location }) => location)).toContain(user.at('d'));
    expect(await numbers('d')).toContain(taken);
  });

  it('in what is no list of repositories is none, and nothing is stored', async () => {
    const before = await numbers('a');
    for (const [code, message, args] of [
      [2, 'named twice', ['--to', 'a', '--to', 'a']],
      [2, 'exclude each other', ['--to', 'a', '--repo', 'b']],
      [10, 'no repository', ['--to', 'x', '--to', 'y']],
      [2, 'is empty', ['--to', 'a', '--to', '']],
    ] as const) {
      const run = await user.neo(['snapshot', 'work', ...args]);
      expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
    }
    expect(await numbers('a')).toEqual(before);
  });
});
