/** Several snapshots as one: what any of them has, and where several have it what the newest one has. */
import { toBase64 } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import type { Engine } from '../engine/engine.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import { rememberHeads } from '../snapshot/heads.ts';
import { listHeads, type Snapshot, takenAt } from '../snapshot/listing.ts';
import type { Node } from '../snapshot/node.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';
import { readTree, TreeBuilder } from '../snapshot/tree.ts';
import { commitSnapshot, takeStanding, type Validation } from './commit.ts';
import { dropSnapshots } from './forget.ts';
import { BlobStore } from './rewrite/blob-store.ts';
import { refuseRollback } from './rewrite/replace.ts';
import { sealBody } from './seal-snapshot.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

export interface MergeOptions {
  readonly look: VisibleSnapshots;
  /** Two at least. */
  readonly snapshots: readonly Snapshot[];
  /** In place of all tags that they have. */
  readonly tags?: readonly string[];
  readonly host?: string;
  readonly label?: string;
  readonly program: string;
  /** Those that were merged go to the trash. */
  readonly deletes: boolean;
  /** Milliseconds that they stay there. */
  readonly trash: number;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface MergeSummary {
  /** Absent for a dry run. */
  readonly snapshot?: ObjectName;
  readonly files: number;
  readonly directories: number;
  /** Plain bytes of files. */
  readonly bytes: number;
  /** Entries of older snapshots in whose place a newer one has something else. */
  readonly replaced: number;
  /** Of those that were merged. */
  readonly removal?: ObjectName;
}

/**
 * Nothing of the originals is touched before the new one is whole.
 * @throws NeoError usage for fewer than two; permission-denied without role full; integrity when a directory cannot be
 * read, or after a rollback; interrupted, no-space, unreachable
 */
export async function mergeSnapshots(
  repository: IndexedRepository,
  state: ClientState,
  options: MergeOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<MergeSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'merge snapshots');
  const { look, snapshots, dryRun } = options;
  if (snapshots.length < 2) throw new NeoError('usage', 'it takes two snapshots to merge');
  refuseRollback(look, options);
  const newestFirst = [...snapshots].sort((a, b) => takenAt(b) - takenAt(a));
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, dryRun);
  try {
    const merge = new Merge(store, repository.engine, () => throwIfAborted(signal));
    const tree = await merge.directory(sourcesOf(newestFirst));
    await store.finish();
    const { files, directories, bytes, replaced } = merge;
    const counts = { files, directories, bytes, replaced };
    if (dryRun) return counts;
    const body = bodyOf(newestFirst, tree, counts, options);
    const { heads } = look;
    const { session } = store;
    const seal = (validation: Validation): Uint8Array => sealBody(repository, session.session, heads, validation, body);
    const floor = options.graceFloor === undefined ? {} : { graceFloor: options.graceFloor };
    const commit = { standing, session, root: tree, restsOn: undefined, everything: true, seal, ...floor };
    const snapshot = await commitSnapshot(repository, commit, events);
    await rememberHeads(repository, state, (await listHeads(repository, heads)).heads, events);
    return { snapshot, ...counts, ...(await dropOriginals(repository, state, options, events)) };
  } finally {
    await store.close();
  }
}

async function dropOriginals(
  repository: IndexedRepository,
  state: ClientState,
  { deletes, snapshots, trash }: MergeOptions,
  events: EventSink,
): Promise<{ readonly removal?: ObjectName }> {
  if (!deletes) return {};
  const fresh = await lookAtSnapshots(repository, state, events);
  const names = snapshots.map(({ name }) => name);
  const removal = await dropSnapshots(repository, fresh, names, trash);
  return removal === undefined ? {} : { removal };
}

/** A directory of one of the snapshots. */
interface Source {
  readonly tree: ContentKey;
  /** What its devices are counted from in the merged table. */
  readonly device: number;
}

/** The same device and inode of two snapshots need not be the same file: hard links are made within each alone. */
function sourcesOf(snapshots: readonly Snapshot[]): Source[] {
  let device = 0;
  return snapshots.map(({ body }) => {
    const source = { tree: body.tree, device };
    device += Math.max(1, body.devices.length);
    return source;
  });
}

class Merge {
  readonly #store: BlobStore;
  readonly #engine: Engine;
  readonly #stop: () => void;
  /** Directories of one snapshot alone, with other devices: key in base64 and device. */
  readonly #moved = new Map<string, ContentKey>();
  files = 0;
  directories = 0;
  bytes = 0;
  replaced = 0;

  constructor(store: BlobStore, engine: Engine, stop: () => void) {
    this.#store = store;
    this.#engine = engine;
    this.#stop = stop;
  }

  /** @param sources newest first. @throws NeoError integrity, interrupted */
  async directory(sources: readonly Source[]): Promise<ContentKey> {
    this.#stop();
    const entries = new Map<string, { readonly node: Node; readonly device: number }[]>();
    for (const { tree, device } of sources) {
      for await (const node of readTree(this.#store.load, tree)) {
        const name = Buffer.from(node.name).toString('latin1');
        const known = entries.get(name);
        if (known === undefined) entries.set(name, [{ node, device }]);
        else known.push({ node, device });
      }
    }
    const nodes: Node[] = [];
    // Latin1 sorts as bytes do.
    for (const name of [...entries.keys()].sort()) nodes.push(await this.#entry(entries.get(name) ?? []));
    await this.#store.room();
    return this.#build(nodes);
  }

  async #entry(found: readonly { readonly node: Node; readonly device: number }[]): Promise<Node> {
    const [newest, ...older] = found;
    if (newest === undefined) throw new NeoError('failed', 'an entry of nothing');
    const node = { ...newest.node, device: newest.node.device + newest.device };
    if (node.type === 'file') {
      this.files += 1;
      this.bytes += node.size;
    }
    if (node.type !== 'directory' || node.tree === undefined) {
      this.replaced += older.filter((other) => isOther(other.node, newest.node)).length;
      return node;
    }
    this.directories += 1;
    const below = found.flatMap(({ node: { type, tree }, device }) =>
      type === 'directory' && tree !== undefined ? [{ tree, device }] : [],
    );
    this.replaced += found.length - below.length;
    return { ...node, tree: await this.#below(below) };
  }

  async #below(sources: readonly Source[]): Promise<ContentKey> {
    const [only, another] = sources;
    if (only === undefined || another !== undefined) return this.directory(sources);
    const key = `${toBase64(only.tree)} ${only.device}`;
    const known = this.#moved.get(key);
    if (known !== undefined) return known;
    const made = await this.directory(sources);
    this.#moved.set(key, made);
    return made;
  }

  #build(nodes: readonly Node[]): ContentKey {
    const builder = new TreeBuilder(
      (kind, json) => this.#store.save(kind, json),
      (bytes) => this.#engine.blake3(bytes),
    );
    for (const node of nodes) builder.add(node);
    return builder.finish();
  }
}

function isOther(a: Node, b: Node): boolean {
  if (a.type !== b.type) return true;
  const [one, two] = [a.contentHash, b.contentHash].map((hash) => (hash === undefined ? '' : toBase64(hash)));
  return one !== two || a.size !== b.size;
}

function bodyOf(
  newestFirst: readonly Snapshot[],
  tree: ContentKey,
  { files, directories, bytes }: Pick<MergeSummary, 'files' | 'directories' | 'bytes'>,
  { tags, host, label, program }: MergeOptions,
): SnapshotBody {
  const [newest] = newestFirst;
  if (newest === undefined) throw new NeoError('usage', 'there is nothing to merge');
  const bodies = newestFirst.map(({ body }) => body);
  const { parent: _parent, original: _original, share: _share, kept: _kept, label: _label, ...rest } = newest.body;
  const paths = new Map(
    bodies.flatMap((body) => body.paths).map((path) => [Buffer.from(path).toString('latin1'), path]),
  );
  return {
    ...rest,
    time: takenAt(newest),
    host: host ?? newest.body.host,
    paths: [...paths].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path),
    tree,
    devices: bodies.flatMap(({ devices }) => (devices.length === 0 ? [{ id: '0' }] : devices)),
    tags: tags ?? [...new Set(bodies.flatMap((body) => body.tags))],
    ...(label === undefined ? {} : { label }),
    program,
    kind: 'snapshot',
    excludes: [...new Set(bodies.flatMap(({ excludes }) => excludes))],
    statistics: {
      filesNew: 0,
      filesChanged: 0,
      filesUnmodified: files,
      directories,
      bytesProcessed: bytes,
      bytesAdded: 0,
      bytesStored: 0,
      errors: 0,
      durationMs: 0,
    },
    rebundle: [],
  };
}
