/**
 * Shares: one directory or file of a snapshot for somebody who has no key of the repository. What is shared stays, as a
 * snapshot of kind `share`, until it is taken back or ends (docs/decisions/0018-shares.md).
 */
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { newId, type Repository, requireFull } from '../repo/repository.ts';
import { shareId } from '../repo/share.ts';
import type { ShareKey } from '../repo/share-writer.ts';
import { rememberHeads } from '../snapshot/heads.ts';
import { listHeads, takenAt } from '../snapshot/listing.ts';
import type { Follow, SharedAs } from '../snapshot/shared-as.ts';
import { dropSnapshots } from './forget.ts';
import {
  type Counts,
  commitState,
  countBelow,
  type Derived,
  type MakeOptions,
  publish,
  withDerived,
} from './share/make.ts';
import { removeObjects } from './share/refresh.ts';
import { madeAt, newestStates, type Shared as SharedSnapshot, sharesIn } from './share/states.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

export type Shared = SharedSnapshot;

/** What a share file is made of, before anything is stored. */
export type NewShare = ShareKey;

export interface CreateShareOptions extends MakeOptions {
  /** Milliseconds; 0 = never. */
  readonly expires: number;
  readonly recipient?: string;
  /** It goes on to show what comes of the same host and paths (tasks/follow-shares.ts). */
  readonly follow?: boolean;
}

export interface CreateShareSummary extends Counts {
  /** Absent for a dry run. */
  readonly snapshot?: ObjectName;
  /** Stored anew, so that it holds nothing else. */
  readonly bytesAdded: number;
}

export function newShare({ random }: Pick<Repository, 'random'>): NewShare {
  return { id: shareId(newId(random)), key: random.bytes(32) };
}

/**
 * What is shared and nothing else: where its files lie in bundles with others, they are bundled anew.
 * @throws NeoError permission-denied without role full; failed when there is nothing at the path; usage for a date that has
 * passed; integrity when something of it cannot be read, or after a rollback; interrupted
 */
export async function createShare(
  repository: IndexedRepository,
  state: ClientState,
  fresh: NewShare,
  options: CreateShareOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<CreateShareSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'share');
  const { look, expires, dryRun } = options;
  refuseAlarms(look);
  const now = await repository.backend.now();
  if (!dryRun) refuseExpired(repository.signer.certificate, now);
  if (expires !== 0 && expires <= now) throw new NeoError('usage', 'the share would have ended already');
  const counts = await countBelow(repository, options, events, signal);
  return withDerived(repository, options, async (derived) => {
    const { bytesAdded } = derived;
    if (dryRun) return { ...counts, bytesAdded };
    throwIfAborted(signal);
    const share = sharedAs(repository, fresh, options, derived);
    const { name, body } = await commitState(repository, derived, share, { ...options, counts, now }, events);
    await rememberHeads(repository, state, (await listHeads(repository, look.heads)).heads, events);
    await publish(repository, { body }, share);
    return { snapshot: name, ...counts, bytesAdded };
  });
}

/** @throws NeoError integrity */
function refuseAlarms({ alarms }: VisibleSnapshots): void {
  if (alarms.length === 0) return;
  throw new NeoError('integrity', 'the repository went back: nothing of it is shared', {
    hint: 'see what is missing: neo snapshots; to go on with it as it is now: --accept-rollback',
  });
}

function sharedAs(
  { config }: Repository,
  { id, key }: NewShare,
  { snapshot, path, expires, recipient, follow: isFollowing }: CreateShareOptions,
  { source }: Derived,
): SharedAs {
  const { head, body, name } = snapshot;
  const { host, paths } = body;
  const follow: Follow = {
    client: head.client,
    host,
    paths,
    epoch: config.epoch,
    step: 0,
    ...(source === undefined ? {} : { source }),
  };
  return {
    id,
    key,
    expires,
    of: name,
    path,
    taken: takenAt(snapshot),
    ...(recipient === undefined ? {} : { recipient }),
    ...(isFollowing === true ? { follow } : {}),
  };
}

/** The newest first: each once, in the state that counts. */
export function listShares({ shares }: Pick<VisibleSnapshots, 'shares'>): Shared[] {
  return newestStates(sharesIn(shares))
    .sort((a, b) => madeAt(a) - madeAt(b))
    .toReversed();
}

/** When it was made, milliseconds, whatever it has followed since. */
export function shareMadeAt(shared: Shared): number {
  return madeAt(shared);
}

/** By the start of its id or of its snapshot's. @throws NeoError failed, usage */
export function findShare(look: VisibleSnapshots, reference: string): Shared {
  const found = /^[0-9a-f]{4,64}$/.test(reference)
    ? listShares(look).filter(({ share, snapshot }) => [share.id, snapshot.name].some((id) => id.startsWith(reference)))
    : [];
  const [only, another] = found;
  if (another !== undefined) throw new NeoError('usage', `${reference} is the start of several shares`);
  if (only !== undefined) return only;
  throw new NeoError('failed', `there is no share ${reference}`, { hint: 'see: neo share list' });
}

/**
 * Takes shares back, in all their states, also those that others make at this moment: their readers find them no more.
 * What somebody has read or copied stays with them.
 * @returns the removal; undefined when there was nothing to take back
 * @throws NeoError permission-denied without role full; integrity after a rollback
 */
export async function removeShares(
  repository: Repository,
  look: VisibleSnapshots,
  shares: readonly Shared[],
): Promise<ObjectName | undefined> {
  const ends = [...new Set(shares.map(({ share }) => share.id))];
  const states = sharesIn(look.shares).filter(({ share }) => ends.includes(share.id));
  const names = states.map(({ snapshot }) => snapshot.name);
  const removal = await dropSnapshots(repository, look, names, 0, { ends });
  for (const id of ends) await removeObjects(repository, id);
  return removal;
}

/**
 * Takes back those that have ended, so that the next sweep frees them, and what came to one after it was taken back.
 * @returns how many have ended
 * @throws as {@link removeShares}
 */
export async function endShares(repository: Repository, state: ClientState): Promise<number> {
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const now = await repository.backend.now();
  const ended = listShares(look).filter(({ share }) => share.expires !== 0 && share.expires <= now);
  if (ended.length > 0) await removeShares(repository, look, ended);
  await dropLate(repository, look);
  return ended.length;
}

/** What somebody made of a share that had been taken back meanwhile, and did not live to take away. */
async function dropLate(repository: Repository, look: VisibleSnapshots): Promise<void> {
  if (look.late.length === 0) return;
  const names = look.late.map(({ name }) => name);
  await dropSnapshots(repository, look, names, 0, { followed: true });
  for (const { share } of sharesIn(look.late)) await removeObjects(repository, share.id);
}
