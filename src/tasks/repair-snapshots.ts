/** Snapshots made anew without what is lost, so that all that is left can be relied on and prune can go on. */
import { equalBytes, toHex } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { messageOf, systemCode } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { contentKeyOf } from '../engine/keys.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { Content } from '../snapshot/node.ts';
import { diagnose, type PacksToRead } from './check/diagnosis.ts';
import { makePool } from './check/pool.ts';
import { Report } from './check/report.ts';
import { takeStanding } from './commit.ts';
import { needed } from './reachable.ts';
import { ContentReader, type FoundFile, filesBelow, requireFolder } from './repair/found-files.ts';
import { Losses } from './repair/losses.ts';
import { readableNodes } from './repair/readable-nodes.ts';
import { type LostPath as Lost, type RepairedTree, RepairedTrees } from './repair/repaired-trees.ts';
import { hasMoved, LOOKS, movedMeanwhile, readableOf } from './repair/second-look.ts';
import { WholeContents } from './repair/whole-contents.ts';
import { BlobStore } from './rewrite/blob-store.ts';
import { type ReplaceOptions, type Rewritten, refuseRollback, replaceSnapshots } from './rewrite/replace.ts';

export type LostPath = Lost;

export interface RepairSnapshotsOptions extends ReplaceOptions {
  /** Read all packs, to know what is rotten. Without it, what storage has in its length counts as whole. */
  readonly readData: boolean;
  /** A folder with files that may have lost contents. */
  readonly fromPath?: Uint8Array;
  /** Threads; 0 does everything in this one. */
  readonly workers: number;
}

export interface RepairedSnapshot extends Rewritten {
  readonly lost: readonly LostPath[];
  /** Files whose content was found elsewhere. */
  readonly healed: readonly Uint8Array[];
}

export interface RepairSnapshotsSummary {
  readonly repaired: readonly RepairedSnapshot[];
  /** Nothing of them is lost. */
  readonly whole: number;
  /** Of these nothing can be read: they stay as they are. */
  readonly unreadable: readonly Snapshot[];
  readonly removal?: ObjectName;
}

/**
 * The originals go to the trash. Contents that are lost where a snapshot names them, and that lie elsewhere in the
 * repository or in files, are named where they are.
 * @throws NeoError permission-denied without role full; integrity after a rollback; interrupted, no-space, unreachable
 */
export async function repairSnapshots(
  opened: IndexedRepository,
  state: ClientState,
  options: RepairSnapshotsOptions,
  events: EventSink = ignoreEvents,
  signal?: AbortSignal,
): Promise<RepairSnapshotsSummary> {
  requireFeatures(opened.config, 'write');
  requireOneConfig(opened.chain);
  requireFull(opened, 'repair snapshots');
  refuseRollback(options.look, options);
  const stop = (): void => throwIfAborted(signal);
  requireFolder(options.fromPath);
  const { repository, losses } = await findLosses(opened, state, options, events, stop);
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, options.dryRun);
  try {
    const contents = new WholeContents(repository, losses);
    const roots = options.look.snapshots.map(({ body }) => body.tree);
    const finder = new ContentFinder(repository, contents, store);
    await finder.look(roots);
    await finder.inSnapshots(roots);
    if (options.fromPath !== undefined) await finder.inFiles(options.fromPath, events, stop);
    const trees = new RepairedTrees(repository, store, contents, finder.found);
    const repaired = new Map<ObjectName, RepairedTree>();
    const unreadable: Snapshot[] = [];
    for (const snapshot of options.snapshots) {
      stop();
      const tree = await trees.repair(snapshot.body.tree);
      if (tree === undefined) unreadable.push(snapshot);
      else repaired.set(snapshot.name, tree);
    }
    const lost = [...contents.lost.values()].map((blob) => needed(repository, blob));
    if (await hasMoved(repository, lost)) throw movedMeanwhile();
    await store.finish();
    const replacement = {
      options: { ...options, snapshots: options.snapshots.filter(({ name }) => repaired.has(name)) },
      standing,
      session: store.session,
      everything: true,
      bodyOf: (original: Snapshot) => repairedBody(original, repaired.get(original.name)?.tree),
    };
    const { rewritten, unchanged, removal } = await replaceSnapshots(repository, state, replacement, events, signal);
    return {
      repaired: rewritten.map((one) => {
        const { lost = [], healed = [] } = repaired.get(one.original.name) ?? {};
        return { ...one, lost, healed };
      }),
      whole: unchanged.length,
      unreadable,
      ...(removal === undefined ? {} : { removal }),
    };
  } finally {
    await store.close();
  }
}

function repairedBody({ name, received, body }: Snapshot, tree = body.tree): Snapshot['body'] {
  return { ...body, tree, rebundle: [], original: { snapshot: name, received } };
}

interface Found {
  /** Nothing that is stored in it from now on is left out because of a copy that is no good. */
  readonly repository: IndexedRepository;
  readonly losses: Losses;
}

/** With an index that no prune has overtaken. @throws NeoError failed when one always has */
async function findLosses(
  opened: IndexedRepository,
  state: ClientState,
  { readData, workers }: RepairSnapshotsOptions,
  events: EventSink,
  stop: () => void,
): Promise<Found> {
  const which: PacksToRead = readData ? 'all' : new Set();
  for (let look = 1; look <= LOOKS; look++) {
    const repository = look === 1 ? opened : await loadIndex(opened);
    const report = new Report(repository);
    const pool = makePool(repository, workers);
    const work = { pool, report, which, events, stop };
    const { table } = await diagnose(repository, state, work).finally(() => pool.close());
    const losses = new Losses(repository, report);
    // Of a pack that is cut short the rest may be whole.
    for (const blob of await readableOf(repository, losses.in(table))) losses.healed(blob);
    if (await hasMoved(repository, losses.in(table))) continue;
    repository.index.distrust(damagedPacks(repository, report));
    return { repository, losses };
  }
  throw movedMeanwhile();
}

function damagedPacks({ packs }: IndexedRepository, report: Report): ReadonlySet<number> {
  const faulty = new Set(report.damages().map(({ object }) => object.slice(object.lastIndexOf('/') + 1)));
  return new Set(
    [...packs.entries()].flatMap(([number, pack]) => (pack !== undefined && faulty.has(pack.name) ? [number] : [])),
  );
}

/** Contents of files that are lost where they are named, wherever else they are. */
class ContentFinder {
  /** By the hash of the content in hex. */
  readonly found = new Map<string, Content>();
  readonly #repository: IndexedRepository;
  readonly #contents: WholeContents;
  readonly #store: BlobStore;
  readonly #wanted = new Set<string>();

  constructor(repository: IndexedRepository, contents: WholeContents, store: BlobStore) {
    this.#repository = repository;
    this.#contents = contents;
    this.#store = store;
  }

  /** First: what is missed. */
  async look(roots: readonly ContentKey[]): Promise<void> {
    for await (const { contentHash, content } of readableNodes(this.#repository, roots)) {
      if (contentHash !== undefined && !(await this.#contents.has(content))) this.#wanted.add(toHex(contentHash));
    }
  }

  async inSnapshots(roots: readonly ContentKey[]): Promise<void> {
    if (this.#wanted.size === 0) return;
    for await (const { contentHash, content } of readableNodes(this.#repository, roots)) {
      const name = contentHash === undefined ? '' : toHex(contentHash);
      if (content === undefined || !this.#isWanted(name) || !(await this.#contents.has(content))) continue;
      this.found.set(name, content);
    }
  }

  #isWanted(name: string): boolean {
    return this.#wanted.has(name) && !this.found.has(name);
  }

  async inFiles(root: Uint8Array, events: EventSink, stop: () => void): Promise<void> {
    const reader = new ContentReader(this.#repository);
    let [files, bytes] = [0, 0];
    for (const file of filesBelow(root, events)) {
      stop();
      if (this.found.size === this.#wanted.size) return;
      await this.#inFile(reader, file, events);
      [files, bytes] = [files + 1, bytes + file.file.stat.size];
      events({ type: 'progress', phase: 'read files', progress: { files, bytes } });
    }
  }

  /** Read twice if it is wanted: only then is it stored. */
  async #inFile(reader: ContentReader, { path, file }: FoundFile, events: EventSink): Promise<void> {
    try {
      const { engine, keys } = this.#repository;
      const key = (kind: 'data' | 'tree' | 'list', part: Uint8Array) => contentKeyOf(engine, keys.content[kind], part);
      const { hash } = await reader.cut(file, key, async () => undefined);
      if (hash === undefined || !this.#isWanted(toHex(hash))) return;
      const stored = await reader.cut(
        file,
        (kind, part) => this.#store.save(kind, part),
        () => this.#store.room(),
      );
      if (stored.hash === undefined || stored.content === undefined || !equalBytes(stored.hash, hash)) return;
      this.found.set(toHex(hash), stored.content);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      events({ type: 'warning', path, code, message: messageOf(error) });
    }
  }
}
