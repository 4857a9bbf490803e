/** Pins: snapshots that stay whatever the rules say, until somebody takes the pin away or its time is over. */
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { putRecord, type RecordListing } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { listRemovals, trashOf } from '../snapshot/removal.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { lookAtSnapshots } from './snapshots.ts';

export interface PinnedSnapshot {
  readonly name: ObjectName;
  /** Undefined when the snapshot is gone, or cannot be read. */
  readonly snapshot: Snapshot | undefined;
  /** Milliseconds, by the storage's clock; undefined: for ever. */
  readonly until: number | undefined;
  readonly reason: string | undefined;
  /** When it was pinned, by the same clock. */
  readonly since: number;
  readonly isOver: boolean;
}

export interface PinOptions {
  /** As a person names one snapshot. */
  readonly references: readonly string[];
  /** Milliseconds; undefined: for ever. */
  readonly until?: number;
  readonly reason?: string;
  readonly dryRun: boolean;
}

/** All pins, oldest first; those whose time is over are among them. */
export async function listPins(
  repository: Repository,
  state: ClientState,
  events: EventSink,
): Promise<readonly PinnedSnapshot[]> {
  const { snapshots, removed, records } = await lookAtSnapshots(repository, state, events);
  const now = await repository.backend.now();
  const byName = new Map([...snapshots, ...removed].map((snapshot) => [snapshot.name, snapshot]));
  return [...records.pins]
    .map(([name, { until, reason, time: since }]) => ({
      name,
      snapshot: byName.get(name),
      until,
      reason,
      since,
      isOver: (until ?? Number.POSITIVE_INFINITY) <= now,
    }))
    .sort((a, b) => a.since - b.since || (a.name < b.name ? -1 : 1));
}

/**
 * A pin that is there already is replaced by the new one. Pins are signed: only role full makes them.
 * @throws NeoError usage for a time that is past; failed for a snapshot that is in the trash, also if it went meanwhile
 */
export async function pin(
  repository: Repository,
  state: ClientState,
  { references, until, reason, dryRun }: PinOptions,
  events: EventSink,
): Promise<readonly Snapshot[]> {
  requireWriter(repository);
  const time = await repository.backend.now();
  if (until !== undefined && until <= time) {
    throw new NeoError('usage', `${new Date(until).toISOString()} is past`, { hint: 'say when the pin ends' });
  }
  const look = await lookAtSnapshots(repository, state, events);
  const chosen = [...new Set(references.map((name) => selectSnapshot(look.snapshots, name, undefined, look)))];
  if (dryRun) return chosen;
  const what = { ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
  for (const { name: subject } of chosen) {
    await putRecord(repository, look.records, { type: 'pin', subject, time, pinned: true, ...what });
  }
  // Whoever removed it before the pin was there could not know of it.
  const trash = trashOf(await listRemovals(repository));
  const gone = chosen.filter(({ name }) => trash.has(name)).map(({ name }) => name.slice(0, 8));
  if (gone.length === 0) return chosen;
  throw new NeoError('failed', `${gone.join(', ')}: pinned, but somebody removed it at the same moment`, {
    hint: 'bring it back: neo undo',
  });
}

/** @throws NeoError failed for a snapshot that is not pinned */
export async function unpin(
  repository: Repository,
  state: ClientState,
  { references, dryRun }: Pick<PinOptions, 'references' | 'dryRun'>,
  events: EventSink,
): Promise<ObjectName[]> {
  requireWriter(repository);
  const { snapshots, removed, revoked, records } = await lookAtSnapshots(repository, state, events);
  const all = [...snapshots, ...removed, ...revoked];
  const names = references.map((reference) => pinnedName(records, all, reference));
  const distinctNames = [...new Set(names)];
  if (dryRun) return distinctNames;
  const time = await repository.backend.now();
  for (const subject of distinctNames) {
    await putRecord(repository, records, { type: 'pin', subject, time, pinned: false });
  }
  return distinctNames;
}

function requireWriter(repository: Repository): void {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'pin snapshots');
}

/** Pins outlive what they hold: a snapshot that is gone is found by the pin. */
function pinnedName({ pins }: RecordListing, snapshots: readonly Snapshot[], reference: string): ObjectName {
  const names = /^[0-9a-f]{4,64}$/.test(reference) ? [...pins.keys()].filter((name) => name.startsWith(reference)) : [];
  const [only, second] = names;
  if (only !== undefined && second === undefined) return only;
  const { name } = selectSnapshot(snapshots, reference);
  if (pins.has(name)) return name;
  throw new NeoError('failed', `snapshot ${name.slice(0, 8)} is not pinned`, { hint: 'see what is: neo pin' });
}
