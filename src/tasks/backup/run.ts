/** The part of a backup between reading the repository and publishing the snapshot. */
import { displayBytes } from '../../core/bytes.ts';
import { throwIfAborted } from '../../core/concurrency.ts';
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import { type ContentKey, contentKey } from '../../core/ids.ts';
import type { StageBudget } from '../../core/stages.ts';
import { systemAccounts } from '../../fs/owners.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { SnapshotBody, SnapshotStatistics } from '../../snapshot/snapshot.ts';
import type { LoadBlob, SaveBlob } from '../../snapshot/tree.ts';
import { TreeCache } from '../../snapshot/tree-cache.ts';
import type { Before } from './before.ts';
import { estimate, type Total, totalOf } from './estimate.ts';
import { FileStore } from './file-store.ts';
import type { FilesSeen } from './files-cache-state.ts';
import type { Growth } from './jobs.ts';
import { MetadataStore } from './metadata-store.ts';
import { NodeMaker } from './node-of.ts';
import type { BackupOptions } from './options.ts';
import { Scan } from './scan.ts';
import { finishMachinery, type Machinery } from './setup.ts';
import { type Source, sourceTree } from './sources.ts';
import { saveStream } from './stream.ts';

const PROGRESS_MS = 100;

/** Half of a bundle's bytes: below, its files are bundled anew by the next snapshot. */
const WORTH_KEEPING = 0.5;
/** A client whose cache may be stolen keeps no key longer than needed that opens what was deleted. */
const WORTH_KEEPING_IN_CACHE = 1;

export interface Made {
  readonly root: ContentKey;
  readonly devices: SnapshotBody['devices'];
  readonly rebundle: readonly string[];
}

export class Run {
  /** Filled only for a client that may not read its snapshots back. */
  readonly cache: TreeCache | undefined;
  readonly #repository: IndexedRepository;
  readonly #options: BackupOptions;
  readonly #machinery: Machinery;
  readonly #maker: NodeMaker;
  readonly #store: FileStore;
  readonly #metadata: MetadataStore;
  readonly #scan: Scan;
  readonly #before: Before;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  #added = 0;
  #total: Total | undefined;
  /** Of the workers, when it was measured. */
  budgets: readonly StageBudget[] = [];

  constructor(
    repository: IndexedRepository,
    options: BackupOptions,
    machinery: Machinery,
    before: Before,
    { known, record: filesRecord }: FilesSeen,
    events: EventSink,
    signal: AbortSignal | undefined,
  ) {
    this.#repository = repository;
    this.#options = options;
    this.#machinery = machinery;
    this.#before = before;
    this.#total = totalOf(before);
    this.#events = events;
    this.#signal = signal;
    this.#maker = new NodeMaker(options.accounts ?? systemAccounts(), options.withAtime);
    this.cache = repository.keys.full === undefined ? new TreeCache(repository.engine) : undefined;
    const onGrowth = ({ added }: Growth): void => {
      this.#added += added;
    };
    this.#metadata = new MetadataStore({
      repository,
      pool: machinery.pool,
      saveHere: (kind, json) => {
        repository.index.reserve(16);
        return machinery.core.save(kind, json);
      },
      onGrowth,
    });
    this.#store = new FileStore({
      pool: machinery.pool,
      index: repository.index,
      bundle: repository.config.bundle,
      minChunk: repository.config.chunker.min,
      onGrowth,
      onList: ({ key, json }) => this.cache?.add(contentKey(key), json),
      bytesRead: () => machinery.credits.read,
    });
    this.#scan = new Scan({
      repository,
      store: this.#store,
      maker: this.#maker,
      save: this.#save,
      packXattrs: (xattrs) => machinery.core.packXattrs(xattrs),
      load: this.#load,
      // Who may not read it back needs each directory in the cache for the next run.
      keepTrees: this.cache === undefined,
      filter: options.filter,
      oneFileSystem: options.oneFileSystem,
      rules: options.rules,
      rebundle: before.rebundle,
      room: async () => {
        await machinery.session.room();
        await this.#metadata.room();
      },
      known,
      record: filesRecord,
      events,
      signal,
    });
  }

  readonly #save: SaveBlob = (kind, json) => {
    const key = this.#metadata.save(kind, json);
    this.cache?.add(key, json);
    return key;
  };

  /** What of the parent is still referred to belongs into the next cache. */
  readonly #load: LoadBlob = async (kind, key) => {
    const json = await this.#before.load(kind, key);
    if (kind === 'list') this.cache?.add(key, json);
    return json;
  };

  async save(sources: readonly Source[], missing: number): Promise<Made> {
    this.#scan.counters.errors += missing;
    const timer = setInterval(() => this.#progress(), PROGRESS_MS);
    const counting = new AbortController();
    if (this.#options.estimate === true) void this.#count(sources, counting.signal);
    try {
      const { root } = await this.#content(sources);
      do await this.#store.finish();
      while (await this.#scan.readLate());
      const key = await settled(root);
      const worth = this.cache === undefined ? WORTH_KEEPING : WORTH_KEEPING_IN_CACHE;
      const rebundle = this.#scan.bundleUse.below(worth);
      await this.#metadata.finish();
      this.budgets = await finishMachinery(this.#repository, this.#machinery);
      return { root: key, devices: this.#maker.devices, rebundle };
    } finally {
      clearInterval(timer);
      counting.abort();
      this.#progress();
    }
  }

  async #content(sources: readonly Source[]): Promise<{ readonly root: Promise<ContentKey> }> {
    const { stream } = this.#options;
    if (stream === undefined) return this.#scan.run(sourceTree(sources), this.#before.parents);
    const root = await saveStream(this.#repository, this.#machinery, this.#save, stream, this.#scan.counters);
    // Half a dump looks like a whole one.
    throwIfAborted(this.#signal);
    return { root: Promise.resolve(root) };
  }

  /** For progress alone: whatever goes wrong here, the walk itself will meet and tell. */
  async #count(sources: readonly Source[], stop: AbortSignal): Promise<void> {
    const total = await estimate(sources, this.#options, stop).catch(() => undefined);
    if (total !== undefined) this.#total = total;
  }

  #progress(): void {
    const { filesNew, filesChanged, filesUnmodified, bytesProcessed, current } = this.#scan.counters;
    const total = this.#total;
    const totals = total === undefined ? {} : { totalFiles: total.files, totalBytes: total.bytes };
    const files = filesNew + filesChanged + filesUnmodified;
    const bytes = bytesProcessed - this.#store.bytesAhead;
    this.#events({
      type: 'progress',
      phase: 'snapshot',
      progress: { files, bytes, current: displayBytes(current), ...totals },
    });
  }

  statistics(durationMs: number): SnapshotStatistics {
    const { filesNew, filesChanged, filesUnmodified, directories, bytesProcessed, errors } = this.#scan.counters;
    const own = this.#machinery.core.takeGrowth();
    this.#added += own.added;
    return {
      filesNew,
      filesChanged,
      filesUnmodified,
      directories,
      bytesProcessed,
      bytesAdded: this.#added,
      bytesStored: this.#machinery.session.storedBytes,
      errors,
      durationMs: Math.round(durationMs),
    };
  }
}

/** Every entry has been told what became of it; if the root is still open, one was not, and nothing may be published. */
async function settled(root: Promise<ContentKey>): Promise<ContentKey> {
  const open = Symbol('open');
  const key = await Promise.race([root, Promise.resolve(open)]);
  if (typeof key === 'symbol') throw new NeoError('failed', 'a directory was left unfinished: nothing was published');
  return key;
}
