/**
 * Shares: one directory or file of a snapshot for somebody who has no key of the repository. What is shared stays, as a
 * snapshot of kind `share`, until it is taken back or ends (docs/decisions/0018-shares.md).
 */
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { PathFilter } from '../fs/ignore-filter.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { listPacks } from '../repo/pack-listing.ts';
import { newId, type Repository, requireFull } from '../repo/repository.ts';
import { type ShareId, shareId, sharePath } from '../repo/share.ts';
import { shareNumbers } from '../repo/share-source.ts';
import { publishPlaces, refuseTooMany } from '../repo/share-writer.ts';
import { listTombs } from '../repo/tomb.ts';
import { rememberHeads } from '../snapshot/heads.ts';
import { listHeads, type Snapshot, takenAt } from '../snapshot/listing.ts';
import { findPath } from '../snapshot/lookup.ts';
import { doubtOf } from '../snapshot/marks.ts';
import type { Node } from '../snapshot/node.ts';
import type { SharedAs, SnapshotBody } from '../snapshot/snapshot.ts';
import { TreeBuilder } from '../snapshot/tree.ts';
import { commitSnapshot, takeStanding, type Validation } from './commit.ts';
import { dropSnapshots } from './forget.ts';
import { listNodes } from './list.ts';
import { reachable } from './reachable.ts';
import { BlobStore } from './rewrite/blob-store.ts';
import { Bundles } from './rewrite/bundles.ts';
import { Trees } from './rewrite/trees.ts';
import { sealBody } from './seal-snapshot.ts';
import { placesOf } from './share/places.ts';
import { type Shared as SharedSnapshot, shareBody, sharesIn } from './share/refresh.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

export type Shared = SharedSnapshot;

/** What a share file is made of, before anything is stored. */
export interface NewShare {
  readonly id: ShareId;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface CreateShareOptions {
  readonly look: VisibleSnapshots;
  readonly snapshot: Snapshot;
  /** In the snapshot, of a directory or a file. */
  readonly path: Uint8Array;
  /** Milliseconds; 0 = never. */
  readonly expires: number;
  readonly recipient?: string;
  readonly description?: string;
  readonly host: string;
  readonly user: string;
  readonly program: string;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface CreateShareSummary {
  /** Absent for a dry run. */
  readonly snapshot?: ObjectName;
  readonly files: number;
  /** Plain bytes. */
  readonly bytes: number;
  /** Stored anew, so that it holds nothing else. */
  readonly bytesAdded: number;
}

export function newShare({ random }: Pick<Repository, 'random'>): NewShare {
  return { id: shareId(newId(random)), key: random.bytes(32) };
}

/**
 * What is shared and nothing else: where its files lie in bundles with others, they are bundled anew.
 * @throws NeoError permission-denied without role full; failed when there is nothing at the path; usage for a date that has
 * passed; integrity when something of it cannot be read, or after a rollback; interrupted
 */
export async function createShare(
  repository: IndexedRepository,
  state: ClientState,
  { id, key }: NewShare,
  options: CreateShareOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<CreateShareSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'share');
  const { look, snapshot, path, expires, dryRun } = options;
  refuseAlarms(look);
  const now = await repository.backend.now();
  if (!dryRun) refuseExpired(repository.signer.certificate, now);
  if (expires !== 0 && expires <= now) throw new NeoError('usage', 'the share would have ended already');
  const { files, bytes } = await countBelow(repository, options, events, signal);
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, dryRun);
  try {
    const tree = await sharedTree(repository, store, snapshot, path);
    await store.finish();
    const bytesAdded = store.session.storedBytes;
    if (dryRun) return { files, bytes, bytesAdded };
    refuseTooMany((await reachable(repository, [{ tree }], { workers: 0 })).table.size);
    throwIfAborted(signal);
    const share: SharedAs = {
      id,
      key,
      expires,
      of: snapshot.name,
      path,
      taken: takenAt(snapshot),
      ...(options.recipient === undefined ? {} : { recipient: options.recipient }),
    };
    const body = bodyOf(options, tree, share, { files, bytes, now });
    const { heads } = look;
    const commit = {
      standing,
      session: store.session,
      root: tree,
      restsOn: snapshot.name,
      everything: snapshot.role !== 'full' || doubtOf(snapshot, look.records) !== undefined,
      seal: (validation: Validation) => sealBody(repository, store.session.session, heads, validation, body),
      ...(options.graceFloor === undefined ? {} : { graceFloor: options.graceFloor }),
    };
    const name = await commitSnapshot(repository, commit, events);
    await rememberHeads(repository, state, (await listHeads(repository, heads)).heads, events);
    await publish(repository, { body }, share);
    return { snapshot: name, files, bytes, bytesAdded };
  } finally {
    await store.close();
  }
}

/** @throws NeoError integrity */
function refuseAlarms({ alarms }: VisibleSnapshots): void {
  if (alarms.length === 0) return;
  throw new NeoError('integrity', 'the repository went back: nothing of it is shared', {
    hint: 'see what is missing: neo snapshots; to go on with it as it is now: --accept-rollback',
  });
}

async function countBelow(
  repository: IndexedRepository,
  { snapshot, path }: CreateShareOptions,
  events: EventSink,
  signal: AbortSignal | undefined,
): Promise<{ files: number; bytes: number }> {
  const counts = { files: 0, bytes: 0 };
  for await (const { node } of listNodes(repository, snapshot, { path, recursive: true }, events)) {
    throwIfAborted(signal);
    if (node.type !== 'file') continue;
    counts.files += 1;
    counts.bytes += node.size;
  }
  return counts;
}

/** The directory, or one with the file alone. */
async function sharedTree(
  { engine }: IndexedRepository,
  store: BlobStore,
  { body }: Snapshot,
  path: Uint8Array,
): Promise<ContentKey> {
  const found = await findPath(store.load, body.tree, path);
  const bundles = new Bundles();
  if (found?.tree !== undefined) {
    const trees = new Trees(store, engine, new PathFilter([]), bundles, () => undefined);
    await trees.look(found.tree);
    bundles.dropPartial();
    await bundles.move(store);
    return trees.rewrite(found.tree);
  }
  const node = found?.node;
  if (node === undefined) throw new NeoError('failed', 'there is nothing to share');
  bundles.keep(node);
  bundles.dropPartial();
  await bundles.move(store);
  return treeOf(engine, store, bundles.moved(node));
}

function treeOf(engine: IndexedRepository['engine'], store: BlobStore, node: Node): ContentKey {
  const builder = new TreeBuilder(
    (kind, json) => store.save(kind, json),
    (bytes) => engine.blake3(bytes),
  );
  builder.add(node);
  return builder.finish();
}

function bodyOf(
  options: CreateShareOptions,
  tree: ContentKey,
  share: SharedAs,
  { files, bytes, now }: { files: number; bytes: number; now: number },
): SnapshotBody {
  const { snapshot, description, host, user, program } = options;
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
      filesUnmodified: files,
      directories: 0,
      bytesProcessed: bytes,
      bytesAdded: 0,
      bytesStored: 0,
      errors: 0,
      durationMs: 0,
    },
    rebundle: [],
    share,
  };
}

async function publish(repository: Repository, { body }: Pick<Snapshot, 'body'>, share: SharedAs): Promise<void> {
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

/** Newest first. */
export function listShares({ shares }: VisibleSnapshots): Shared[] {
  return sharesIn(shares).toReversed();
}

/** By the start of its id or of its snapshot's. @throws NeoError failed, usage */
export function findShare(look: VisibleSnapshots, reference: string): Shared {
  const found = /^[0-9a-f]{4,64}$/.test(reference)
    ? listShares(look).filter(({ share, snapshot }) => [share.id, snapshot.name].some((id) => id.startsWith(reference)))
    : [];
  const [only, another] = found;
  if (another !== undefined) throw new NeoError('usage', `${reference} is the start of several shares`);
  if (only !== undefined) return only;
  throw new NeoError('failed', `there is no share ${reference}`, { hint: 'see: neo share list' });
}

/**
 * Takes shares back: their readers find them no more. What somebody has read or copied stays with them.
 * @returns the removal; undefined when there was nothing to take back
 * @throws NeoError permission-denied without role full; integrity after a rollback
 */
export async function removeShares(
  repository: Repository,
  look: VisibleSnapshots,
  shares: readonly Shared[],
): Promise<ObjectName | undefined> {
  const names = shares.map(({ snapshot }) => snapshot.name);
  const removal = await dropSnapshots(repository, look, names, 0);
  for (const { share } of shares) await removeObjects(repository, share.id);
  return removal;
}

async function removeObjects({ backend }: Repository, id: ShareId): Promise<void> {
  for (const { n } of await shareNumbers(backend, id)) await backend.remove(sharePath(id, n));
}

/**
 * Takes back those that have ended, so that the next sweep frees them.
 * @returns how many
 * @throws as {@link removeShares}
 */
export async function endShares(repository: Repository, state: ClientState): Promise<number> {
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const now = await repository.backend.now();
  const ended = listShares(look).filter(({ share }) => share.expires !== 0 && share.expires <= now);
  if (ended.length > 0) await removeShares(repository, look, ended);
  return ended.length;
}
