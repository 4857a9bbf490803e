/** Snapshots made anew with other words or without some paths; what they were made from goes to the trash. */
import { toBase64 } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { PathFilter } from '../fs/ignore-filter.ts';
import { parseOptionPattern } from '../fs/ignore-pattern.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { putRecord } from '../repo/record.ts';
import { requireFull } from '../repo/repository.ts';
import { rememberHeads } from '../snapshot/heads.ts';
import { type ListedHead, listHeads, type Snapshot } from '../snapshot/listing.ts';
import { doubtOf } from '../snapshot/marks.ts';
import type { Node } from '../snapshot/node.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';
import { commitSnapshot, type Standing, takeStanding, type Validation } from './commit.ts';
import { dropSnapshots } from './forget.ts';
import { BlobStore } from './rewrite/blob-store.ts';
import { Bundles } from './rewrite/bundles.ts';
import { Trees } from './rewrite/trees.ts';
import { sealBody } from './seal-snapshot.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

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

export interface RewriteOptions {
  /** All that is there, as it was looked at just before. */
  readonly look: VisibleSnapshots;
  /** Which ones of it. */
  readonly snapshots: readonly Snapshot[];
  readonly changes: RewriteChanges;
  /** What they were made from stays beside them. */
  readonly keepOriginals: boolean;
  /** Milliseconds that the originals stay in the trash. */
  readonly trash: number;
  readonly dryRun: boolean;
  /** Told of each path that goes. */
  readonly onDropped?: (path: Uint8Array, node: Node) => void;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface Rewritten {
  readonly original: Snapshot;
  /** Absent for a dry run. */
  readonly name?: ObjectName;
}

export interface RewriteSummary {
  readonly rewritten: readonly Rewritten[];
  /** Nothing would be different. */
  readonly unchanged: readonly Snapshot[];
  /** Of the originals. */
  readonly removal?: ObjectName;
}

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
  if (look.alarms.length > 0 && !options.dryRun) {
    throw new NeoError('integrity', 'the repository went back: nothing is rewritten in it', {
      hint: 'see what is missing: neo snapshots; to go on with it as it is now: --accept-rollback',
    });
  }
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, options.dryRun);
  try {
    const roots = await rewriteTrees(repository, store, filter, options, () => throwIfAborted(signal));
    const publisher = new Publisher(repository, { standing, store, look, options, events });
    const rewritten: Rewritten[] = [];
    const unchanged: Snapshot[] = [];
    for (const original of options.snapshots) {
      throwIfAborted(signal);
      const body = changedBody(original, roots.get(original.name) ?? original.body.tree, options);
      if (isSame(original.body, body)) unchanged.push(original);
      else rewritten.push({ original, ...(await publisher.publish(original, body)) });
    }
    if (options.dryRun || rewritten.length === 0) return { rewritten, unchanged };
    await rememberHeads(repository, state, publisher.heads, events);
    if (options.keepOriginals) return { rewritten, unchanged };
    const fresh = await lookAtSnapshots(repository, state, events);
    const survivors = rewritten.map((one) => survivorOf(one, fresh));
    const dropped = survivors.flatMap(({ original, doubles }) => [original.name, ...doubles]);
    const removal = await dropSnapshots(repository, fresh, dropped, options.trash);
    const kept = survivors.map(({ original, name }) => ({ original, name }));
    return { rewritten: kept, unchanged, ...(removal === undefined ? {} : { removal }) };
  } finally {
    await store.close();
  }
}

interface Survivor {
  readonly original: Snapshot;
  readonly name: ObjectName;
  /** The same, made from the same one by somebody who did so at the same time. */
  readonly doubles: readonly ObjectName[];
}

/** Everybody keeps the same one of several. */
function survivorOf({ original, name }: Rewritten, { snapshots, records }: VisibleSnapshots): Survivor {
  const own = snapshots.find((snapshot) => snapshot.name === name);
  const made = snapshots.filter(
    (other) => own !== undefined && isMadeFrom(other, original) && isSame(other.body, own.body),
  );
  const [first = name ?? original.name, ...others] = made.map((each) => each.name).sort();
  return { original, name: first, doubles: others.filter((other) => !records.pins.has(other)) };
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

/** But for what each was made from. */
function isSame(a: SnapshotBody, b: SnapshotBody): boolean {
  const text = ({ tree, tags, host, time, label, description }: SnapshotBody): string =>
    JSON.stringify([toBase64(tree), tags, host, time, label, description]);
  return text(a) === text(b);
}

interface PublisherMeans {
  readonly standing: Standing;
  readonly store: BlobStore;
  readonly look: VisibleSnapshots;
  readonly options: RewriteOptions;
  readonly events: EventSink;
}

class Publisher {
  readonly #repository: IndexedRepository;
  readonly #means: PublisherMeans;
  heads: readonly ListedHead[];

  constructor(repository: IndexedRepository, means: PublisherMeans) {
    this.#repository = repository;
    this.#means = means;
    this.heads = means.look.heads;
  }

  async publish(original: Snapshot, body: SnapshotBody): Promise<{ readonly name?: ObjectName }> {
    const { options, look } = this.#means;
    if (options.dryRun) return {};
    const made = look.snapshots.find((other) => isMadeFrom(other, original) && isSame(other.body, body));
    const name = made?.name ?? (await this.#commit(original, body));
    await this.#movePin(original.name, name);
    return { name };
  }

  async #commit(original: Snapshot, body: SnapshotBody): Promise<ObjectName> {
    const repository = this.#repository;
    const { standing, store, look, events, options } = this.#means;
    const { session } = store;
    const { heads } = this;
    const { graceFloor } = options;
    const name = await commitSnapshot(
      repository,
      {
        standing,
        session,
        root: body.tree,
        restsOn: original.name,
        // What others may only believe of its maker must be stored by who is believed; and on doubt nothing rests.
        everything: original.role !== 'full' || doubtOf(original, look.records) !== undefined,
        seal: (validation: Validation) => sealBody(repository, session.session, heads, validation, body),
        ...(graceFloor === undefined ? {} : { graceFloor }),
      },
      events,
    );
    this.heads = (await listHeads(repository, heads)).heads;
    return name;
  }

  /** Who pinned the original meant what it holds. */
  async #movePin(original: ObjectName, name: ObjectName): Promise<void> {
    const pin = this.#means.look.records.pins.get(original);
    if (pin === undefined || this.#means.options.keepOriginals) return;
    const { until, reason } = pin;
    const time = await this.#repository.backend.now();
    const what = { ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
    const { records } = this.#means.look;
    await putRecord(this.#repository, records, { type: 'pin', subject: name, time, pinned: true, ...what });
    await putRecord(this.#repository, records, { type: 'pin', subject: original, time, pinned: false });
  }
}

function isMadeFrom({ role, body }: Snapshot, original: Snapshot): boolean {
  return role === 'full' && body.original?.snapshot === original.name;
}
