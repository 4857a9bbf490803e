/** What is kept of remote storage on this machine: never needed, never believed unseen, never without bound. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';
import { QUICK_KDF, User } from './user.ts';

describe.skipIf(!sshdIsThere())('the cache of a remote repository', () => {
  let sshd: Sshd;
  let user: User;
  beforeAll(async () => {
    sshd = await startSshd();
    const NEO_REPO = `sftp://127.0.0.1:${sshd.port}${sshd.files}/repository`;
    user = await User.make({ NEO_PASSWORD: 'correct horse', NEO_SSH: sshd.command, NEO_REPO });
    await user.sh('mkdir -p work/a/b; seq 9000 > work/a/long; echo x > work/a/b/x; cp -r work/a work/c');
    await user.neo(['init', ...QUICK_KDF]);
    await user.neo(['snapshot', 'work']);
  });
  afterAll(() => sshd.stop());

  const folder = (): string => user.at('.cache/neo/objects');
  const kept = async (): Promise<string[]> => (await readdir(folder())).sort();
  const stored = (...names: readonly string[]): string => join(sshd.files, 'repository', ...names);

  it('holds what was read, as it lies in storage', async () => {
    await user.neo(['snapshot', 'work']);
    await user.neo(['ls', 'latest']);
    const names = await kept();
    const [index = ''] = await readdir(stored('index'));
    expect(names).toEqual(expect.arrayContaining([index, ...(await readdir(stored('snapshots')))]));
    expect(await readFile(join(folder(), index))).toEqual(await readFile(stored('index', index)));
    expect((await stat(join(folder(), index))).mode & 0o077).toBe(0);
  });

  it('heals itself', async () => {
    for (const name of await kept()) await writeFile(join(folder(), name), 'damaged');
    expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
    expect((await user.neo(['ls', 'latest', '-r'])).stdout).toContain('long');
    const [index = ''] = await readdir(stored('index'));
    expect(await readFile(join(folder(), index))).toEqual(await readFile(stored('index', index)));
  });

  it('may be impossible: that is said, and costs time alone', async () => {
    const none = { XDG_CACHE_HOME: '/dev/null' };
    const snapshot = await user.neo(['snapshot', 'work'], none);
    expect([snapshot.code, snapshot.stderr]).toEqual([0, expect.stringContaining('nothing is kept in /dev/null')]);
    expect((await user.neo(['restore', 'latest', '--to', 'back'], none)).code).toBe(0);
    expect((await user.sh('diff -r work back$PWD/work')).stdout).toBe('');
  });

  it('can be switched off', async () => {
    const elsewhere = { XDG_CACHE_HOME: user.at('elsewhere'), NEO_CACHE: '0' };
    expect((await user.neo(['snapshot', 'work'], elsewhere)).code).toBe(0);
    await expect(readdir(user.at('elsewhere'))).rejects.toThrow('ENOENT');
    expect((await user.neo(['ls'], { NEO_CACHE: 'much' })).code).toBe(2);
  });

  it('hides no damage from a check', async () => {
    const [index = ''] = await readdir(stored('index'));
    const bytes = await readFile(stored('index', index));
    await user.sh(`chmod u+w ${stored('index', index)}`);
    await writeFile(
      stored('index', index),
      bytes.map((byte, at) => (at === 99 ? byte ^ 1 : byte)),
    );
    expect((await user.neo(['ls', 'latest'])).code).toBe(0);
    expect((await user.neo(['check'])).code).toBe(15);
  });
});
