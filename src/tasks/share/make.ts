/** One state of a share made: a tree that holds what is shared and nothing else, the snapshot that keeps it, and what readers see. */
import { throwIfAborted } from '../../core/concurrency.ts';
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey, ObjectName } from '../../core/ids.ts';
import { PathFilter } from '../../fs/ignore-filter.ts';
import { type IndexedRepository, loadIndex } from '../../repo/indexed.ts';
import { listPacks } from '../../repo/pack-listing.ts';
import type { Repository } from '../../repo/repository.ts';
import { publishPlaces, refuseTooMany } from '../../repo/share-writer.ts';
import { listTombs } from '../../repo/tomb.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import { findPath } from '../../snapshot/lookup.ts';
import { doubtOf } from '../../snapshot/marks.ts';
import type { Node } from '../../snapshot/node.ts';
import type { SharedAs } from '../../snapshot/shared-as.ts';
import type { SnapshotBody } from '../../snapshot/snapshot.ts';
import { TreeBuilder } from '../../snapshot/tree.ts';
import { commitSnapshot, type Standing, takeStanding, type Validation } from '../commit.ts';
import { listNodes } from '../list.ts';
import { reachable } from '../reachable.ts';
import { BlobStore } from '../rewrite/blob-store.ts';
import { Bundles } from '../rewrite/bundles.ts';
import { Trees } from '../rewrite/trees.ts';
import { sealBody } from '../seal-snapshot.ts';
import type { VisibleSnapshots } from '../snapshots.ts';
import { placesOf } from './places.ts';
import { shareBody } from './refresh.ts';

export interface MakeOptions {
  readonly look: VisibleSnapshots;
  readonly snapshot: Snapshot;
  /** In the snapshot, of a directory or a file. */
  readonly path: Uint8Array;
  readonly description?: string | undefined;
  readonly host: string;
  readonly user: string;
  readonly program: string;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface Counts {
  readonly files: number;
  /** Plain bytes. */
  readonly bytes: number;
}

/** Stored, and not a share yet. */
export interface Derived {
  readonly tree: ContentKey;
  /** The directory that it was made of; absent for a file. */
  readonly source?: ContentKey;
  /** Stored anew. */
  readonly bytesAdded: number;
  readonly session: BlobStore['session'];
  readonly standing: Standing;
}

export async function countBelow(
  repository: IndexedRepository,
  { snapshot, path }: Pick<MakeOptions, 'snapshot' | 'path'>,
  events: EventSink,
  signal: AbortSignal | undefined,
): Promise<Counts> {
  const counts = { files: 0, bytes: 0 };
  for await (const { node } of listNodes(repository, snapshot, { path, recursive: true }, events)) {
    throwIfAborted(signal);
    if (node.type !== 'file') continue;
    counts.files += 1;
    counts.bytes += node.size;
  }
  return counts;
}

/**
 * Where files lie in bundles with others, they are bundled anew. `use` has it for as long as it takes.
 * @throws NeoError failed when there is nothing at the path; integrity when something of it cannot be read
 */
export async function withDerived<T>(
  repository: IndexedRepository,
  { snapshot, path, dryRun }: Pick<MakeOptions, 'snapshot' | 'path' | 'dryRun'>,
  use: (derived: Derived) => Promise<T>,
): Promise<T> {
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, dryRun);
  try {
    const made = await sharedTree(repository, store, snapshot, path);
    await store.finish();
    const { session } = store;
    return await use({ ...made, bytesAdded: session.storedBytes, session, standing });
  } finally {
    await store.close();
  }
}

/** The directory, or one with the file alone. */
async function sharedTree(
  { engine }: IndexedRepository,
  store: BlobStore,
  { body }: Snapshot,
  path: Uint8Array,
): Promise<Pick<Derived, 'tree' | 'source'>> {
  const found = await findPath(store.load, body.tree, path);
  const bundles = new Bundles();
  if (found?.tree !== undefined) {
    const trees = new Trees(store, engine, new PathFilter([]), bundles, () => undefined);
    await trees.look(found.tree);
    bundles.dropPartial();
    await bundles.move(store);
    return { tree: await trees.rewrite(found.tree), source: found.tree };
  }
  const node = found?.node;
  if (node === undefined) throw new NeoError('failed', 'there is nothing to share');
  bundles.keep(node);
  bundles.dropPartial();
  await bundles.move(store);
  return { tree: treeOf(engine, store, bundles.moved(node)) };
}

function treeOf(engine: IndexedRepository['engine'], store: BlobStore, node: Node): ContentKey {
  const builder = new TreeBuilder(
    (kind, json) => store.save(kind, json),
    (bytes) => engine.blake3(bytes),
  );
  builder.add(node);
  return builder.finish();
}

/**
 * From then on it is kept. Readers do not see it yet: see {@link publish}.
 * @throws NeoError failed for more than one share can hold; and what storing meets
 */
export async function commitState(
  repository: IndexedRepository,
  { tree, session, standing }: Derived,
  share: SharedAs,
  options: MakeOptions & { readonly counts: Counts; readonly now: number },
  events: EventSink,
): Promise<{ readonly name: ObjectName; readonly body: SnapshotBody }> {
  const { snapshot, look, graceFloor } = options;
  refuseTooMany((await reachable(repository, [{ tree }], { workers: 0 })).table.size);
  const body = bodyOf(options, tree, share);
  const commit = {
    standing,
    session,
    root: tree,
    restsOn: snapshot.name,
    everything: snapshot.role !== 'full' || doubtOf(snapshot, look.records) !== undefined,
    seal: (validation: Validation) => sealBody(repository, session.session, look.heads, validation, body),
    ...(graceFloor === undefined ? {} : { graceFloor }),
  };
  return { name: await commitSnapshot(repository, commit, events), body };
}

function bodyOf(
  { snapshot, description, host, user, program, counts, now }: Parameters<typeof commitState>[3],
  tree: ContentKey,
  share: SharedAs,
): SnapshotBody {
  return {
    time: now,
    host,
    user,
    paths: [Buffer.from('/')],
    tree,
    devices: snapshot.body.devices,
    tags: [],
    ...(description === undefined ? {} : { description }),
    program,
    kind: 'share',
    excludes: [],
    statistics: {
      filesNew: 0,
      filesChanged: 0,
      filesUnmodified: counts.files,
      directories: 0,
      bytesProcessed: counts.bytes,
      bytesAdded: 0,
      bytesStored: 0,
      errors: 0,
      durationMs: 0,
    },
    rebundle: [],
    share,
  };
}

/**
 * Readers see it, or a later state that they see already.
 * @throws NeoError integrity when a part of it has no copy that stays; failed when no number is left; no-space, unreachable
 */
export async function publish(
  repository: Repository,
  { body }: Pick<Snapshot, 'body'>,
  share: SharedAs,
): Promise<void> {
  const fresh = await loadIndex(repository, 0);
  const stored = await listPacks(fresh);
  const marked = (await listTombs(fresh)).packs;
  const isUsable = ({ pack }: { readonly pack: number }): boolean => {
    const name = fresh.packs[pack]?.name;
    return name !== undefined && stored.has(name) && !marked.has(name);
  };
  const places = await placesOf(fresh, body.tree, isUsable);
  await publishPlaces(fresh, share, shareBody(fresh, { body }, share), places);
}
