/** The snapshot to compare with: out of the repository for role full, out of the client's cache for role write. */
import { z } from 'zod';
import { equalBytes, toByteString, toHex } from '../../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey, ObjectName } from '../../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../../core/json.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { listSnapshots, type Snapshot } from '../../snapshot/listing.ts';
import type { SnapshotStatistics } from '../../snapshot/snapshot.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import { TreeCache } from '../../snapshot/tree-cache.ts';

export interface Before {
  readonly root: ContentKey | undefined;
  readonly name: ObjectName | undefined;
  /** When it began, the client's clock, ms. */
  readonly time: number | undefined;
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
  time: undefined,
  load: nothing,
  rebundle: new Set(),
  statistics: undefined,
};

/** @throws NeoError usage when `parent` names no snapshot */
export async function findBefore(
  repository: IndexedRepository,
  state: ClientState,
  options: BeforeOptions,
  events: EventSink,
): Promise<Before> {
  if (options.force) return NONE;
  if (repository.keys.full === undefined) return fromCache(repository, state, options, events);
  const { snapshots } = await listSnapshots(repository, repository.keys.full.epochs);
  const parent = chooseParent(snapshots, options);
  if (parent === undefined) return NONE;
  const reader = new BlobReader(repository);
  return {
    root: parent.body.tree,
    name: parent.name,
    time: parent.body.time,
    load: (kind, key) => reader.load(kind, key),
    rebundle: new Set(parent.body.rebundle.map((key) => Buffer.from(key).toString('base64url'))),
    statistics: parent.body.statistics,
  };
}

function chooseParent(snapshots: readonly Snapshot[], options: BeforeOptions): Snapshot | undefined {
  const { parent } = options;
  if (parent !== undefined) {
    const matching = snapshots.filter(({ name }) => name.startsWith(parent));
    const [only, second] = matching;
    if (only === undefined || second !== undefined) {
      throw new NeoError('usage', `--parent ${parent} names ${matching.length} snapshots`, {
        hint: 'see: neo snapshots',
      });
    }
    return only;
  }
  return snapshots.findLast(({ body }) => body.host === options.host && samePaths(body.paths, options.paths));
}

function samePaths(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((path) => b.some((other) => equalBytes(path, other)));
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
  const sorted = paths.map((path) => toByteString(path) as Json);
  const about = canonicalJson([repository.id, repository.client, ...sorted]);
  return `parent-${toHex(repository.engine.blake3(about, repository.keys.index)).slice(0, 32)}.cache`;
}

async function fromCache(
  repository: IndexedRepository,
  state: ClientState,
  options: BeforeOptions,
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
  return {
    root: decoded.root,
    name: undefined,
    time: about.time,
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

/** After a complete snapshot of role write: what the next run compares with. */
export async function keepForNext(
  repository: IndexedRepository,
  state: ClientState,
  paths: readonly Uint8Array[],
  made: {
    readonly cache: TreeCache;
    readonly root: ContentKey;
    readonly snapshot: ObjectName;
    readonly time: number;
    readonly rebundle: readonly string[];
    readonly statistics: SnapshotStatistics;
  },
  events: EventSink,
): Promise<void> {
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
