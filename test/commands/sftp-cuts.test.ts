/** A repository over SFTP on a line that is cut. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';
import { QUICK_KDF, User } from './user.ts';

const MIB = 1 << 20;

describe.skipIf(!sshdIsThere())('a line that is cut', () => {
  let sshd: Sshd;
  let proxy: CuttingProxy;
  let user: User;

  beforeAll(async () => {
    sshd = await startSshd();
    proxy = await startCuttingProxy(sshd.port);
    user = await User.make({
      NEO_PASSWORD: 'correct horse',
      NEO_SSH: `${sshd.command} -o HostKeyAlias=[127.0.0.1]:${sshd.port}`,
      NEO_REPO: `sftp://127.0.0.1:${proxy.port}${sshd.files}/repository`,
    });
    const init = await user.neo(['init', ...QUICK_KDF, '--pack-size', '2M']);
    if (init.code !== 0) throw new Error(init.stderr);
    await user.sh('mkdir work; for n in 1 2 3 4 5 6; do head -c 4M /dev/urandom > work/$n; done');
  });

  afterAll(async () => {
    await proxy.stop();
    await sshd.stop();
  });

  it('twenty times during a snapshot lets it go on, with no object stored twice', async () => {
    const before = proxy.sent;
    // In the middle of packs, and between them.
    proxy.cutAfter(Array.from({ length: 20 }, (_, n) => 600_000 + n * 80_000));
    const { code, stderr, of } = await user.neo(['snapshot', 'work', '--json']);
    expect([code, proxy.cuts]).toEqual([0, 20]);
    expect(stderr).toContain('trying again in');
    expect(of('summary')[0]).toMatchObject({ errors: 0 });
    // What was under way when it was cut is sent again, and nothing else.
    expect(proxy.sent - before).toBeLessThan(24 * MIB + 20 * 8 * 3 * MIB);
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
    await user.neo(['restore', 'latest', '--to', 'back']);
    expect((await user.sh('diff -r work back$PWD/work')).stdout).toBe('');
    const names = await readdir(`${sshd.files}/repository/packs`, { recursive: true });
    expect(names.length).toBeGreaterThan(10);
  });

  it('again and again lets a restore go on', async () => {
    // What a restore asks for is little, so each of these is many reads.
    proxy.cutAfter(Array.from({ length: 10 }, () => 8000));
    const { code } = await user.neo(['restore', 'latest', '--to', 'again']);
    expect(code).toBe(0);
    expect(proxy.cuts).toBeGreaterThan(22);
    expect((await user.sh('diff -r work again$PWD/work')).stdout).toBe('');
  });

  it('ends a run with 16 where nothing is to be tried again, and the next run takes up what there is', async () => {
    await user.sh('head -c 12M /dev/urandom > work/7');
    proxy.cutAfter([6 * MIB]);
    const cut = await user.neo(['snapshot', 'work', '--retry-for', '0']);
    expect([cut.code, cut.stderr]).toEqual([16, expect.stringContaining('the connection to 127.0.0.1 ended')]);
    const next = await user.neo(['snapshot', 'work', '--json']);
    expect([next.code, next.of('summary')[0]]).toEqual([0, expect.objectContaining({ filesNew: 1 })]);
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
  });

  it('is not waited for where the time is none', async () => {
    const { code, stderr } = await user.neo(['snapshots', '--retry-for', 'soon']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('not a duration')]);
  });
});
