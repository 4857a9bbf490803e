/** Snapshots, and what is said of them: removals, records, and what was seen before. */
import type { ObjectName } from '../../core/ids.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { ObjectFault } from '../../repo/named-objects.ts';
import { isRevoked, listRecords, type RecordListing } from '../../repo/record.ts';
import type { Repository } from '../../repo/repository.ts';
import type { TombListing } from '../../repo/tomb.ts';
import { findRollback, rememberHeads } from '../../snapshot/heads.ts';
import { type ListedHead, listHeads, listSnapshots, type Snapshot } from '../../snapshot/listing.ts';
import { doubtOf } from '../../snapshot/marks.ts';
import { listRemovals, trashOf } from '../../snapshot/removal.ts';
import type { Report } from './report.ts';

export interface Heads {
  readonly count: number;
  /** Undefined for a client that cannot read them. */
  readonly readable: readonly Snapshot[] | undefined;
  /** Empty for such a client. */
  readonly figures: {
    /** That came late, and nobody has confirmed. */
    readonly unconfirmed?: number;
    /** Of revoked keys, which do not count. */
    readonly revoked?: number;
  };
}

export async function checkHeads(
  repository: Repository,
  state: ClientState,
  tombs: TombListing,
  report: Report,
): Promise<Heads> {
  const { full } = repository.keys;
  // First: what is removed meanwhile is then still there.
  const removals = await listRemovals(repository);
  const records = await listRecords(repository);
  const { heads, faults, snapshots } =
    full === undefined
      ? { ...(await listHeads(repository)), snapshots: undefined }
      : await listSnapshots(repository, full.epochs);
  for (const fault of faults) reportFault(report, 'snapshots', fault);
  for (const fault of removals.faults) reportFault(report, 'removals', fault);
  for (const fault of records.faults) reportFault(report, 'records', fault);
  const trash = trashOf(removals);
  await reportRollback(repository, state, heads, { faults, removed: trash.keys() }, report);
  await rememberHeads(repository, state, heads);
  if (snapshots === undefined) return { count: heads.length, readable: undefined, figures: {} };
  // A prune may be deleting what those need.
  const going = new Set(tombs.tombs.flatMap(({ uncounted }) => uncounted));
  const now = await repository.backend.now();
  const isGoing = (name: ObjectName): boolean =>
    going.has(name) && (trash.get(name)?.trashEnds ?? Number.POSITIVE_INFINITY) <= now;
  const readable = snapshots.filter(({ name }) => !isGoing(name));
  const visible = readable.filter(({ name }) => !trash.has(name));
  return { count: heads.length, readable, figures: figuresOf(visible, records) };
}

function figuresOf(visible: readonly Snapshot[], records: RecordListing): Heads['figures'] {
  const counting = visible.filter(({ name, head }) => !isRevoked(records, head.client, name));
  const unconfirmed = counting.filter((snapshot) => doubtOf(snapshot, records) !== undefined).length;
  return { unconfirmed, revoked: visible.length - counting.length };
}

function reportFault(report: Report, folder: string, { name, reason, newer }: ObjectFault): void {
  const snapshot = folder === 'snapshots' ? name : undefined;
  if (newer) report.addNewer(`${folder}/${name}`, reason, snapshot);
  else report.add(`${folder}/${name}`, reason, snapshot);
}

async function reportRollback(
  repository: Repository,
  state: ClientState,
  heads: readonly ListedHead[],
  known: { readonly faults: readonly ObjectFault[]; readonly removed: Iterable<ObjectName> },
  report: Report,
): Promise<void> {
  const damaged = new Set<string>(known.faults.map(({ name }) => name));
  for (const { message, snapshot } of await findRollback(repository, state, heads, known.removed)) {
    if (snapshot === undefined) report.add('config', message);
    else if (!damaged.has(snapshot)) report.add(`snapshots/${snapshot}`, message, snapshot);
  }
}
