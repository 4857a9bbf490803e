/** Snapshots made anew with other words or without some paths; what they were made from goes to the trash. */
import { toBase64 } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { PathFilter } from '../fs/ignore-filter.ts';
import { parseOptionPattern } from '../fs/ignore-pattern.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { Node } from '../snapshot/node.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';
import { takeStanding } from './commit.ts';
import { BlobStore } from './rewrite/blob-store.ts';
import { Bundles } from './rewrite/bundles.ts';
import {
  type Rewritten as Replaced,
  type ReplaceOptions,
  refuseRollback,
  replaceSnapshots,
  type RewriteSummary as Summary,
} from './rewrite/replace.ts';
import { Trees } from './rewrite/trees.ts';

/** What becomes different. */
export interface RewriteChanges {
  /** From the tags to others. */
  readonly tags?: (tags: readonly string[]) => readonly string[];
  readonly host?: string;
  /** Milliseconds. */
  readonly time?: number;
  /** Empty: none any more. */
  readonly label?: string;
  readonly description?: string;
  /** Patterns of paths in the snapshot that are dropped. */
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
}

export interface RewriteOptions extends ReplaceOptions {
  readonly changes: RewriteChanges;
  /** Told of each path that goes. */
  readonly onDropped?: (path: Uint8Array, node: Node) => void;
}

export type Rewritten = Replaced;
export type RewriteSummary = Summary;

/**
 * Each new one is whole before its original goes. After an interruption the same command goes on: what was made already is
 * found by what it was made from. Two who do the same at once end with one of each.
 * @throws NeoError permission-denied without role full; usage for a pattern that can match nothing; integrity when a tree
 * cannot be read, before anything is published; interrupted
 */
export async function rewriteSnapshots(
  repository: IndexedRepository,
  state: ClientState,
  options: RewriteOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<RewriteSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'rewrite snapshots');
  const filter = filterOf(options.changes);
  const { look } = options;
  refuseRollback(look, options);
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, options.dryRun);
  try {
    const roots = await rewriteTrees(repository, store, filter, options, () => throwIfAborted(signal));
    const bodyOf = (original: Snapshot): SnapshotBody =>
      changedBody(original, roots.get(original.name) ?? original.body.tree, options);
    return await replaceSnapshots(
      repository,
      state,
      { options, standing, session: store.session, bodyOf },
      events,
      signal,
    );
  } finally {
    await store.close();
  }
}

/** @throws NeoError usage */
function filterOf({ exclude = [], iexclude = [] }: RewriteChanges): PathFilter {
  return new PathFilter([
    ...exclude.map((pattern) => parseOptionPattern('exclude', pattern)),
    ...iexclude.map((pattern) => parseOptionPattern('iexclude', pattern)),
  ]);
}

async function rewriteTrees(
  { engine }: IndexedRepository,
  store: BlobStore,
  filter: PathFilter,
  { snapshots, onDropped = () => undefined }: RewriteOptions,
  throwIfStopped: () => void,
): Promise<ReadonlyMap<ObjectName, ContentKey>> {
  const roots = new Map<ObjectName, ContentKey>();
  if (!filter.active) return roots;
  const bundles = new Bundles();
  const trees = new Trees(store, engine, filter, bundles, onDropped);
  for (const { body } of snapshots) {
    throwIfStopped();
    await trees.look(body.tree);
  }
  await bundles.move(store);
  for (const { name, body } of snapshots) {
    throwIfStopped();
    roots.set(name, await trees.rewrite(body.tree));
  }
  await store.finish();
  return roots;
}

function changedBody({ name, received, body }: Snapshot, tree: ContentKey, options: RewriteOptions): SnapshotBody {
  const { tags, host, time, label, description } = options.changes;
  const { label: oldLabel, description: oldDescription, ...rest } = body;
  const [nextLabel, nextDescription] = [label ?? oldLabel ?? '', description ?? oldDescription ?? ''];
  return {
    ...rest,
    tree,
    tags: tags?.(body.tags) ?? body.tags,
    host: host ?? body.host,
    time: time ?? body.time,
    ...(nextLabel === '' ? {} : { label: nextLabel }),
    ...(nextDescription === '' ? {} : { description: nextDescription }),
    // A bundle that is to be made anew may not be there any more.
    rebundle: toBase64(tree) === toBase64(body.tree) ? body.rebundle : [],
    original: { snapshot: name, received },
  };
}
