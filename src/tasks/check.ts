/** Is everything there that every snapshot needs, and is it what it says? */

import { throwIfAborted } from '../core/concurrency.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { VerifiedWriter } from '../repo/verified.ts';
import { diagnose, type Examination, type PacksToRead } from './check/diagnosis.ts';
import { makePool } from './check/pool.ts';
import { Report, type Damage as ReportedDamage } from './check/report.ts';
import { warnOfShares } from './check/shares.ts';
import { checkSlots } from './check/slots.ts';
import { checkConfigs } from './check/storage.ts';
import { Touched } from './check/touched.ts';
import type { Subset } from './check-subset.ts';

export type Damage = ReportedDamage;

export interface CheckOptions {
  /** Reads packs: all, or some. Absent: structure alone. */
  readonly readData?: 'all' | Subset;
  /** What is found right of packs whose author may only write, is trusted from now on. Needs role full. */
  readonly vouches?: boolean;
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
  /** Of a rolling check: packs that were read not long ago, and that are left for the next time. */
  readonly packsFresh?: number;
  readonly packsLeft?: number;
  /** Blobs that are trusted from now on. */
  readonly verified?: number;
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
  if (options.vouches === true) {
    requireFeatures(repository.config, 'write');
    requireOneConfig(repository.chain);
  }
  const vouch = options.vouches === true ? { vouch: new VerifiedWriter(repository) } : {};
  const first = await checkOnce(repository, state, options, { events, stop: () => throwIfAborted(signal), ...vouch });
  let seen = repository;
  let summary = first;
  // What has come or gone since the index was loaded is no damage.
  for (let again = 1; again <= AGAIN && summary.damages.some(({ newer }) => !newer); again++) {
    const fresh = await seen.newer();
    if (fresh === undefined) break;
    events({ type: 'note', message: 'others have written meanwhile: what seems damaged is looked at again' });
    const some = options.readData === undefined ? {} : { readData: packsIn(summary.damages) };
    const means = { events, stop: () => throwIfAborted(signal) };
    const { damages, ...rest } = await checkOnce(fresh, state, { ...options, ...some }, means);
    summary = { ...first, ...rest, ...readBy(first), durationMs: first.durationMs + rest.durationMs, damages };
    seen = fresh;
  }
  return summary;
}

/** The second look reads little. */
function readBy({ packsRead, bytesRead }: CheckSummary): Pick<CheckSummary, 'packsRead' | 'bytesRead'> {
  return { packsRead, bytesRead };
}

const AGAIN = 3;

/** Names of those that are said to be damaged. */
function packsIn(damages: readonly Damage[]): ReadonlySet<ObjectName> {
  return new Set(
    damages.flatMap(({ object }) => /^packs\/..\/([0-9a-f]{64})$/.exec(object)?.[1] ?? []).map(objectName),
  );
}

type Means = Pick<Examination, 'events' | 'stop' | 'vouch'>;

async function checkOnce(
  repository: IndexedRepository,
  state: ClientState,
  options: Omit<CheckOptions, 'readData'> & { readonly readData?: PacksToRead },
  means: Means,
): Promise<CheckSummary> {
  const pool = makePool(repository, options.workers ?? 0);
  // They take as long to start as it takes to list what there is.
  if (options.readData !== undefined) pool.start();
  try {
    return await checkAll(repository, state, options, { pool, ...means });
  } finally {
    await pool.close();
  }
}

async function checkAll(
  repository: IndexedRepository,
  state: ClientState,
  options: { readonly readData?: PacksToRead },
  means: Pick<Examination, 'pool' | 'events' | 'stop' | 'vouch'>,
): Promise<CheckSummary> {
  const started = repository.clock.monotonic();
  const report = new Report(repository);
  checkConfigs(repository, report);
  for (const { path, reason, newer } of repository.faults) {
    if (newer) report.addNewer(path, reason);
    else report.add(path, reason);
  }
  const keySlots = await checkSlots(repository, report);
  const work = { ...means, report, which: options.readData };
  const { snapshots, table, reached, listing, read } = await diagnose(repository, state, work);
  await means.vouch?.finish();
  if (snapshots.readable !== undefined && (report.hasLosses || reached.malformed.size > 0)) {
    const touched = new Touched(repository, report, reached.malformed);
    for (const snapshot of snapshots.readable) await touched.attribute(snapshot);
  }
  await warnOfShares(repository, snapshots.readable ?? [], means.events);
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
    ...(means.vouch === undefined ? {} : { verified: means.vouch.blobs }),
    durationMs: Math.round(repository.clock.monotonic() - started),
    damages: report.damages(),
  };
}
