/** OpenSSH's server on loopback, with keys of its own that are thrown away. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const SSHD = '/usr/sbin/sshd';

export interface Sshd {
  readonly port: number;
  /** Where files may lie. */
  readonly files: string;
  /** What to say in place of `ssh`. */
  readonly command: string;
  readonly stop: () => Promise<void>;
}

export function sshdIsThere(): boolean {
  return spawnSync(SSHD, ['-V']).error === undefined && spawnSync('ssh', ['-V']).error === undefined;
}

/** @param extra options of sshd, such as `ForceCommand internal-sftp -R` */
export async function startSshd(extra: readonly string[] = [], hasSftp = true): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'neo-sshd-'));
  const at = (name: string): string => join(folder, name);
  chmodSync(folder, 0o755);
  mkdirSync(at('files'));
  for (const name of ['host', 'user']) spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  copyFileSync(at('user.pub'), at('authorized_keys'));
  // Read with the rights of whoever logs in.
  chmodSync(at('authorized_keys'), 0o644);
  const port = await freePort();
  const [kind = '', key = ''] = readFileSync(at('host.pub'), 'utf8').split(' ');
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${kind} ${key}\n`);
  writeFileSync(
    at('sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${at('host')}`,
      `PidFile ${at('pid')}`,
      `AuthorizedKeysFile ${at('authorized_keys')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'UseDNS no',
      'MaxSessions 64',
      'MaxStartups 64:30:128',
      ...(hasSftp ? ['Subsystem sftp internal-sftp'] : []),
      ...extra,
      '',
    ].join('\n'),
  );
  writeFileSync(
    at('ssh_config'),
    [
      'Host *',
      `  User ${userInfo().username}`,
      `  IdentityFile ${at('user')}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${at('known_hosts')}`,
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
      '',
    ].join('\n'),
  );
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const child = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Server listening')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, files: at('files'), command: `ssh -F ${at('ssh_config')}`, stop };
}
