/** From names of snapshots, paths in them and versions of files to the trees that are compared. */
import { displayBytes, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { findPath } from '../snapshot/lookup.ts';
import { type Reference, selectSnapshot } from '../snapshot/select.ts';
import { type DiffSide, snapshotSide } from './diff-side.ts';
import { diskSide } from './disk-side.ts';
import { historySource } from './history.ts';
import type { VisibleSnapshots } from './snapshots.ts';
import { findVersion } from './versions.ts';

/** A snapshot, a path in one, or a version of a file. */
export type DiffName = Reference | { readonly path: Uint8Array; readonly version: number };

export type DiffPair = readonly [before: DiffSide, after: DiffSide];

/**
 * One pair; with the disk (no second name) one for each path that a whole snapshot was to take: the disk has much else.
 * @throws NeoError failed for a path that neither has; usage as selectSnapshot and findVersion
 */
export async function pairsOf(
  repository: IndexedRepository,
  look: VisibleSnapshots,
  [first, second]: readonly [DiffName, DiffName | undefined],
  events: EventSink,
): Promise<readonly DiffPair[]> {
  const before = await named(repository, look, first, events);
  if (second !== undefined) {
    const after = await named(repository, look, second, events);
    const root = utf8('/');
    return [refuseNothing([await side(repository, before, root), await side(repository, after, root)])];
  }
  const withDisk = async (path: Uint8Array): Promise<DiffPair> => {
    const stored = await side(repository, { ...before, path }, path);
    return [stored, diskSide(repository, stored.path)];
  };
  if (before.path !== undefined) return [refuseNothing(await withDisk(before.path))];
  const pairs: DiffPair[] = [];
  // One that was missing then and is missing now is no difference.
  for (const path of before.snapshot.body.paths) pairs.push(await withDisk(path));
  return pairs;
}

interface Named {
  readonly snapshot: Snapshot;
  readonly path: Uint8Array | undefined;
}

async function named(
  repository: IndexedRepository,
  look: VisibleSnapshots,
  name: DiffName,
  events: EventSink,
): Promise<Named> {
  if ('version' in name) {
    const { path, last } = await findVersion(
      historySource(repository, look),
      look.snapshots,
      name.path,
      name.version,
      events,
    );
    return { snapshot: last, path };
  }
  return { snapshot: selectSnapshot(look.snapshots, name.snapshot, undefined, look), path: name.path };
}

async function side(
  repository: IndexedRepository,
  { snapshot, path }: Named,
  otherwise: Uint8Array,
): Promise<DiffSide> {
  const reader = new BlobReader(repository);
  const wanted = path ?? otherwise;
  const found = await findPath((kind, key) => reader.load(kind, key), snapshot.body.tree, wanted);
  return found === undefined ? { path: wanted, root: undefined } : snapshotSide(repository, found);
}

function refuseNothing(pair: DiffPair): DiffPair {
  const [before, after] = pair;
  if (before.root !== undefined || after.root !== undefined) return pair;
  throw new NeoError('failed', `there is nothing at ${displayBytes(before.path)}, here and there`, {
    hint: 'see what a snapshot has: neo ls SNAPSHOT',
  });
}
