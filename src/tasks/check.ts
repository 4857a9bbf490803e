/** Is everything there that every snapshot needs, and is it what it says? */

import { throwIfAborted } from '../core/concurrency.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { BlobId } from '../core/ids.ts';
import { blobIdOf } from '../engine/keys.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { listTombs } from '../repo/tomb.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { BlobTable } from './check/blob-table.ts';
import { checkHeads } from './check/heads.ts';
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
  /** That came late, and nobody has confirmed; absent for a client that cannot read them, as is the next. */
  readonly unconfirmed?: number;
  /** Of revoked keys, which do not count. */
  readonly revoked?: number;
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
    ...snapshots.figures,
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
