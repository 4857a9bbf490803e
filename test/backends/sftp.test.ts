import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSftp } from '../../src/backends/sftp.ts';
import { backendSuite } from '../support/backend-suite.ts';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';

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
