/** One snapshot: from sources on disk to the object that makes it visible. */
import { displayBytes, fromBase64, toBase64 } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { type ClientId, contentKey } from '../core/ids.ts';
import { StageClock } from '../core/stages.ts';
import { profiledEngine } from '../engine/profiled.ts';
import { cachedAccounts, systemAccounts } from '../fs/owners.ts';
import { lstatPath } from '../fs/stat.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { objectCache } from '../repo/object-cache.ts';
import type { RecordListing } from '../repo/record.ts';
import type { Repository } from '../repo/repository.ts';
import { findRollback, rememberHeads } from '../snapshot/heads.ts';
import { headOf } from '../snapshot/listing.ts';
import type { SnapshotBody, SnapshotKind, SnapshotStatistics } from '../snapshot/snapshot.ts';
import { type Before, findBefore, keepForNext } from './backup/before.ts';
import { openFilesCache } from './backup/files-cache-state.ts';
import type { BackupOptions as Options, BackupSummary as Summary } from './backup/options.ts';
import { type Made, Run } from './backup/run.ts';
import { makeMachinery } from './backup/setup.ts';
import { distinctSources, type Source } from './backup/sources.ts';
import { type Stock, takeStock } from './backup/stock.ts';
import { commitSnapshot, Overtaken, type Validation } from './commit.ts';
import { sealBody } from './seal-snapshot.ts';

export type BackupOptions = Options;
export type BackupSummary = Summary;

/** Bounded in bytes beside that; over a network each waits for a way there and back, too. */
const UPLOADS = 4;
const REMOTE_UPLOADS = 8;
/**
 * Makes one snapshot. A repository whose index is not loaded yet has it loaded while other things are asked for. After an interruption (`signal`) what was saved so far is published as a `partial` snapshot;
 * of a stream nothing is.
 * @throws NeoError interrupted for a stream; usage when there is nothing to save; failed when no source can be read; and whatever storing meets
 */
export async function backup(
  repository: Repository | IndexedRepository,
  state: ClientState,
  options: BackupOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<BackupSummary> {
  try {
    return await saveOnce(repository, state, options, events, signal);
  } catch (error) {
    // Bytes that arrived once do not arrive again.
    if (!(error instanceof Overtaken) || options.stream !== undefined) throw error;
    events({ type: 'note', message: `${error.message}: it begins again, and reads what is missing` });
    const { index: _, ...afresh } = { index: undefined, ...repository };
    return saveOnce(afresh, state, options, events, signal);
  }
}

async function saveOnce(
  repository: Repository | IndexedRepository,
  state: ClientState,
  options: BackupOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<BackupSummary> {
  if (options.profile !== true) return save(repository, state, options, events, signal);
  const clock = new StageClock('main', () => repository.clock.monotonic() / 1000);
  const watched = { ...repository, engine: profiledEngine(repository.engine, clock) };
  return save(watched, state, options, events, signal, clock);
}

async function save(
  opened: Repository | IndexedRepository,
  state: ClientState,
  options: BackupOptions,
  events: EventSink,
  signal?: AbortSignal,
  clock?: StageClock,
): Promise<BackupSummary> {
  requireFeatures(opened.config, 'write');
  requireOneConfig(opened.chain);
  const started = opened.clock.monotonic();
  const time = opened.clock.now();
  const sources = presentSources(options, events);
  const paths = options.stream === undefined ? sources.paths : [options.stream.storedAs];
  const stock = await takeStock(opened, state, options);
  const { repository, standing, cache } = stock;
  if (!options.dryRun) refuseExpired(repository.signer.certificate, stock.moment.time);
  refuseRevoked(stock.records, repository.client);
  await tellLosses(stock, state, events);
  const before = await findBefore(repository, state, { ...options, paths, parent: options.parent }, stock, events);
  await cache?.save(stock.listing.heads.map(({ name }) => name));
  const accounts = cachedAccounts(options.accounts ?? systemAccounts());
  const files = await openFilesCache(
    repository,
    state,
    { backup: options, sources: sources.found, before, accounts, time, believed: standing.lost === 0 },
    events,
  );
  const level = Math.min(options.level ?? repository.config.compression, repository.engine.maxCompressionLevel);
  const objects = objectCache(repository, state);
  const uploads = repository.backend.isRemote === true ? REMOTE_UPLOADS : UPLOADS;
  const machinery = makeMachinery(repository, { ...options, level, uploads, objects, clock });
  const stop = (): void => machinery.credits.stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const run = new Run(repository, { ...options, accounts }, machinery, before, files, events, signal);
    const made = await run.save(sources.found, sources.missing);
    const kind = kindOf(options, signal);
    const statistics = run.statistics(repository.clock.monotonic() - started);
    if (kind === 'stash') refuseIncomplete(statistics);
    const parent = before.name === undefined ? {} : { parent: before.name };
    if (options.dryRun || isSkipped(options, { kind, before, made, statistics })) {
      return { ...statistics, kind, ...parent };
    }
    const body = bodyOf(options, { time, paths, kind, statistics, before, made });
    const { session } = machinery;
    const sealed: Uint8Array[] = [];
    const seal = (validation: Validation): Uint8Array => {
      const object = sealBody(repository, session.session, stock.listing.heads, validation, body);
      sealed.push(object);
      return object;
    };
    const { graceFloor } = options;
    const floor = graceFloor === undefined ? {} : { graceFloor };
    const commit = { standing, session, seal, root: made.root, restsOn: before.name, ...floor };
    const snapshot = await commitSnapshot(repository, commit, events);
    await remember(stock, state, sealed, events);
    if (kind === 'snapshot') {
      await files.keep(made.root);
      const { cache } = run;
      await keepForNext(repository, state, paths, { cache, snapshot, time, ...made, statistics }, events);
    }
    const finished = run.statistics(repository.clock.monotonic() - started);
    return { ...finished, snapshot, kind, ...parent, ...budgetsOf(clock, run) };
  } finally {
    signal?.removeEventListener('abort', stop);
    await machinery.pool.close();
    await machinery.session.close();
  }
}

function isSkipped(
  { skipIfUnchanged, skipIfNothingNew = false }: BackupOptions,
  { kind, before, made, statistics }: Pick<RunFacts, 'kind' | 'before' | 'made' | 'statistics'>,
): boolean {
  if (skipIfNothingNew && statistics.filesNew + statistics.filesChanged === 0) return true;
  return kind === 'snapshot' && skipIfUnchanged && isSame(before, made);
}

/** @throws NeoError interrupted for a stash: half of a version is none */
function kindOf({ kind }: BackupOptions, signal: AbortSignal | undefined): SnapshotKind {
  if (signal?.aborted !== true) return kind ?? 'snapshot';
  if (kind === 'stash') throw new NeoError('interrupted', 'interrupted: nothing was stashed');
  return 'partial';
}

/** Whoever stashes a file may go on to change it. @throws NeoError failed */
function refuseIncomplete({ errors }: SnapshotStatistics): void {
  if (errors === 0) return;
  throw new NeoError('failed', 'not all of it could be read: nothing was stashed', { hint: 'see the warnings above' });
}

function budgetsOf(clock: StageClock | undefined, run: Run): Pick<BackupSummary, 'budgets'> {
  return clock === undefined ? {} : { budgets: [clock.budget(), ...run.budgets] };
}

function refuseRevoked({ revoked }: RecordListing, client: ClientId): void {
  const found = revoked.get(client);
  if (found === undefined) return;
  const day = new Date(found.time).toISOString().slice(0, 10);
  throw new NeoError('permission-denied', `this key was revoked on ${day}: what it saves counts no more`, {
    hint: 'ask whoever holds a key of role full for another one: neo key add',
  });
}

/** What is gone: it is said, and nothing new rests on it. */
async function tellLosses(
  { repository, standing, removed, listing: { heads, faults } }: Stock,
  state: ClientState,
  events: EventSink,
): Promise<void> {
  // What is damaged is not gone, and what is gone is no reason to save nothing today.
  const known = [...removed, ...faults.map(({ name }) => name)];
  for (const { message } of await findRollback(repository, state, heads, known)) events({ type: 'alarm', message });
  if (standing.lost === 0) return;
  const what = `${standing.lost} packs are missing or cut short`;
  events({ type: 'note', message: `${what}: what can be is stored again; see what is lost: neo check` });
}

/** The snapshot is stored: whatever fails from now on costs vigilance, and is only told. */
async function remember(
  { repository, listing }: Stock,
  state: ClientState,
  sealed: readonly Uint8Array[],
  events: EventSink,
): Promise<void> {
  try {
    const own = sealed.map((object) => headOf(repository, object));
    await rememberHeads(repository, state, [...listing.heads, ...own], events);
  } catch (error) {
    events({ type: 'note', message: `the snapshots seen cannot be remembered: ${messageOf(error)}` });
  }
}

function isSame(before: Before, made: Made): boolean {
  return before.root !== undefined && toBase64(before.root) === toBase64(made.root);
}

interface RunFacts {
  readonly time: number;
  readonly paths: readonly Uint8Array[];
  readonly kind: SnapshotKind;
  readonly statistics: SnapshotStatistics;
  readonly before: Before;
  readonly made: Made;
}

function bodyOf(options: BackupOptions, { time, paths, kind, statistics, before, made }: RunFacts): SnapshotBody {
  return {
    time,
    host: options.host,
    user: options.user,
    paths,
    tree: made.root,
    devices: made.devices,
    tags: options.tags,
    program: options.program,
    kind,
    excludes: options.excludes,
    statistics,
    rebundle: made.rebundle.map((key) => contentKey(fromBase64(key))),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(before.name === undefined ? {} : { parent: before.name }),
  };
}

/** Sources that cannot be seen are errors of the run; a run without any other source fails before it writes. */
function presentSources(
  options: BackupOptions,
  events: EventSink,
): { found: Source[]; missing: number; paths: Uint8Array[] } {
  const sources = distinctSources(options.sources);
  if (sources.length === 0 && options.stream === undefined) {
    throw new NeoError('usage', 'nothing to save: name a file or a directory');
  }
  // Also one that lies within another: it was named, so it is missed.
  const named = new Map(options.sources.map((source) => [Buffer.from(source.path).toString('latin1'), source]));
  const missing = new Set([...named.values()].filter(({ path }) => !exists(path)));
  for (const { path } of missing) events({ type: 'warning', path, message: 'there is no such file or directory' });
  const found = sources.filter(({ path }) => exists(path));
  if (found.length === 0 && options.stream === undefined) {
    const [first] = sources;
    const name = first === undefined ? '' : displayBytes(first.path);
    throw new NeoError('failed', `nothing to save: ${name} does not exist or cannot be reached`);
  }
  return { found, missing: missing.size, paths: sources.map(({ storedAs }) => storedAs) };
}

function exists(path: Uint8Array): boolean {
  try {
    return lstatPath(path) !== undefined;
  } catch {
    return false;
  }
}
