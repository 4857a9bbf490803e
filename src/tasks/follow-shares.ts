/**
 * Shares that go on: each shows its directory as it is in the newest snapshot of the same host and paths
 * (docs/decisions/0018-shares.md). The new state is stored and kept first, then shown, and then the former one goes.
 */
import { toBase64 } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import type { ShareId } from '../repo/share.ts';
import { shownBy } from '../repo/share-writer.ts';
import { inOrder, type Snapshot, takenAt } from '../snapshot/listing.ts';
import { findPath } from '../snapshot/lookup.ts';
import { doubtOf } from '../snapshot/marks.ts';
import { endedShares } from '../snapshot/removal.ts';
import type { Follow, SharedAs } from '../snapshot/shared-as.ts';
import { dropSnapshots } from './forget.ts';
import { type Line, lineKey } from './missed.ts';
import { commitState, countBelow, type Derived, publish, withDerived } from './share/make.ts';
import { isShown, removeObjects } from './share/refresh.ts';
import { madeAt, newestStates, type Shared, sharesIn } from './share/states.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

export interface FollowOptions {
  /** Only those that follow it; where nothing at all is shared that costs one question. */
  readonly line?: Line;
  /** Whether anything is shared, where that was asked before ({@link askShared}). */
  readonly isShared?: () => Promise<boolean>;
  /** Only these. */
  readonly ids?: readonly ShareId[];
  readonly host: string;
  readonly user: string;
  readonly program: string;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface Followed {
  readonly id: ShareId;
  /** What it shows from now on. */
  readonly snapshot: ObjectName;
  readonly taken: number;
}

export interface FollowSummary {
  readonly followed: readonly Followed[];
  /** Those that show the newest state already. */
  readonly unchanged: number;
  /** Those that stay as they are although something newer is there: a warning says why. */
  readonly failed: number;
  /** Stored anew, so that they hold nothing else. */
  readonly bytesAdded: number;
}

const NOTHING: FollowSummary = { followed: [], unchanged: 0, failed: 0, bytesAdded: 0 };

/**
 * What cannot follow stays as it is, and is a warning.
 * @throws NeoError permission-denied without role full; integrity after a rollback; interrupted, unreachable
 */
export async function followShares(
  repository: Repository,
  state: ClientState,
  options: FollowOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<FollowSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'share');
  const isShared = options.isShared ?? (() => isAnythingShared(repository));
  if (options.line !== undefined && !(await isShared())) return NOTHING;
  return new Followers(repository, state, options, events, signal).run();
}

/** {@link followShares} after something else that is done: what fails is a warning, and who may not share does nothing. */
export async function followAlong(
  repository: Repository,
  state: ClientState,
  options: FollowOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<FollowSummary> {
  if (repository.keys.full === undefined || options.dryRun) return NOTHING;
  try {
    return await followShares(repository, state, options, events, signal);
  } catch (error) {
    if (!isNeoError(error) || error.code === 'interrupted') throw error;
    events({ type: 'warning', message: `shares do not show what is new: ${messageOf(error)}`, code: error.code });
    return NOTHING;
  }
}

/** What was shared since a run began that took no longer is not looked for: it was made of what was there, and follows the next time. */
const SHORT_MS = 60_000;

/** Asks before a run whether anything is shared, while others ask, too: afterwards there is nobody to share a way over a network with. */
export function askShared(repository: Repository): () => Promise<boolean> {
  if (repository.keys.full === undefined) return async () => false;
  const { clock } = repository;
  const began = clock.monotonic();
  const asked = isAnythingShared(repository).catch(() => true);
  return async () => (await asked) || (clock.monotonic() - began > SHORT_MS && (await isAnythingShared(repository)));
}

async function isAnythingShared({ backend }: Repository): Promise<boolean> {
  for await (const _ of backend.list('shares')) return true;
  return false;
}

type Outcome = 'unchanged' | 'failed' | (Followed & { readonly bytesAdded: number });

/** Times that one looks again because others changed something meanwhile. */
const ATTEMPTS = 8;

class Followers {
  readonly #repository: Repository;
  readonly #state: ClientState;
  readonly #options: FollowOptions;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;

  constructor(
    repository: Repository,
    state: ClientState,
    options: FollowOptions,
    events: EventSink,
    signal: AbortSignal | undefined,
  ) {
    this.#repository = repository;
    this.#state = state;
    this.#options = options;
    this.#events = events;
    this.#signal = signal;
  }

  async run(): Promise<FollowSummary> {
    const look = await this.#look();
    const chosen = this.#chosen(look);
    if (chosen.length === 0) return NOTHING;
    const now = await this.#repository.backend.now();
    if (!this.#options.dryRun) refuseExpired(this.#repository.signer.certificate, now);
    const outcomes: Outcome[] = [];
    for (const { share } of chosen) {
      throwIfAborted(this.#signal);
      if (share.expires !== 0 && share.expires <= now) continue;
      outcomes.push(await this.#try(share.id));
    }
    const followed = outcomes.filter((outcome) => typeof outcome !== 'string');
    return {
      followed: followed.map(({ id, snapshot, taken }) => ({ id, snapshot, taken })),
      unchanged: outcomes.filter((outcome) => outcome === 'unchanged').length,
      failed: outcomes.filter((outcome) => outcome === 'failed').length,
      bytesAdded: followed.reduce((sum, { bytesAdded }) => sum + bytesAdded, 0),
    };
  }

  /** @throws NeoError integrity after a rollback */
  async #look(): Promise<VisibleSnapshots> {
    const look = await lookAtSnapshots(this.#repository, this.#state, ignoreEvents);
    if (look.alarms.length === 0) return look;
    throw new NeoError('integrity', 'the repository went back: no share follows it', {
      hint: 'see what is missing: neo snapshots',
    });
  }

  #chosen({ shares }: VisibleSnapshots): Shared[] {
    const { line, ids } = this.#options;
    const key = line === undefined ? undefined : lineKey(line);
    return newestStates(sharesIn(shares)).filter(
      ({ share: { id, follow } }) =>
        follow !== undefined && (key === undefined || lineKey(follow) === key) && (ids?.includes(id) ?? true),
    );
  }

  async #try(id: ShareId): Promise<Outcome> {
    try {
      return await this.#follow(id);
    } catch (error) {
      if (!isNeoError(error) || error.code === 'interrupted') throw error;
      const message = `share ${id.slice(0, 8)} does not show what is new: ${messageOf(error)}`;
      this.#events({ type: 'warning', message, code: error.code });
      return 'failed';
    }
  }

  async #follow(id: ShareId): Promise<Outcome> {
    // Each anew: a state is sealed after all that its maker has seen.
    const look = await this.#look();
    const [shared] = newestStates(sharesIn(look.shares).filter(({ share }) => share.id === id));
    const follow = shared?.share.follow;
    if (shared === undefined || follow === undefined) return 'unchanged';
    const next = nextOf(look, shared, follow);
    const outcome = next === undefined ? 'unchanged' : await this.#move(look, { ...shared, follow, next });
    if (!this.#options.dryRun) await this.#settle(id, outcome === 'unchanged' ? look : await this.#look());
    return outcome;
  }

  /** The next state, kept and not shown yet. Nothing is stored where it is the same. */
  async #move(look: VisibleSnapshots, { snapshot: former, share, follow, next }: Move): Promise<Outcome> {
    const repository = this.#repository;
    if (repository.config.epoch > follow.epoch) {
      throw new NeoError('failed', 'keys were rotated since it was made, and who was left out may know its key', {
        hint: 'take it back, and make it anew: neo share remove, neo share create --follow',
      });
    }
    const { path } = share;
    const indexed = await loadIndex(repository);
    const found = await sourceAt(indexed, next, path);
    if (found === undefined) throw new NeoError('failed', 'it is not in the newest snapshot any more');
    if (isSameKey(found.tree, follow.source)) return 'unchanged';
    const options = { ...this.#options, look, snapshot: next, path, description: former.body.description };
    return withDerived(indexed, options, async (derived) => {
      if (isSameKey(derived.tree, former.body.tree)) return 'unchanged';
      const { bytesAdded } = derived;
      const moved = { id: share.id, snapshot: next.name, taken: takenAt(next), bytesAdded };
      if (options.dryRun) return moved;
      throwIfAborted(this.#signal);
      const counts = await countBelow(indexed, options, ignoreEvents, this.#signal);
      const now = await repository.backend.now();
      const shared = nextState({ snapshot: former, share }, follow, next, derived);
      await commitState(indexed, derived, shared, { ...options, counts, now }, this.#events);
      return moved;
    });
  }

  /**
   * Readers are shown the newest state, and only then the others go. What was taken back meanwhile stays away.
   * @param look made after the last state was stored
   */
  async #settle(id: ShareId, look: VisibleSnapshots): Promise<void> {
    const repository = this.#repository;
    let seen = look;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const late = sharesIn(seen.late).filter(({ share }) => share.id === id);
      const states = sharesIn(seen.shares).filter(({ share }) => share.id === id);
      const [newest] = newestStates(states);
      if (newest === undefined) {
        await this.#drop(seen, late);
        if (endedShares(seen).has(id)) await removeObjects(repository, id);
        return;
      }
      if (isShown(await shownBy(repository, newest.share), newest)) {
        await this.#drop(
          seen,
          states.filter((each) => each !== newest),
        );
        return;
      }
      await publish(repository, newest.snapshot, newest.share);
      seen = await this.#look();
    }
    throw new NeoError('failed', 'others change it all the time');
  }

  async #drop(look: VisibleSnapshots, states: readonly Shared[]): Promise<void> {
    const names = states.map(({ snapshot }) => snapshot.name);
    if (names.length > 0) await dropSnapshots(this.#repository, look, names, 0, { followed: true });
  }
}

interface Move extends Shared {
  readonly follow: Follow;
  readonly next: Snapshot;
}

/**
 * The newest snapshot of its line, if that is later than what it shows; undefined else: it never goes back. None that
 * anybody doubts, and of keys that may only write none but those of the one whose snapshot was shared.
 */
function nextOf(look: VisibleSnapshots, { share }: Shared, follow: Follow): Snapshot | undefined {
  const line = lineKey(follow);
  const isNext = (snapshot: Snapshot): boolean =>
    snapshot.body.kind === 'snapshot' &&
    lineKey(snapshot.body) === line &&
    (snapshot.role === 'full' || snapshot.head.client === follow.client) &&
    doubtOf(snapshot, look.records) === undefined;
  const newest = look.snapshots.findLast(isNext);
  if (newest === undefined) return undefined;
  const all = inOrder([...look.snapshots, ...look.removed]);
  const shown = all.findIndex(({ name }) => name === share.of);
  // What it shows may have been forgotten, and freed.
  if (shown < 0) return takenAt(newest) > share.taken ? newest : undefined;
  const isLater = all.findIndex(({ name }) => name === newest.name) > shown;
  return isLater && !isSameKey(all[shown]?.body.tree, newest.body.tree) ? newest : undefined;
}

function nextState({ snapshot, share }: Shared, follow: Follow, next: Snapshot, { source }: Derived): SharedAs {
  const { source: _, ...stays } = follow;
  const moved = { ...stays, step: follow.step + 1, made: madeAt({ snapshot, share }) };
  return {
    ...share,
    of: next.name,
    taken: takenAt(next),
    follow: source === undefined ? moved : { ...moved, source },
  };
}

async function sourceAt(repository: IndexedRepository, { body }: Snapshot, path: Uint8Array) {
  const reader = new BlobReader(repository);
  return findPath((kind, key) => reader.load(kind, key), body.tree, path);
}

function isSameKey(a: ContentKey | undefined, b: ContentKey | undefined): boolean {
  return a !== undefined && b !== undefined && toBase64(a) === toBase64(b);
}
