/** The snapshot to compare with: out of the repository for role full, out of the client's cache for role write. */
import { toBase64, toHex } from '../../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey, ObjectName } from '../../core/ids.ts';
import { canonicalJson, parseJson } from '../../core/json.ts';
import { z } from '../../core/schema.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { ClientState } from '../../repo/client-state.ts';
import { confirmWithin } from '../../repo/grace.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { objectCache } from '../../repo/object-cache.ts';
import { isRevoked, type RecordListing } from '../../repo/record.ts';
import { snapshotsBeingFreed } from '../../repo/tomb.ts';
import { pathSet } from '../../snapshot/lineage.ts';
import { type HeadListing, type ListedHead, openSnapshots, type Snapshot } from '../../snapshot/listing.ts';
import type { SnapshotStatistics } from '../../snapshot/snapshot.ts';
import type { SnapshotCache } from '../../snapshot/snapshot-cache.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import { TreeCache } from '../../snapshot/tree-cache.ts';
import type { Standing } from '../commit.ts';
import type { ParentTree } from './parent.ts';

export interface Before {
  /** The root of the latest one, if that is complete. */
  readonly root: ContentKey | undefined;
  readonly name: ObjectName | undefined;
  /** The latest first; behind a partial one the latest complete one, for what the interruption left out. */
  readonly parents: readonly ParentTree[];
  readonly load: LoadBlob;
  /** Bundles whose files are to be bundled anew. */
  readonly rebundle: ReadonlySet<string>;
  readonly statistics:
    | Pick<SnapshotStatistics, 'bytesProcessed' | 'filesNew' | 'filesChanged' | 'filesUnmodified'>
    | undefined;
}

export interface BeforeOptions {
  readonly host: string;
  /** As stored. */
  readonly paths: readonly Uint8Array[];
  /** A name or its start; undefined finds the latest of the same host and paths. */
  readonly parent: string | undefined;
  /** Reads every file again. */
  readonly force: boolean;
}

const nothing: LoadBlob = async () => {
  throw new NeoError('integrity', 'there is no parent');
};

const NONE: Before = {
  root: undefined,
  name: undefined,
  parents: [],
  load: nothing,
  rebundle: new Set(),
  statistics: undefined,
};

/** What lies in the repository. */
interface Listed {
  readonly listing: HeadListing;
  /** In the trash. */
  readonly removed: ReadonlySet<ObjectName>;
  readonly records: RecordListing;
  readonly standing: Pick<Standing, 'tombs'>;
  readonly cache?: SnapshotCache | undefined;
}

/** @throws NeoError usage when `parent` names no snapshot */
export async function findBefore(
  repository: IndexedRepository,
  state: ClientState,
  options: BeforeOptions,
  { listing, removed, records, standing, cache }: Listed,
  events: EventSink,
): Promise<Before> {
  if (options.force) return NONE;
  if (repository.keys.full === undefined) return fromCache(repository, state, options, removed, events);
  const { snapshots, heads } = openSnapshots(repository, listing, repository.keys.full.epochs, cache);
  // What is in the trash, or what a prune may be about to delete, may be freed while this run goes on: nothing rests on it.
  const beingFreed = snapshotsBeingFreed(standing.tombs);
  const mayGo = (name: ObjectName): boolean => removed.has(name) || beingFreed.has(name);
  const believed = new Set(
    heads
      .filter((head) => isBelieved(repository, head, records) && isConfirmed(head, records) && !mayGo(head.name))
      .map(({ name }) => name),
  );
  const chosen = chooseParents(
    snapshots.filter(({ name }) => believed.has(name)),
    options,
  );
  const [parent] = chosen;
  if (parent === undefined) return NONE;
  const reader = new BlobReader({ ...repository, kept: objectCache(repository, state) });
  return {
    root: parent.body.kind === 'snapshot' ? parent.body.tree : undefined,
    name: parent.name,
    parents: chosen.map(({ body }) => parentTree(body.tree, body.time)),
    load: (kind, key) => reader.load(kind, key),
    rebundle: new Set(chosen.flatMap(({ body }) => body.rebundle.map((key) => toBase64(key)))),
    statistics: chosen.at(-1)?.body.statistics,
  };
}

function parentTree(tree: ContentKey, time: number): ParentTree {
  return { tree, readSince: BigInt(time) * 1_000_000n };
}

/** It came soon after its maker had made sure that all is there; otherwise a prune may have taken a part of it. */
function isConfirmed({ name, received, head }: ListedHead, { confirmed }: RecordListing): boolean {
  return received - head.validated <= confirmWithin() || confirmed.has(name);
}

/** Whose word counts for what a file contains: with a stolen write key anybody signs trees of any host and path. */
function isBelieved(repository: IndexedRepository, { name, sealed }: ListedHead, records: RecordListing): boolean {
  if (isRevoked(records, sealed.signer.client, name)) return false;
  return sealed.signer.role === 'full' || sealed.signer.client === repository.client;
}

function chooseParents(snapshots: readonly Snapshot[], options: BeforeOptions): readonly Snapshot[] {
  const { parent } = options;
  if (parent !== undefined) {
    const matching = snapshots.filter(({ name }) => name.startsWith(parent));
    const [only, second] = matching;
    if (only === undefined || second !== undefined) {
      const what = only === undefined ? 'there is no such snapshot' : `${matching.length} snapshots begin so`;
      throw new NeoError('usage', `--parent ${parent}: ${what}`, { hint: 'see: neo snapshots' });
    }
    return [only];
  }
  const paths = pathSet(options.paths);
  const own = snapshots.filter(
    ({ body }) =>
      body.host === options.host &&
      (body.kind === 'snapshot' || body.kind === 'partial') &&
      pathSet(body.paths) === paths,
  );
  const latest = own.at(-1);
  const complete = own.findLast(({ body }) => body.kind === 'snapshot');
  return [...new Set([latest, complete])].filter((snapshot) => snapshot !== undefined);
}

const aboutSchema = z.object({
  v: z.literal(1),
  snapshot: z.string(),
  time: z.int(),
  rebundle: z.array(z.string()),
  statistics: z.object({
    bytesProcessed: z.int(),
    filesNew: z.int(),
    filesChanged: z.int(),
    filesUnmodified: z.int(),
  }),
});

/** One cache for each set of paths; its name tells nothing of them. */
function cacheName(repository: IndexedRepository, paths: readonly Uint8Array[]): string {
  const about = canonicalJson([repository.id, repository.client, pathSet(paths)]);
  return `parent-${toHex(repository.engine.blake3(about, repository.keys.index)).slice(0, 32)}.cache`;
}

async function fromCache(
  repository: IndexedRepository,
  state: ClientState,
  options: BeforeOptions,
  removed: ReadonlySet<string>,
  events: EventSink,
): Promise<Before> {
  if (options.parent !== undefined) {
    throw new NeoError(
      'permission-denied',
      'this key may only write: it cannot read the snapshot that --parent names',
      {
        hint: 'leave --parent away, or use a key of role full',
      },
    );
  }
  const bytes = await state.read(cacheName(repository, options.paths));
  if (bytes === undefined) return NONE;
  const decoded = TreeCache.decode(repository.engine, repository.signer.seed, bytes);
  const about = decoded === undefined ? undefined : aboutSchema.safeParse(tryJson(decoded.about)).data;
  if (decoded === undefined || about === undefined) {
    events({ type: 'note', message: 'the local cache is damaged: all files are read again' });
    return NONE;
  }
  // Whoever may read could have removed that snapshot: an unchanged tree is then no reason to make none.
  const isThere =
    !removed.has(about.snapshot) && (await repository.backend.stat(`snapshots/${about.snapshot}`)) !== undefined;
  return {
    root: isThere ? decoded.root : undefined,
    name: undefined,
    parents: [parentTree(decoded.root, about.time)],
    load: decoded.cache.load,
    rebundle: new Set(about.rebundle),
    statistics: about.statistics,
  };
}

function tryJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}

/** After a complete snapshot: what the next run of a client compares with that may not read it (it has a cache). */
export async function keepForNext(
  repository: IndexedRepository,
  state: ClientState,
  paths: readonly Uint8Array[],
  made: {
    readonly cache: TreeCache | undefined;
    readonly root: ContentKey;
    readonly snapshot: ObjectName;
    readonly time: number;
    readonly rebundle: readonly string[];
    readonly statistics: SnapshotStatistics;
  },
  events: EventSink,
): Promise<void> {
  if (made.cache === undefined) return;
  const { bytesProcessed, filesNew, filesChanged, filesUnmodified } = made.statistics;
  const about = canonicalJson({
    v: 1,
    snapshot: made.snapshot,
    time: made.time,
    rebundle: made.rebundle,
    statistics: { bytesProcessed, filesNew, filesChanged, filesUnmodified },
  });
  const bytes = made.cache.encode(repository.signer.seed, repository.random, made.root, about);
  try {
    await state.write(cacheName(repository, paths), bytes);
  } catch (error) {
    events({
      type: 'note',
      message: `the local cache was not kept (${messageOf(error)}): the next run reads all files`,
    });
  }
}
