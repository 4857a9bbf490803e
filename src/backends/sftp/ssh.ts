/** The system's `ssh`, with all that its user has set up: configuration, agent, jump hosts, hardware keys, known hosts. */
import { spawn } from 'node:child_process';
import { NeoError } from '../../core/errors.ts';
import type { SshTarget } from '../sftp-location.ts';
import type { Pipe } from './channel.ts';

/** Of what ssh says on standard error. */
const KEPT_BYTES = 4096;

export interface SshOptions {
  /** In place of `ssh`, taken apart by the shell as GIT_SSH_COMMAND is. Never from a location. */
  readonly command?: string | undefined;
  /** Milliseconds; by default as the user has set up. */
  readonly connectTimeout?: number | undefined;
  /** How it shares a connection. */
  readonly sharing?: readonly string[];
}

export function startSsh(target: SshTarget, { command, connectTimeout, sharing = [] }: SshOptions): Pipe {
  const { host } = target;
  const args = [
    ...targetOptions(target),
    '-oServerAliveInterval=15',
    '-oServerAliveCountMax=4',
    ...(connectTimeout === undefined ? [] : [`-oConnectTimeout=${Math.ceil(connectTimeout / 1000)}`]),
    ...sharing,
    '-s',
    '--',
    host,
    'sftp',
  ];
  const child = spawn(...commandLine(args, command), { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-KEPT_BYTES);
  });
  const held = [child, child.stdin, child.stdout, child.stderr] as readonly { ref?(): void; unref?(): void }[];
  const hold = (isHeld: boolean): void => {
    for (const each of held) {
      if (isHeld) each.ref?.();
      else each.unref?.();
    }
  };
  const kill = (): void => {
    child.kill();
    // What the shell has started ends with its input.
    child.stdin.destroy();
  };
  const ended = new Promise<NeoError>((resolve) => {
    child.once('error', (error) =>
      resolve(
        new NeoError('unreachable', `ssh cannot be started: ${error.message}`, { cause: error, isPermanent: true }),
      ),
    );
    child.once('close', (code) => resolve(reasonOf(host, code, said)));
  });
  return { input: child.stdin, output: child.stdout, ended, kill, hold };
}

export function targetOptions({ user, port }: SshTarget): string[] {
  return [...(port === undefined ? [] : ['-p', String(port)]), ...(user === undefined ? [] : ['-l', user])];
}

/** Ctrl-C at the terminal is for neo, which then ends its work in good order: ssh must live until that is done. */
export function commandLine(args: readonly string[], command: string | undefined): [string, string[]] {
  if (process.platform === 'win32' && command === undefined) return ['ssh', [...args]];
  return ['sh', ['-c', `trap '' INT; ${command ?? 'exec ssh'} "$@"`, 'ssh', ...args]];
}

/** ssh ends with 255 for all of its own failures, and says which on standard error. */
function reasonOf(host: string, code: number | null, said: string): NeoError {
  const last = said.trim().split(/\r?\n/).at(-1) ?? '';
  if (/host key verification failed|identification has changed/i.test(said)) {
    return new NeoError('unreachable', `the host key of ${host} is not the one that is known`, {
      hint: 'nothing was sent; if the change is right: ssh-keygen -R HOST, and connect once with ssh',
      isPermanent: true,
    });
  }
  if (/permission denied/i.test(said)) {
    return new NeoError('permission-denied', `${host} lets nobody in with these keys: ${last}`, {
      hint: 'try: ssh HOST; see ~/.ssh/config and ssh-add -l',
    });
  }
  // Where there is no network either, it says of a host: temporary failure. 126 and 127 are the shell's: no such program.
  const isPermanent =
    /could not resolve hostname.*(not known|no address)|subsystem request failed/i.test(said) ||
    code === 126 ||
    code === 127;
  const why = last === '' ? `ssh ended with code ${code}` : last;
  return new NeoError('unreachable', `the connection to ${host} ended: ${why}`, {
    hint: 'try: ssh HOST',
    isPermanent,
  });
}
