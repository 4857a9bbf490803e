/** `--share FILE`: a shared directory instead of a repository. */
import * as Flags from '@oclif/core/flags';
import { openBackend, parseLocation } from '../backends/location.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { parseShareFile, type ShareFile } from '../repo/share-file.ts';
import { type OpenedShare, openShare } from '../repo/share-source.ts';
import { readConfig } from './config.ts';
import { connection } from './connection.ts';
import { resolveLocation } from './context.ts';
import type { RepositoryFlags } from './flags.ts';
import { openSecret, readBytes } from './identity.ts';
import type { Output } from './output.ts';
import { systemFolders, systemSurroundings } from './surroundings.ts';

/** @param exclusive flags that choose a snapshot */
export function shareFlag(exclusive: string[]) {
  return Flags.string({
    helpValue: 'FILE',
    summary: 'Of a share that somebody made (neo share create); the argument is a path in it.',
    exclusive,
  });
}

export interface OpenedShareFile extends OpenedShare {
  readonly file: ShareFile;
}

/**
 * From where its maker had the repository, or `--repo`.
 * @throws NeoError wrong-password when it does not open; no-repository where there is none; failed when it was taken back
 */
export async function openShareFile(path: string, flags: RepositoryFlags, out: Output): Promise<OpenedShareFile> {
  const surroundings = await systemSurroundings();
  const file = parseShareFile(await readBytes(path, 'wrong-password', 'share'));
  const key = await openSecret(file.secret, { surroundings, flags, out, env: process.env }, 'share');
  try {
    const backend = await openBackend(parseLocation(await locationOf(file, flags)), connection(flags, out));
    return { file, ...(await openShare(surroundings, backend, file, key)) };
  } catch (error) {
    throw isNeoError(error, 'no-repository') ? notThere(error) : error;
  }
}

async function locationOf(file: ShareFile, flags: RepositoryFlags): Promise<string> {
  if (flags.repo === undefined) return file.location;
  const folders = systemFolders();
  return resolveLocation(flags, process.env, await readConfig(folders), folders).location;
}

function notThere({ message }: NeoError): NeoError {
  return new NeoError('no-repository', message, { hint: 'say where you reach it: --repo LOCATION' });
}
