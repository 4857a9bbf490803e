/**
 * Folders of small objects that are named by their content: listed, read several at once, and compared with their names.
 * One that is gone meanwhile is passed over; one that is no good is a fault, and stops nobody.
 */
import pLimit from 'p-limit';
import { toHex } from '../core/bytes.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { LARGEST } from './largest.ts';
import { keptOr, type ObjectCache, type WantedObject } from './object-cache.ts';
import { READ_AT_ONCE } from './read-ahead.ts';
import { type Repository, refuseRotated } from './repository.ts';

export interface NamedObject {
  readonly name: ObjectName;
  /** When storage received it, by its clock, milliseconds. */
  readonly modified: number;
  /** They give the name. */
  readonly bytes: Uint8Array;
}

export interface ObjectFault {
  readonly name: ObjectName;
  readonly reason: string;
  /** It is whole, and says that it is of a later version. */
  readonly newer?: boolean;
}

export interface NamedListing<T> {
  /** In no order. */
  readonly found: readonly T[];
  /** By name. */
  readonly faults: readonly ObjectFault[];
}

export interface NamedFolder<T> {
  readonly folder: 'snapshots' | 'removals' | 'records';
  readonly kind: 'snapshot' | 'removal' | 'record';
  /** What is known of an earlier listing: a name tells the content, so it is not read again. */
  readonly known?: (name: ObjectName, modified: number) => T | undefined;
  /** Where they may be taken from that are listed. */
  readonly objects?: ObjectCache | undefined;
  /** @throws NeoError integrity or needs-newer-neo: then it is a fault */
  readonly open: (object: NamedObject) => T;
}

/** @throws NeoError unreachable; failed when keys were rotated since the repository was opened */
export async function listNamed<T extends object>(
  repository: Repository,
  { folder, kind, known, objects, open }: NamedFolder<T>,
): Promise<NamedListing<T>> {
  const found: T[] = [];
  const faults: ObjectFault[] = [];
  const limit = pLimit(READ_AT_ONCE);
  const reading: Promise<void>[] = [];
  for await (const { path, size, modified } of repository.backend.list(folder)) {
    const match = /^[a-z]+\/([0-9a-f]{64})$/.exec(path);
    if (match?.[1] === undefined) continue;
    const name = objectName(match[1]);
    const same = known?.(name, modified);
    if (same !== undefined) {
      found.push(same);
      continue;
    }
    const read = limit(async () => {
      if (size > LARGEST[kind]) faults.push({ name, reason: `${size} bytes are no ${kind}` });
      else await readOne(repository, { path, name, modified, size }, { objects, open }, { found, faults });
    });
    // Whoever waits for all of them is told of the first that fails.
    read.catch(() => undefined);
    reading.push(read);
  }
  await Promise.all(reading);
  if (faults.length > 0) await refuseRotated(repository);
  return { found, faults: faults.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

async function readOne<T>(
  repository: Repository,
  at: Omit<NamedObject, 'bytes'> & WantedObject & { readonly path: string },
  { objects, open }: Pick<NamedFolder<T>, 'objects' | 'open'>,
  { found, faults }: { readonly found: T[]; readonly faults: ObjectFault[] },
): Promise<void> {
  const { path, name, modified } = at;
  const bytes = await keptOr(repository, objects, at, () => repository.backend.get(path));
  if (bytes === undefined) return;
  if (toHex(repository.engine.blake3(bytes)) !== name) {
    faults.push({ name, reason: 'bytes do not give its name' });
    return;
  }
  try {
    found.push(open({ name, modified, bytes }));
  } catch (error) {
    // The configuration says which versions there are: one object of a later one, which anybody can put there, must not
    // stop everybody.
    if (isNeoError(error, 'needs-newer-neo')) faults.push({ name, reason: messageOf(error), newer: true });
    else if (isNeoError(error, 'integrity')) faults.push({ name, reason: messageOf(error) });
    else throw error;
  }
}
