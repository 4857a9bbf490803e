/** Snapshots moved to the content secrets in force (docs/decisions/0021-content-epochs.md). The originals go to the trash. */
import { throwIfAborted } from '../core/concurrency.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { BlobRekeyer } from '../repo/blob-rekeyer.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';
import { takeStanding } from './commit.ts';
import { reachable } from './reachable.ts';
import { Rekey } from './rewrite/rekey.ts';
import { type ReplaceOptions, type RewriteSummary, refuseRollback, replaceSnapshots } from './rewrite/replace.ts';

export interface RekeyOptions extends ReplaceOptions {
  /** Threads that read trees; 0 does everything in this one. */
  readonly workers: number;
}

export interface RekeySummary extends RewriteSummary {
  /** They stay as they are: something in them cannot be read. */
  readonly failed: readonly { readonly original: Snapshot; readonly reason: string }[];
  /** Data blobs that were of earlier content secrets, and bytes that they take in packs. */
  readonly blobs: number;
  readonly bytes: number;
  /** Of packs and segments; 0 in a dry run. */
  readonly bytesStored: number;
}

/**
 * Each blob is decrypted, verified, and sealed anew once, however many snapshots have it; nothing is compressed anew. After
 * an interruption the same command goes on: it reads again, and stores nothing twice.
 * @throws NeoError permission-denied without role full; integrity after a rollback; interrupted, no-space, unreachable. A
 * snapshot that cannot be read is in the summary.
 */
export async function rekeySnapshots(
  repository: IndexedRepository,
  state: ClientState,
  options: RekeyOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<RekeySummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'move snapshots to new content secrets');
  refuseRollback(options.look, options);
  const none = { rewritten: [], failed: [], blobs: 0, bytes: 0, bytesStored: 0 };
  if (repository.config.contentEpoch === 0) return { ...none, unchanged: options.snapshots };
  const throwIfStopped = (): void => throwIfAborted(signal);
  const standing = await takeStanding(repository);
  const rekeyer = new BlobRekeyer(repository, options.dryRun);
  try {
    const rekey = await prepare(repository, rekeyer, options, events, throwIfStopped);
    const { roots, failed } = await moveTrees(rekey, options.snapshots, events);
    await rekeyer.finish();
    const bodyOf = (original: Snapshot): SnapshotBody => movedBody(original, roots.get(original.name));
    const snapshots = options.snapshots.filter(({ name }) => roots.has(name));
    const replacement = { options: { ...options, snapshots }, standing, session: rekeyer.session, bodyOf };
    const summary = await replaceSnapshots(repository, state, replacement, events, signal);
    const { blobs, bytes } = rekey;
    return { ...summary, failed, blobs, bytes, bytesStored: options.dryRun ? 0 : rekeyer.session.storedBytes };
  } finally {
    await rekeyer.close();
  }
}

/** All data blobs are where new trees look for them; in a dry run, so it seems. */
async function prepare(
  repository: IndexedRepository,
  rekeyer: BlobRekeyer,
  { snapshots, workers, dryRun }: RekeyOptions,
  events: EventSink,
  throwIfStopped: () => void,
): Promise<Rekey> {
  const roots = snapshots.map(({ body }) => ({ tree: body.tree }));
  const onTrees = (files: number): void =>
    events({ type: 'progress', phase: 'read trees', progress: { files, bytes: 0 } });
  const { table } = await reachable(repository, roots, { workers, onTrees, throwIfStopped });
  repository.index.reserve(table.size);
  const rekey = await Rekey.start({ repository, rekeyer, table, dryRun, events, throwIfStopped });
  await rekey.moveData();
  return rekey;
}

async function moveTrees(rekey: Rekey, snapshots: readonly Snapshot[], events: EventSink) {
  const roots = new Map<ObjectName, ContentKey>();
  const failed: { readonly original: Snapshot; readonly reason: string }[] = [];
  for (const original of snapshots) {
    try {
      roots.set(original.name, await rekey.tree(original.body.tree));
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      const reason = messageOf(error);
      failed.push({ original, reason });
      const message = `snapshot ${original.name.slice(0, 8)} stays as it is: ${reason}`;
      events({ type: 'warning', message, code: 'integrity' });
    }
    const progress = { files: roots.size + failed.length, bytes: 0, totalFiles: snapshots.length };
    events({ type: 'progress', phase: 'move trees', progress });
  }
  return { roots, failed };
}

function movedBody({ name, received, body }: Snapshot, tree: ContentKey = body.tree): SnapshotBody {
  // Bundles that are to be made anew have other keys by now.
  return { ...body, tree, rebundle: [], original: { snapshot: name, received } };
}
