/** Takes a key its right to be believed: what it makes from then on counts no more, and of what it made only what is accepted. */
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { type ClientId, clientId } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { putRecord } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { listKeys, removeKey } from './keys.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

export interface RevokeOptions {
  /** A label, or the start of an id; of a key the slot of which is gone, the start of its id. */
  readonly key: string;
  /** What storage received until then (by its clock, milliseconds) is accepted; undefined: all that is there. */
  readonly acceptUntil?: number;
  /** Takes a revocation back. */
  readonly undo: boolean;
  readonly dryRun: boolean;
}

export interface RevokeSummary {
  readonly id: ClientId;
  readonly label: string | undefined;
  readonly accepted: readonly Snapshot[];
  readonly rejected: readonly Snapshot[];
  readonly slotRemoved: boolean;
}

/**
 * @throws NeoError usage for a key that nobody knows; failed for the own key, for one of role full, and for an undo of what
 * was not revoked; permission-denied without role full
 */
export async function revokeKey(
  repository: Repository,
  state: ClientState,
  options: RevokeOptions,
  events: EventSink,
): Promise<RevokeSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'revoke keys');
  const look = await lookAtSnapshots(repository, state, events);
  const key = await findRevocable(repository, look, options);
  const own = [...look.snapshots, ...look.revoked].filter(({ head }) => head.client === key.id);
  const isAccepted = ({ received }: Snapshot): boolean =>
    options.undo || received <= (options.acceptUntil ?? Number.POSITIVE_INFINITY);
  const accepted = own.filter(isAccepted);
  const rejected = own.filter((snapshot) => !isAccepted(snapshot));
  const summary = { id: key.id, label: key.label, accepted, rejected, slotRemoved: key.hasSlot && !options.undo };
  if (options.dryRun) return summary;
  const time = await repository.backend.now();
  // What lies in the trash may come back: it is judged by the same rule.
  const trashed = look.removed.filter((snapshot) => snapshot.head.client === key.id && isAccepted(snapshot));
  await putRecord(repository, look.records, {
    type: 'revoke',
    subject: key.id,
    time,
    revoked: !options.undo,
    accepted: options.undo ? [] : [...accepted, ...trashed].map(({ name }) => name).sort(),
  });
  if (summary.slotRemoved) await removeKey(repository, key.id, { evenCurrent: false });
  return summary;
}

interface Revocable {
  readonly id: ClientId;
  readonly label: string | undefined;
  readonly hasSlot: boolean;
}

async function findRevocable(
  repository: Repository,
  look: VisibleSnapshots,
  { key, undo }: RevokeOptions,
): Promise<Revocable> {
  const found = await findClient(repository, look, key);
  if (found.id === repository.client) {
    throw new NeoError('failed', 'this is the key in use', { hint: 'revoke it with another one' });
  }
  if (found.isFull) {
    throw new NeoError('failed', 'a key of role full knows all secrets: to revoke it protects nothing', {
      hint: 'it opens nothing any more after: neo key remove; what it may have copied stays readable to it',
    });
  }
  if (undo && !look.records.revoked.has(found.id)) {
    throw new NeoError('failed', `key ${found.id.slice(0, 8)} is not revoked`);
  }
  return found;
}

/** By its slot, or by what it made. */
async function findClient(
  repository: Repository,
  { snapshots, removed, revoked, records }: VisibleSnapshots,
  text: string,
): Promise<Revocable & { readonly isFull: boolean }> {
  const { keys } = await listKeys(repository);
  const bySlot = keys.filter(({ id, label }) => label === text || (text.length >= LEAST && id.startsWith(text)));
  const [slot] = bySlot;
  const roles = new Map([...snapshots, ...removed, ...revoked].map(({ head, role }) => [head.client, role]));
  for (const id of records.revoked.keys()) if (!roles.has(id)) roles.set(id, 'write');
  const byWork = [...roles.keys()].filter((id) => text.length >= LEAST && id.startsWith(text));
  const ids = new Set([...bySlot.map(({ id }) => id), ...byWork]);
  const [only] = ids;
  if (only === undefined) {
    throw new NeoError('usage', `there is no key ${JSON.stringify(text)}, and none that made a snapshot`, {
      hint: 'name a label, or at least four characters of an id: neo key list, neo snapshots',
    });
  }
  if (ids.size > 1) {
    throw new NeoError('usage', `${ids.size} keys are called ${JSON.stringify(text)}`, {
      hint: 'write more of the id',
    });
  }
  const isFull = (slot?.role ?? roles.get(only)) === 'full';
  return { id: clientId(only), label: slot?.label, hasSlot: slot !== undefined, isFull };
}

const LEAST = 4;
