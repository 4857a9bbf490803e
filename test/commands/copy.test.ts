import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();
const other = { NEO_OTHER_PASSWORD: 'another horse' };
const there = { NEO_PASSWORD: 'another horse', NEO_KEY_FILE: '' };

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir -p work/sub; for n in 1 2 3 4; do seq $n 9000 > work/sub/$n; done; seq 200000 > work/long');
  await user.sh('ln -s long work/link; truncate -s 3M work/sparse; echo end >> work/sparse');
  await user.neo(['snapshot', 'work', '--tag', 'a']);
  await user.sh('rm work/sub/2; echo more >> work/long');
  await user.neo(['snapshot', 'work']);
  await user.neo(['stash', 'push', 'work/long', '-m', 'kept']);
  await user.neo(['init', '--repo', 'apart'], there);
  await user.neo(['init', '--repo', 'mirror', '--copy-secrets-from', user.repository], {
    ...there,
    NEO_OTHER_KEY_FILE: user.at('.key'),
  });
});

describe.each(['apart', 'mirror'])('neo copy --to %s', (target) => {
  it('says what it would do, and does it once', async () => {
    const dry = await user.neo(['copy', '--to', target, '--dry-run', '--json'], other);
    expect([dry.code, dry.of('summary')[0]?.['copied'], dry.of('copied').length]).toEqual([0, 3, 3]);
    const run = await user.neo(['copy', '--to', target, '--json'], other);
    expect(run.of('summary')[0]).toMatchObject({ copied: 3, present: 0, failed: 0, sameSecrets: target === 'mirror' });
    const again = await user.neo(['copy', '--to', target, '--json'], other);
    expect(again.of('summary')[0]).toMatchObject({ copied: 0, present: 3, bytesStored: 0 });
  });

  it('gives what can be checked and restored, and counts as old as it was', async () => {
    const checked = await user.neo(['check', '--read-data', '--repo', target], there);
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('no damage found')]);
    await user.sh(`rm -rf back; neo restore latest --to back --repo ${target}`, there);
    expect((await user.sh('diff -r work back$PWD/work')).stdout).toBe('');
    expect((await user.sh('stat -c %b back$PWD/work/sparse')).stdout.length).toBeLessThan(4);
    const [own, copies] = [
      await user.neo(['snapshots', '--json']),
      await user.neo(['snapshots', '--json', '--repo', target], there),
    ];
    const facts = ({ of }: typeof own) => of('snapshot').map(({ time, tags, paths }) => ({ time, tags, paths }));
    expect(facts(copies)).toEqual(facts(own));
    expect((await user.neo(['stash', 'list', '--repo', target], there)).stdout).toContain('kept');
  });

  it('shares what is stored with snapshots of its own', async () => {
    const run = await user.neo(['snapshot', 'work', '--repo', target, '--json'], there);
    expect(run.of('summary')[0]).toMatchObject({ bytesAdded: 0 });
  });

  it('is not copied back', async () => {
    const back = await user.neo(['copy', '--repo', target, '--to', user.repository, '--json', '-n'], {
      ...there,
      NEO_OTHER_KEY_FILE: user.at('.key'),
    });
    // The one that was made there alone.
    expect(back.of('summary')[0]).toMatchObject({ copied: 1, present: 3 });
  });
});

describe('neo copy', () => {
  it('goes on with the others when one cannot be read', async () => {
    await user.neo(['init', '--repo', 'third'], there);
    await user.neo(['snapshot', 'work/sub', '--label', 'broken']);
    await user.sh(
      `find ${user.repository}/packs -type f -newer work/long -size -80k -print0 | xargs -0 ls -t | head -1 | xargs rm`,
    );
    const run = await user.neo(['copy', '--to', 'third', '--json'], other);
    expect(run.code).toBe(15);
    expect(run.of('failed').length).toBeGreaterThan(0);
    expect(run.of('copied').length).toBeGreaterThan(0);
    const checked = await user.neo(['check', '--read-data', '--repo', 'third'], there);
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('no damage found')]);
  });

  it('names copies of what was made anew here since', async () => {
    await user.neo(['init', '--repo', 'fourth'], there);
    await user.neo(['snapshot', 'work', '--label', 'old']);
    const first = await user.neo(['copy', 'latest', '--to', 'fourth', '--json'], other);
    await user.neo(['rewrite', 'latest', '--exclude', 'long']);
    const second = await user.neo(['copy', 'latest', '--to', 'fourth', '--json'], other);
    expect(first.of('superseded')).toEqual([]);
    expect(second.of('superseded').map(({ snapshot }) => snapshot)).toEqual([first.of('copied')[0]?.['snapshot']]);
    expect(second.of('summary')[0]).toMatchObject({ copied: 1, superseded: 1 });
    await user.neo(['forget', String(first.of('copied')[0]?.['snapshot']), '--repo', 'fourth'], there);
    expect((await user.neo(['copy', 'latest', '--to', 'fourth', '--json'], other)).of('superseded')).toEqual([]);
  });

  it.each([
    [2, 'into itself', ['copy', '--to', '.local/share/neo/repository'], { NEO_OTHER_KEY_FILE: '.key' }],
    [2, 'missing required flag to', ['copy'], {}],
    [10, 'no repository', ['copy', '--to', 'nowhere'], other],
    [12, 'password', ['copy', '--to', 'apart'], { NEO_OTHER_PASSWORD: 'wrong' }],
  ])('ends with %i (%s)', async (code, message, args, more) => {
    const run = await user.neo(args, more);
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});
