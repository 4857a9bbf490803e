/** What lies in a folder that is to become a repository, and is none of ours. */
import { opendir } from 'node:fs/promises';
import { isAbsent } from './local-files.ts';

/** What an `init` that died early leaves; a repository that has more is found by its objects. */
const OURS = new Set(['config', 'keys', 'tmp']);

/** What file systems and desktops put at the top of a disk by themselves. */
const OF_THE_DISK =
  /^(lost\+found|System Volume Information|\$RECYCLE\.BIN|\.Trash(es|-\d+)?|\.Spotlight-V100|\.fseventsd|\.DS_Store)$/;

/** True of what is neither a repository's nor there by itself. */
export function isStranger(name: string, isFolder: boolean): boolean {
  if (name === '.' || name === '..') return false;
  return !(OURS.has(name) && isFolder) && !OF_THE_DISK.test(name);
}

/** The name of one file or folder that is not a repository's; undefined when there is none, or no folder. */
export async function findStranger(folder: string): Promise<string | undefined> {
  try {
    for await (const entry of await opendir(folder)) {
      if (isStranger(entry.name, entry.isDirectory())) return entry.name;
    }
    return undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
