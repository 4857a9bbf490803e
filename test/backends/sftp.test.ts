import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSftp } from '../../src/backends/sftp.ts';
import { backendSuite, listed, pattern } from '../support/backend-suite.ts';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';
import { unreliable } from '../support/unreliable.ts';

/** Everybody's nobody on Linux. */
const NOBODY = 65_534;

describe.skipIf(!sshdIsThere())('over OpenSSH', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());

  backendSuite('sftp', async () => {
    const folder = await mkdtemp(join(sshd.files, 'repository-'));
    const open = () =>
      openSftp({ host: '127.0.0.1', port: sshd.port }, folder, { command: sshd.command, create: true });
    return { backend: await open(), second: open, dispose: () => rm(folder, { recursive: true, force: true }) };
  });

  backendSuite('sftp, half of whose operations fail', async () => {
    const folder = await mkdtemp(join(sshd.files, 'unreliable-'));
    const open = async () =>
      unreliable(
        await openSftp({ host: '127.0.0.1', port: sshd.port }, folder, { command: sshd.command, create: true }),
      );
    return { backend: await open(), second: open, dispose: () => rm(folder, { recursive: true, force: true }) };
  });

  it('makes private folders and files, and clears what crashes left a day ago', async () => {
    const folder = join(await mkdtemp(join(sshd.files, 'litter-')), 'repository');
    const open = () =>
      openSftp({ host: '127.0.0.1', port: sshd.port }, folder, { command: sshd.command, create: true });
    const first = await open();
    await first.put('packs/00/a', Uint8Array.of(1));
    await first.close();
    for (const path of ['', 'tmp', 'packs', 'packs/00'])
      expect((await stat(join(folder, path))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'packs/00/a'))).mode & 0o777).toBe(0o600);
    const [old, fresh] = ['old.tmp', 'fresh.tmp'].map((name) => join(folder, 'tmp', name)) as [string, string];
    for (const path of [old, fresh]) await writeFile(path, '');
    await utimes(old, 1, 1);
    const second = await open();
    await second.put('packs/00/b', Uint8Array.of(2));
    await second.close();
    expect(await readdir(join(folder, 'tmp'))).toEqual(['fresh.tmp']);
  });

  it.skipIf(process.getuid?.() !== 0)('serves an ordinary user who is shut into a folder', async () => {
    // sshd wants every folder above to be root's alone.
    await mkdir('/srv', { recursive: true });
    const jail = await mkdtemp('/srv/neo-jail-');
    await chmod(jail, 0o755);
    await mkdir(join(jail, 'own'));
    await chown(join(jail, 'own'), NOBODY, NOBODY);
    const jailed = await startSshd(['Match User nobody', `  ChrootDirectory ${jail}`, '  ForceCommand internal-sftp']);
    try {
      const target = { host: '127.0.0.1', port: jailed.port, user: 'nobody' };
      const open = (path: string) => openSftp(target, path, { command: jailed.command, create: true });
      const backend = await open('/own/repository');
      const bytes = pattern(3_000_001);
      await backend.put('packs/00/a', bytes);
      await backend.put('packs/00/a', bytes);
      await expect(backend.put('packs/00/a', pattern(10))).rejects.toMatchObject({ code: 'integrity' });
      expect(await backend.get('packs/00/a')).toEqual(bytes);
      expect((await listed(backend)).map(({ path }) => path)).toEqual(['packs/00/a']);
      expect((await stat(join(jail, 'own/repository/packs/00/a'))).uid).toBe(NOBODY);
      await backend.remove('packs/00/a');
      await backend.close();
      await expect(open('/elsewhere')).rejects.toMatchObject({ code: 'permission-denied' });
    } finally {
      await jailed.stop();
      await rm(jail, { recursive: true });
    }
  });

  it('reads where nothing may be written, and says so', async () => {
    const readOnly = await startSshd(['ForceCommand internal-sftp -R']);
    try {
      const folder = join(readOnly.files, 'repository');
      await mkdir(join(folder, 'config'), { recursive: true });
      await writeFile(join(folder, 'config/0-aa'), 'there');
      const target = { host: '127.0.0.1', port: readOnly.port };
      const backend = await openSftp(target, folder, { command: readOnly.command });
      expect(Buffer.from((await backend.get('config/0-aa')) ?? []).toString()).toBe('there');
      await expect(backend.put('packs/00/a', Uint8Array.of(1))).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(backend.remove('config/0-aa')).rejects.toMatchObject({ code: 'permission-denied' });
      await backend.close();
    } finally {
      await readOnly.stop();
    }
  });
});
