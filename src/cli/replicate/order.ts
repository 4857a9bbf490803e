/**
 * In which order objects are copied, so that whoever reads the replica meanwhile, or after the copying broke off, finds a repository that is whole, though
 * perhaps of yesterday, or none.
 *
 * - What a snapshot rests on comes before it: packs, the index that finds their blobs, and what says whom to believe.
 * - What was put in the trash or marked by a prune comes before the word of it.
 * - Into a new replica the configuration goes last, and of its epochs the first one: without it there is no repository (docs/format.md, §3), so a replica that
 *   is not whole yet is not taken for one. Keys come right before: once there is a configuration, whoever has a key is let in.
 * - Into a replica that is one already keys and configurations come first, each epoch after the one that signed it: a snapshot that was signed in a new epoch
 *   is verified by them.
 */
import type { Held } from '../../protocol/object-tree.ts';

const OTHERS = 'others';
const CONFIG = 'config';
/** The word of what lies in other folders. */
const LATE: readonly string[] = ['snapshots', 'removals', 'tombs'];
const DATA: readonly string[] = ['packs', 'index', OTHERS];
const WAYS_IN: readonly string[] = ['keys', CONFIG];
const KNOWN: ReadonlySet<string> = new Set([...LATE, ...DATA, ...WAYS_IN]);

/**
 * That a tomb was carried out is said of one place (docs/format.md, §2): in a replica the packs that it names are there still, and would be for ever if a
 * prune of the replica believed it. Without the word that prune deletes them.
 */
export function isOfOnePlace({ path }: Held): boolean {
  return path.startsWith('tombs/') && path.endsWith('.swept');
}

export function folderOf(path: string): string {
  return path.slice(0, path.indexOf('/') + 1 || path.length).replace(/\/$/, '');
}

/** Not to be copied before all is there that was in `from` when it became visible. */
export function isLate({ path }: Held): boolean {
  return LATE.includes(folderOf(path));
}

export interface Order {
  /** What comes before anything that is late. */
  readonly before: readonly Held[];
  readonly after: readonly Held[];
}

/** @param isNew there is no configuration in the replica yet */
export function split(objects: readonly Held[], isNew: boolean): Order {
  const isAfter = (held: Held): boolean => isLate(held) || (isNew && WAYS_IN.includes(folderOf(held.path)));
  return { before: objects.filter((held) => !isAfter(held)), after: objects.filter(isAfter) };
}

/** Each is to be there before the next one is begun. */
export function groupsOf(objects: readonly Held[], isNew: boolean): Held[][] {
  const folders = isNew ? [...DATA, ...LATE, ...WAYS_IN] : [...WAYS_IN, ...DATA, ...LATE];
  const found = Map.groupBy(objects, ({ path }) => (KNOWN.has(folderOf(path)) ? folderOf(path) : OTHERS));
  return folders.flatMap((folder) => {
    const group = found.get(folder) ?? [];
    return folder === CONFIG ? epochs(group, isNew) : group.length === 0 ? [] : [group];
  });
}

/** One after the other, upwards, or downwards where the first one is to come last. */
function epochs(configs: readonly Held[], isNew: boolean): Held[][] {
  const upwards = [...Map.groupBy(configs, ({ path }) => Number.parseInt(path.slice(CONFIG.length + 1), 10))];
  upwards.sort(([one], [other]) => (isNew ? other - one : one - other));
  return upwards.map(([, group]) => group);
}
