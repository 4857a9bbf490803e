/**
 * Several channels over one connection of ssh, so that its user is asked, and touches a key, once. A server lets 2 MiB
 * be under way on each channel (OpenSSH's channels.h): over 50 ms that is 40 MB/s, however fast the line is.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SshTarget } from '../sftp-location.ts';
import { commandLine, targetOptions } from './ssh.ts';

export interface Sharing {
  /** Options of the next connection, which others may share. */
  readonly owner: () => readonly string[];
  /** Options of a channel over the latest one. */
  readonly member: () => readonly string[];
  /** When no connection is left. */
  readonly end: () => void;
}

/** ssh says at once how it is set up, without connecting; what says nothing is another program. */
const LOOK_MS = 3000;
/** A socket's path may have 104 bytes, and ssh makes it under a longer name first. */
const LONGEST_PATH = 80;

/** Undefined where channels cannot share a connection. */
export async function sharingWith(target: SshTarget, command: string | undefined): Promise<Sharing | undefined> {
  if (process.platform === 'win32') return undefined;
  const setUp = await setUpOf(target, command);
  if (setUp === undefined) return undefined;
  if ((setUp.get('controlpath') ?? 'none') === 'none') return ownSharing();
  // Its user shares connections already, also those of other programs; other ways than this one would ask again.
  return setUp.get('controlmaster') === 'auto' ? ALREADY_SHARED : undefined;
}

const ALREADY_SHARED: Sharing = { owner: () => [], member: () => [], end: () => undefined };

function ownSharing(): Sharing | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'neo-ssh-'));
  const end = (): void => removeFolder(folder);
  rememberFolder(folder);
  if (folder.length > LONGEST_PATH) return void end();
  let connections = 0;
  const socket = (): string => `-oControlPath=${join(folder, String(connections))}`;
  return {
    owner() {
      connections += 1;
      return ['-oControlMaster=yes', '-oControlPersist=no', socket()];
    },
    // Without the socket it would connect anew, and ask.
    member: () => ['-oControlMaster=no', socket(), '-oProxyCommand=false', '-oBatchMode=yes'],
    end,
  };
}

/** Most programs end without closing what they have read from. */
const folders = new Set<string>();

function rememberFolder(folder: string): void {
  if (folders.size === 0) process.on('exit', removeFolders);
  folders.add(folder);
}

function removeFolders(): void {
  for (const folder of folders) removeFolder(folder);
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
  if (folders.size === 0) process.off('exit', removeFolders);
}

/** What the user's configuration says of this host, by lower-case keywords. */
async function setUpOf(
  target: SshTarget,
  command: string | undefined,
): Promise<ReadonlyMap<string, string> | undefined> {
  const [program, args] = commandLine(['-G', ...targetOptions(target), '--', target.host], command);
  const said = await new Promise<string>((resolve) => {
    const child = execFile(program, args, { timeout: LOOK_MS }, (error, stdout) => resolve(error ? '' : stdout));
    child.stdin?.end();
  });
  const words = said.split('\n').map((line) => line.split(/ (.*)/) as [string, string?]);
  const setUp = new Map(words.map(([name, value = '']) => [name, value]));
  return setUp.has('hostname') ? setUp : undefined;
}
