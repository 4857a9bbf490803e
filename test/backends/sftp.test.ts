import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
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
});
