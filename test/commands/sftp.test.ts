/** A repository over SFTP, as people use it: OpenSSH on loopback, and the system's ssh. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';
import { QUICK_KDF, User } from './user.ts';

describe.skipIf(!sshdIsThere())('a repository over SFTP', () => {
  let sshd: Sshd;
  let user: User;
  beforeAll(async () => {
    sshd = await startSshd();
    const NEO_REPO = `sftp://127.0.0.1:${sshd.port}${sshd.files}/deep/repository`;
    user = await User.make({ NEO_PASSWORD: 'correct horse', NEO_SSH: sshd.command, NEO_REPO });
    await user.sh('mkdir -p work/sub; for n in 1 2 3 4; do seq $n 9000 > work/sub/$n; done; seq 400000 > work/long');
  });
  afterAll(() => sshd.stop());

  it('is made, written, read, checked and pruned', async () => {
    const { code, stderr } = await user.neo(['init', ...QUICK_KDF]);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect((await user.neo(['init', ...QUICK_KDF])).code).toBe(1);
    expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
    await user.sh('rm work/sub/2; echo more >> work/long');
    expect((await user.neo(['snapshot', 'work', '--json'])).of('summary')[0]).toMatchObject({ filesChanged: 1 });
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
    await user.neo(['restore', 'latest', '--to', 'back']);
    expect((await user.sh('diff -r work back$PWD/work')).stdout).toBe('');
    await user.neo(['forget', 'latest~1', '--trash', '0']);
    expect((await user.neo(['prune', '--sole-writer', '--grace', '0', '--yes'])).code).toBe(0);
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
  });

  it('ends in good order after Ctrl-C, which reaches ssh as well', async () => {
    await user.sh('head -c 60M /dev/urandom > work/random');
    const line = 'setsid bash -c \'neo snapshot work & echo $! > pid; wait $!; echo "code $?"\' & ';
    const packs = `${sshd.files}/deep/repository/packs`;
    const stored = `timeout 60 bash -c 'until [ -n "$(find ${packs} -newer work/random -type f)" ]; do sleep 0.05; done'; `;
    const { stdout } = await user.sh(
      `export -f neo; ${line}session=$!; ${stored}kill -INT -- -$(ps -o pgid= $(cat pid) | tr -d ' '); wait $session`,
    );
    // A fast one may have been done already; it never ends for want of a connection.
    expect(stdout).toMatch(/^code (0|130)$/m);
    expect((await user.neo(['check'])).stdout).toContain('no damage found');
    await user.sh('rm work/random');
  });

  it('is not made where other files lie', async () => {
    await writeFile(join(sshd.files, 'stranger'), '');
    const { code, stderr } = await user.neo(['init', '--repo', `sftp:127.0.0.1:${sshd.files}`], {
      NEO_SSH: `${sshd.command} -p ${sshd.port}`,
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining('holds other files, such as "')]);
  });

  it('is refused when its host has another key, and nothing is sent', async () => {
    const known = user.at('known_hosts');
    const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIIPG6T8WqVbRkXzPzGmZQyX3nBfXyHcVQq5oTq7m0u3e';
    await writeFile(known, `[127.0.0.1]:${sshd.port} ssh-ed25519 ${other}\n`);
    const NEO_SSH = `${sshd.command} -o UserKnownHostsFile=${known} -o GlobalKnownHostsFile=/dev/null`;
    const { code, stderr, stdout } = await user.neo(['snapshots'], { NEO_SSH });
    expect([code, stdout]).toEqual([16, '']);
    expect(stderr).toContain('host key');
  });

  it('says who is not let in, and what cannot be reached', async () => {
    const denied = await user.neo(['snapshots'], {
      NEO_SSH: `${sshd.command} -o IdentityFile=none -o IdentityAgent=none -o PubkeyAuthentication=no`,
    });
    expect(denied.code).toBe(13);
    const gone = await user.neo(['snapshots', '--repo', 'sftp://127.0.0.1:1/x', '--retry-for', '0']);
    expect([gone.code, gone.stderr]).toEqual([16, expect.stringContaining('127.0.0.1')]);
  });

  it('waits for a host that is not there yet, and for none that nobody knows', async () => {
    const [first, NEO_SSH] = [user.at('first'), user.at('ssh')];
    const isKnown = `[ "$1" = -G ] || [ -e ${first} ]`;
    const lines = ['#!/bin/sh', `{ ${isKnown}; } && exec ${sshd.command} "$@"`, `touch ${first}`, 'exit 255', ''];
    await writeFile(NEO_SSH, lines.join('\n'), { mode: 0o755 });
    const { code, stderr } = await user.neo(['snapshots'], { NEO_SSH });
    expect([code, stderr]).toEqual([0, expect.stringContaining('trying again in')]);
    const unknown = `sh -c 'echo "ssh: Could not resolve hostname nobody: Name or service not known" >&2; exit 255'`;
    const nobody = await user.neo(['snapshots', '--repo', 'sftp://nobody/x'], { NEO_SSH: unknown });
    expect([nobody.code, nobody.stderr]).toEqual([16, expect.not.stringContaining('trying again')]);
    const nothing = await user.neo(['snapshots', '--repo', 'sftp://nobody/x'], { NEO_SSH: 'there-is-no-such-ssh' });
    expect([nothing.code, nothing.stderr]).toEqual([16, expect.not.stringContaining('trying again')]);
  });

  it('is not waited for on a host that has no SFTP', async () => {
    const without = await startSshd([], false);
    const NEO_SSH = without.command;
    const { code, stderr } = await user.neo(['snapshots', '--repo', `sftp://127.0.0.1:${without.port}/x`], { NEO_SSH });
    await without.stop();
    expect([code, stderr]).toEqual([16, expect.not.stringContaining('trying again')]);
  });

  it('is no repository where there is none', async () => {
    const { code } = await user.neo(['snapshots', '--repo', `sftp://127.0.0.1:${sshd.port}/nowhere/at/all`]);
    expect(code).toBe(10);
  });
});
