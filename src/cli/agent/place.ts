/** Where the agent's socket lies, and whether that place is the user's own. */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment, Folders } from '../folders.ts';

/**
 * `$XDG_RUNTIME_DIR/neo`, which is in memory and goes at the end of the session; else below the state folder. A runtime
 * folder of somebody else (`sudo -E`) is not used: its owner could replace what lies in it.
 */
export function agentFolder(env: Environment, folders: Folders): string {
  const runtime = env['XDG_RUNTIME_DIR'];
  return runtime?.startsWith('/') === true && isOwn(runtime) ? join(runtime, 'neo') : join(folders.state, 'agent');
}

export function socketIn(folder: string): string {
  return join(folder, 'agent.sock');
}

function isOwn(folder: string): boolean {
  try {
    return statSync(folder).uid === process.getuid?.();
  } catch {
    return false;
  }
}

/** Why keys must not pass through this place; undefined when it is safe, or nothing is there. No links are followed. */
export function whyUnsafe(folder: string): string | undefined {
  return flaw(folder, 'folder') ?? flaw(socketIn(folder), 'socket');
}

function flaw(path: string, kind: 'folder' | 'socket'): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (kind === 'folder' ? !stats.isDirectory() : !stats.isSocket()) return `${path} is no ${kind}`;
  if (stats.uid !== process.getuid?.()) return `${path} belongs to another user`;
  return (stats.mode & 0o077) === 0 ? undefined : `${path} is open to other users: chmod 700 it`;
}
