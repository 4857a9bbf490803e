/** A repository on a disk and at a server over SFTP, and what Ctrl-C leaves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launcher } from '../house/run.ts';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';
import { ok, summaryOf } from './people.ts';
import { filesBelow, QUICK_KDF, User } from './user.ts';

const INTERRUPTED = 130;

describe.skipIf(!sshdIsThere())('neo replicate over SFTP', () => {
  let sshd: Sshd;
  let user: User;
  let far: string;
  beforeAll(async () => {
    sshd = await startSshd();
    user = await User.make({ NEO_PASSWORD: 'correct horse', NEO_SSH: sshd.command });
    far = `sftp://127.0.0.1:${sshd.port}${sshd.files}/new/replica`;
    await ok(user.sh('mkdir work; for n in 1 2 3 4 5 6 7 8; do head -c 2M /dev/urandom > work/$n; done'));
    await ok(user.neo(['init', ...QUICK_KDF, '--repo', 'own', '--pack-size', '1M']));
    await ok(user.neo(['snapshot', 'work', '--repo', 'own']));
  });
  afterAll(() => sshd.stop());

  it('makes the folder, and copies both ways', async () => {
    const all = (await filesBelow(user.at('own'))).length;
    const there = await ok(user.neo(['replicate', '--from', 'own', '--to', far, '--json']));
    expect(summaryOf(there)).toMatchObject({ copied: all });
    await ok(user.neo(['check', '--read-data', '--repo', far]));
    expect(summaryOf(await ok(user.neo(['replicate', '--from', far, '--to', 'back', '--json'])))).toMatchObject({
      copied: all,
    });
    await ok(user.neo(['check', '--read-data', '--repo', 'back']));
  });

  it('leaves nothing that looks like a repository when it is stopped, and goes on from there', async () => {
    const args = ['replicate', '--from', far, '--to', 'slow', '--limit-download', '4M'];
    const stopped = await user.sh(
      `timeout --preserve-status -s TERM 3 '${process.execPath}' '${launcher}' ${args.join(' ')}`,
    );
    expect([stopped.code, stopped.stderr]).toEqual([INTERRUPTED, expect.stringContaining('interrupted')]);
    const copied = await filesBelow(user.at('slow'));
    expect(copied.length).toBeGreaterThan(0);
    expect(copied.filter((path) => !path.startsWith('packs/'))).toEqual([]);
    expect((await user.neo(['snapshots', '--repo', 'slow'])).code).not.toBe(0);
    const run = await ok(user.neo(['replicate', '--from', far, '--to', 'slow', '--json']));
    expect(summaryOf(run)).toMatchObject({ copied: (await filesBelow(user.at('own'))).length - copied.length });
    await ok(user.neo(['check', '--read-data', '--repo', 'slow']));
  });
});
