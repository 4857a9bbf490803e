/** Is everything there that every snapshot needs, and is it what it says? */

import { throwIfAborted } from '../core/concurrency.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { BlobId, ObjectName } from '../core/ids.ts';
import { blobIdOf } from '../engine/keys.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { listTombs, type TombListing } from '../repo/tomb.ts';
import { findRollback, rememberHeads } from '../snapshot/heads.ts';
import { listHeads, listSnapshots, type Snapshot, type SnapshotFault } from '../snapshot/listing.ts';
import { listRemovals, trashOf } from '../snapshot/removal.ts';
import { BlobTable } from './check/blob-table.ts';
import { makePool, type ThreadPool } from './check/pool.ts';
import { Reach } from './check/reach.ts';
import { readPacks } from './check/read-packs.ts';
import { Report, type Damage as ReportedDamage } from './check/report.ts';
import { checkConfigs, checkPacks, checkSlots, type PackListing } from './check/storage.ts';
import { Touched } from './check/touched.ts';
import { choosePacks, type Subset } from './check-subset.ts';

export type Damage = ReportedDamage;

export interface CheckOptions {
  /** Reads packs: all, or some. Absent: structure alone. */
  readonly readData?: 'all' | Subset;
  /** Threads; 0, as without it, does everything in this one. */
  readonly workers?: number;
}

export interface CheckSummary {
  readonly snapshots: number;
  readonly keySlots: number;
  readonly packs: number;
  readonly packBytes: number;
  /** In no segment: an interrupted run left them. */
  readonly unusedPacks: number;
  readonly unusedBytes: number;
  /** That snapshots refer to; absent for a client that cannot read them. */
  readonly blobs?: number;
  /** Copies in the index that no snapshot refers to. */
  readonly unreferencedBlobs?: number;
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly durationMs: number;
  /** Empty: everything is well. Objects of a later version are among them, marked `newer`. */
  readonly damages: readonly Damage[];
}

/**
 * A client of role write checks all but what snapshots refer to.
 * @throws NeoError interrupted, needs-newer-neo, and what reading storage meets; damage is in the summary
 */
export async function check(
  repository: IndexedRepository,
  state: ClientState,
  options: CheckOptions,
  events: EventSink = ignoreEvents,
  signal?: AbortSignal,
): Promise<CheckSummary> {
  requireFeatures(repository.config, 'check');
  const pool = makePool(repository, options.workers ?? 0);
  // They take as long to start as it takes to list what there is.
  if (options.readData !== undefined) pool.start();
  try {
    return await checkAll(repository, state, options, { pool, events, stop: () => throwIfAborted(signal) });
  } finally {
    await pool.close();
  }
}

async function checkAll(
  repository: IndexedRepository,
  state: ClientState,
  options: CheckOptions,
  means: Pick<Work, 'pool' | 'events' | 'stop'>,
): Promise<CheckSummary> {
  const started = repository.clock.monotonic();
  const report = new Report(repository);
  checkConfigs(repository, report);
  for (const { path, reason, newer } of repository.faults) {
    if (newer) report.addNewer(path, reason);
    else report.add(path, reason);
  }
  const keySlots = await checkSlots(repository, report);
  const tombs = await listTombs(repository);
  for (const { path, reason } of tombs.faults) report.add(path, reason);
  const listing = await checkPacks(repository, report, tombs.packs);
  const snapshots = await checkHeads(repository, state, tombs, report);
  const isPruned = tombs.tombs.length > 0;
  const table = new BlobTable(options.readData !== undefined || isPruned);
  const work: Work = { ...means, table, report };
  const reached = await reach(repository, snapshots.readable, work);
  report.missDeleted(idsIn(repository, table));
  const read = await readData(repository, options, listing, work);
  if (snapshots.readable !== undefined && (report.hasLosses || reached.malformed.size > 0)) {
    const touched = new Touched(repository, report, reached.malformed);
    for (const snapshot of snapshots.readable) await touched.attribute(snapshot);
  }
  const blobs = { blobs: table.size, unreferencedBlobs: repository.index.size - reached.copies };
  return {
    snapshots: snapshots.count,
    keySlots,
    packs: listing.named.length,
    packBytes: listing.named.reduce((sum, { size }) => sum + size, 0),
    unusedPacks: listing.unused,
    unusedBytes: listing.unusedBytes,
    ...(snapshots.readable === undefined ? {} : blobs),
    ...read,
    durationMs: Math.round(repository.clock.monotonic() - started),
    damages: report.damages(),
  };
}

function* idsIn({ engine }: IndexedRepository, table: BlobTable): Generator<BlobId> {
  for (const { key } of table.entries()) yield blobIdOf(engine, key);
}

interface Heads {
  readonly count: number;
  /** Undefined for a client that cannot read them. */
  readonly readable: readonly Snapshot[] | undefined;
}

async function checkHeads(
  repository: IndexedRepository,
  state: ClientState,
  tombs: TombListing,
  report: Report,
): Promise<Heads> {
  const { full } = repository.keys;
  // First: what is removed meanwhile is then still there.
  const removals = await listRemovals(repository);
  const { heads, faults, snapshots } =
    full === undefined
      ? { ...(await listHeads(repository)), snapshots: undefined }
      : await listSnapshots(repository, full.epochs);
  const damaged = new Set<string>(faults.map(({ name }: SnapshotFault) => name));
  for (const { name, reason, newer } of faults) {
    if (newer) report.addNewer(`snapshots/${name}`, reason, name);
    else report.add(`snapshots/${name}`, reason, name);
  }
  for (const { name, reason } of removals.faults) report.add(`removals/${name}`, reason);
  const removed = trashOf(removals).keys();
  for (const { message, snapshot } of await findRollback(repository, state, heads, removed)) {
    if (snapshot === undefined) report.add('config', message);
    else if (!damaged.has(snapshot)) report.add(`snapshots/${snapshot}`, message, snapshot);
  }
  await rememberHeads(repository, state, heads);
  // A prune may be deleting what those need.
  const going = new Set(tombs.tombs.flatMap(({ uncounted }) => uncounted));
  const now = await repository.backend.now();
  const trash = trashOf(removals);
  const isGoing = (name: ObjectName): boolean =>
    going.has(name) && (trash.get(name)?.trashEnds ?? Number.POSITIVE_INFINITY) <= now;
  return { count: heads.length, readable: snapshots?.filter(({ name }) => !isGoing(name)) };
}

interface Work {
  readonly pool: ThreadPool;
  readonly table: BlobTable;
  readonly report: Report;
  readonly events: EventSink;
  readonly stop: () => void;
}

async function reach(
  repository: IndexedRepository,
  snapshots: readonly Snapshot[] | undefined,
  { pool, table, report, events, stop }: Work,
): Promise<Reach> {
  let trees = 0;
  const onTree = (): void => {
    trees += 1;
    events({ type: 'progress', phase: 'check trees', progress: { files: trees, bytes: 0 } });
  };
  const walk = new Reach({ repository, pool, table, report, onTree, throwIfStopped: stop });
  for (const { body } of snapshots ?? []) await walk.from(body.tree);
  walk.end();
  if (snapshots === undefined) {
    events({ type: 'note', message: 'this key may only write: what snapshots refer to was not checked' });
  }
  return walk;
}

async function readData(
  repository: IndexedRepository,
  { readData: which }: CheckOptions,
  { named }: PackListing,
  { pool, table, report, events, stop }: Work,
): Promise<{ readonly packsRead: number; readonly bytesRead: number }> {
  if (which === undefined) return { packsRead: 0, bytesRead: 0 };
  const packs = which === 'all' ? named : choosePacks(named, which, repository.random);
  const totals = { totalFiles: packs.length, totalBytes: packs.reduce((sum, { size }) => sum + size, 0) };
  let packsRead = 0;
  let bytesRead = 0;
  const onPack = (bytes: number): void => {
    packsRead += 1;
    bytesRead += bytes;
    events({ type: 'progress', phase: 'check data', progress: { files: packsRead, bytes: bytesRead, ...totals } });
  };
  await readPacks({ repository, pool, table, report, onPack, throwIfStopped: stop }, packs);
  return { packsRead, bytesRead };
}
