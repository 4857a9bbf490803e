import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir -p work/sub; for n in 1 2 3; do seq $n 900 > work/sub/$n; done; seq 200000 > work/long');
  await user.sh('ln -s long work/link; ln work/long work/same; tar --format=pax -cf work.tar work');
});

describe('neo import', () => {
  it('says what it would do, does it from a file or a pipe, and what comes back is what went in', async () => {
    const dry = await user.neo(['import', 'work.tar', '--dry-run', '--json']);
    expect(dry.of('summary')[0]).toMatchObject({ snapshot: null, files: 5, directories: 2, leftOut: 0, dryRun: true });
    expect((await user.neo(['snapshots', '--json'])).of('snapshot')).toEqual([]);
    const piped = await user.sh('gzip -c work.tar | neo import - --as /old --tag borg --host mail');
    expect([piped.code, piped.stderr, piped.stdout]).toEqual([0, '', expect.stringMatching(/snapshot \w{8} saved\n$/)]);
    expect((await user.neo(['snapshots', '--json'])).of('snapshot')).toMatchObject([
      { host: 'mail', tags: ['borg'], paths: ['/old/work'] },
    ]);
    await user.neo(['restore', 'latest:/old/work', '--to', 'back']);
    expect((await user.sh('diff -r work back')).stdout).toBe('');
    expect((await user.sh('stat -c %h back/same')).stdout).toBe('2\n');
    expect((await user.neo(['check', '--read-data'])).code).toBe(0);
  });

  it('ends with one line and its code for what is no archive, and changes nothing', async () => {
    const before = (await user.neo(['snapshots', '--json'])).stdout;
    const lines: readonly (readonly [number, string, string])[] = [
      [1, 'neo import none.tar', 'cannot read none.tar'],
      [1, 'head -c 3000 work.tar | neo import -', 'breaks off after 3000 bytes'],
      [1, 'echo text | neo import -', 'breaks off'],
      [1, 'head -c 2000 /dev/zero | tr "\\0" x | neo import -', 'this is no tar archive'],
      [2, 'printf "BZh91AY" | neo import -', 'compressed with bzip2'],
      [2, 'neo import', 'no archive given'],
      [2, 'neo import work.tar --as ""', '--as is empty'],
    ];
    for (const [code, line, message] of lines) {
      const run = await user.sh(`set -o pipefail; ${line}`);
      expect([line, run.code, run.stderr]).toEqual([line, code, expect.stringContaining(message)]);
    }
    expect((await user.neo(['snapshots', '--json'])).stdout).toBe(before);
  });

  it('ends with 3 where something is left out', async () => {
    await user.sh('tar -cPf evil.tar --transform "s,long,../long," work/long work/sub');
    const run = await user.neo(['import', 'evil.tar', '--json']);
    expect([run.code, run.of('summary')[0]?.['leftOut']]).toEqual([3, 1]);
    expect(run.of('warning')).toHaveLength(1);
  });
});
