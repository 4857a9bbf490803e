/** `neo restore`: a snapshot, or a part of it, onto the disk. */
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import { PathFilter } from '../fs/ignore-filter.ts';
import { parseOptionPattern } from '../fs/ignore-pattern.ts';
import { systemAccounts } from '../fs/owners.ts';
import { BlobReader, type BlobSource } from '../repo/blob-reader.ts';
import type { LoadBlob } from '../snapshot/tree.ts';
import type { Overwrite, RestoreAction } from './restore/context.ts';
import { type Destination, destinationRoots, type RestoreRoot } from './restore/destination.ts';
import type { WorkerSetup } from './restore/jobs.ts';
import { lenient } from './restore/loader.ts';
import type { RestoreOptions } from './restore/options.ts';
import { type PassOptions, runPass } from './restore/pass.ts';
import { InlinePool, type RestorePool, ThreadPool } from './restore/pool.ts';
import { Tally } from './restore/tally.ts';
import { WorkerCore } from './restore/worker-core.ts';

export type { Destination, Overwrite, RestoreAction, RestoreOptions };

export interface RestoreSummary {
  readonly filesRestored: number;
  /** Their content was right already. */
  readonly filesUnchanged: number;
  /** Left alone by the overwrite policy. */
  readonly filesSkipped: number;
  readonly directories: number;
  /** Plain bytes written. */
  readonly bytesRestored: number;
  /** Bytes of data read from the repository. */
  readonly bytesRead: number;
  readonly deleted: number;
  /** Entries that got another name, for the file system does not take theirs: each was told. */
  readonly renamed: number;
  /** Entries that could not be restored: each was named. */
  readonly errors: number;
  /** Device nodes left out because nobody asked for them. */
  readonly refused: number;
  /** Metadata that could not be applied. */
  readonly metadataProblems: number;
  readonly durationMs: number;
  /** Where it is now: directories, or the file. */
  readonly targets: readonly Uint8Array[];
}

/**
 * Files appear under their names when they are whole and verified; a damaged one is named and left out. Directories get
 * their metadata last, the deepest first.
 * @throws NeoError integrity when the snapshot is hostile (nothing is written outside of the target); failed when the path
 * is not in the snapshot or many files would be deleted; permission-denied when nothing may be written; no-space,
 * interrupted, unreachable
 */
export async function restore(
  repository: BlobSource,
  options: RestoreOptions,
  events: EventSink = ignoreEvents,
  signal?: AbortSignal,
): Promise<RestoreSummary> {
  const started = repository.clock.monotonic();
  const reader = new BlobReader(repository);
  const strict: LoadBlob = options.load ?? ((kind, key) => reader.load(kind, key));
  const load = lenient(strict);
  const roots = await destinationRoots(strict, options.snapshot, options.path, options.destination);
  const setup = workerSetup(repository, options);
  const core = new WorkerCore(setup, repository.engine);
  const { workers = 2, threadsAfter = 0 } = options;
  const here = { core, bytes: threadsAfter };
  const pool: RestorePool = workers === 0 ? new InlinePool(core) : new ThreadPool(workers, setup, here);
  const tally = new Tally(events);
  const shared = {
    repository,
    load,
    core,
    pool,
    options,
    filter: filterOf(options),
    accounts: systemAccounts(),
    signal,
  };
  try {
    if (options.delete === true && options.yes !== true && options.dryRun !== true) {
      await inTurn(roots, { ...shared, tally: new Tally(ignoreEvents), mode: 'count' });
    }
    expectTotals(tally, options);
    await inTurn(roots, { ...shared, tally, mode: options.dryRun === true ? 'dry-run' : 'restore' });
  } finally {
    await pool.close();
  }
  throwIfDenied(tally);
  return summaryOf(tally, roots, repository.clock.monotonic() - started);
}

/** @throws NeoError permission-denied when nothing at all could be restored for that reason */
function throwIfDenied(tally: Tally): void {
  const { filesRestored, filesUnchanged, filesSkipped, directories, deleted, denied, errors } = tally;
  if (denied === 0 || denied < errors || filesRestored + filesUnchanged + filesSkipped + directories + deleted > 0)
    return;
  throw new NeoError(
    'permission-denied',
    `nothing could be restored: ${displayBytes(tally.root)} may not be written to`,
  );
}

async function inTurn(roots: readonly RestoreRoot[], pass: Omit<PassOptions, 'root'>): Promise<void> {
  for (const root of roots) await runPass({ ...pass, root });
}

function workerSetup(repository: BlobSource, options: RestoreOptions): WorkerSetup {
  const { engine, keys } = repository;
  return {
    engine: engine.name,
    content: repository.sealedHash === undefined ? repository.keys.content : undefined,
    cutting: repository.sealedHash === undefined ? cuttingOf(repository) : undefined,
    file: keys.content.file,
    owners: options.ownership ?? true,
    securityAttributes: options.securityAttributes ?? false,
    sync: options.sync === true ? 'file' : 'none',
    replace: options.delete === true,
    sparse: options.sparse ?? false,
  };
}

function cuttingOf({ keys, config }: Extract<BlobSource, { sealedHash?: undefined }>): WorkerSetup['cutting'] {
  return { key: keys.chunker, parameters: config.chunker };
}

/** @throws NeoError usage for a pattern that can match nothing */
function filterOf(options: RestoreOptions): PathFilter {
  const of = (option: 'include' | 'exclude' | 'iexclude') =>
    (options[option] ?? []).map((pattern) => parseOptionPattern(option, pattern));
  return new PathFilter([...of('include'), ...of('exclude'), ...of('iexclude')]);
}

/** Known beforehand for whole snapshots; otherwise when all is planned. */
function expectTotals(tally: Tally, options: RestoreOptions): void {
  const { statistics } = options.snapshot;
  const filtered = [options.include, options.exclude, options.iexclude].some((list) => (list ?? []).length > 0);
  if (options.path !== undefined || filtered) return;
  tally.totalFiles = statistics.filesNew + statistics.filesChanged + statistics.filesUnmodified;
  tally.totalBytes = statistics.bytesProcessed;
}

function summaryOf(tally: Tally, roots: readonly RestoreRoot[], durationMs: number): RestoreSummary {
  return {
    filesRestored: tally.filesRestored,
    filesUnchanged: tally.filesUnchanged,
    filesSkipped: tally.filesSkipped,
    directories: tally.directories,
    bytesRestored: tally.bytesRestored,
    bytesRead: tally.bytesRead,
    deleted: tally.deleted,
    renamed: tally.renamed,
    errors: tally.errors,
    refused: tally.refused,
    metadataProblems: tally.problems,
    durationMs: Math.round(durationMs),
    targets: roots.map(({ result }) => result),
  };
}

/** @throws NeoError integrity when something was refused, with what was done about the rest in its summary */
export function throwIfRefused(summary: RestoreSummary): void {
  if (summary.refused === 0) return;
  const what = summary.refused === 1 ? 'one device node was' : `${summary.refused} device nodes were`;
  throw new NeoError('integrity', `${what} refused; everything else is restored`, {
    hint: 'add --devices if you trust this snapshot',
  });
}
