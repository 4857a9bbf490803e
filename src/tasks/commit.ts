/**
 * A snapshot becomes visible while others may be pruning: what it rests on is validated before and after, and stored
 * again where a prune has marked it (docs/decisions/0010-prune.md, rules W0 to W3). Nobody waits for anybody.
 */
import { isNeoError, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { BlobCopier } from '../repo/blob-copier.ts';
import { CLOCK_TOLERANCE, confirmWithin, LISTING_HOLDS } from '../repo/grace.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { dropUnreliablePacks } from '../repo/missing-packs.ts';
import { askMoment, type Moment } from '../repo/moment.ts';
import { listPacks, type StoredPacks } from '../repo/pack-listing.ts';
import { isRotatedSince, type Repository } from '../repo/repository.ts';
import type { SessionWriter } from '../repo/session-writer.ts';
import { listTombs, snapshotsBeingFreed, type TombListing } from '../repo/tomb.ts';
import { listRemovals, type RemovalListing, trashOf } from '../snapshot/removal.ts';
import { needed, reachable } from './reachable.ts';

/** What a writer knows of prunes when it begins. */
export interface Standing {
  readonly tombs: TombListing;
  /** From before they were listed. */
  readonly moment: Moment;
  readonly removals?: RemovalListing;
  /** Trusted packs that are gone though no prune has marked them. */
  readonly lost: number;
}

/**
 * To be called before anything is deduplicated, and when no other thread uses the index: what is gone or marked counts
 * no longer. @throws NeoError unreachable
 */
export async function takeStanding(repository: IndexedRepository): Promise<Standing> {
  const moment = await askMoment(repository);
  const [tombs, packs] = await Promise.all([listTombs(repository), listPacks(repository)]);
  return standingOf(repository, moment, { tombs, packs });
}

/** As {@link takeStanding}. @param packs listed after the index */
export function standingOf(
  repository: IndexedRepository,
  moment: Moment,
  { tombs, packs }: { readonly tombs: TombListing; readonly packs: StoredPacks },
): Standing {
  return { tombs, moment, lost: dropUnreliablePacks(repository, tombs.packs, packs) };
}

export interface Validation {
  /** By the storage's clock, milliseconds. */
  readonly time: number;
  /** The highest tomb that was seen. */
  readonly generation: number;
}

export interface Commit {
  readonly standing: Standing;
  /** Its packs and segments are durable. */
  readonly session: Pick<SessionWriter, 'putSnapshot' | 'segments'>;
  readonly root: ContentKey;
  /** A snapshot that was believed without looking up each of its blobs. */
  readonly restsOn: ObjectName | undefined;
  /** Each blob is looked up from the start, whatever it rests on. */
  readonly everything?: boolean;
  readonly seal: (validation: Validation) => Uint8Array;
  /** Milliseconds; for tests alone. */
  readonly graceFloor?: number;
}

/**
 * A prune has deleted what this run rested on, and it is nowhere else: the sources have to be read again. It takes a run
 * that was suspended for as long as the grace.
 */
export class Overtaken extends NeoError {
  constructor() {
    super('failed', 'a prune has deleted what this run rested on, while it stood still', { hint: 'run it again' });
  }
}

/** Nobody who was left out may read what comes now. What was stored so far is found by the next run. */
class Rotated extends NeoError {
  constructor() {
    super('failed', 'keys were rotated while this ran: the snapshot would be sealed to the old ones', {
      hint: 'run it again',
    });
  }
}

/** Blobs that are copied, as a rule: room for them in the index. */
const FEW = 512;

/** A moment counts as now for this part of the time within which a snapshot has to be received. */
const FRESH_PART = 10;

/** Times that a snapshot is stored because it came too late for others to be sure of it. */
const ATTEMPTS = 3;

/**
 * The name of a snapshot that is whole. Confirmed, too: others see by its times that no prune can have missed it. Where
 * that cannot be had (storage is slow, or its clock jumps), everything was validated when it was there, and it is told.
 * @throws Overtaken, and what storing meets
 */
export async function commitSnapshot(
  repository: IndexedRepository,
  commit: Commit,
  events: EventSink,
): Promise<ObjectName> {
  const { clock, backend } = repository;
  const limit = confirmWithin(commit.graceFloor);
  const validator = new Validator(repository, commit, limit / FRESH_PART);
  const segment = stampOf(repository, commit.session.segments.at(-1));
  let stamp: number | undefined;
  for (let attempt = 1; ; attempt++) {
    const [validation, stamped] = await Promise.all([
      validator.validate(attempt > 1 || commit.everything === true, refuseRotation(repository)),
      segment,
    ]);
    const time = atStorage(validation.time, stamp ?? stamped);
    const since = clock.monotonic();
    const name = await commit.session.putSnapshot(commit.seal({ ...validation, time }));
    const confirm = async (everything: boolean): Promise<void> => {
      await validator.validate(everything).catch((error: unknown) => {
        throw notConfirmed(name, error);
      });
    };
    const [info] = await Promise.all([backend.stat(`snapshots/${name}`), confirm(clock.monotonic() - since > limit)]);
    const received = info?.modified;
    const isLate = received !== undefined && received - time > limit;
    if (!isLate) return name;
    await confirm(true);
    if (attempt === ATTEMPTS) {
      events({ type: 'note', message: 'the snapshot is whole, but came late: others will call it unconfirmed' });
      return name;
    }
    events({ type: 'note', message: 'the snapshot took long to arrive: it is stored once more' });
    stamp = received;
  }
}

/** @throws Rotated from what it returns */
function refuseRotation(repository: Repository): () => Promise<void> {
  return async () => {
    if (await isRotatedSince(repository)) throw new Rotated();
  };
}

/** When storage received a segment of this run, by the clock that stamps objects. */
async function stampOf({ backend }: IndexedRepository, segment: ObjectName | undefined): Promise<number | undefined> {
  return segment === undefined ? undefined : (await backend.stat(`index/${segment}`))?.modified;
}

/**
 * The clock that storage tells and the one that stamps its objects may be two. Then a moment before this one counts, by
 * the latter.
 */
function atStorage(time: number, stamp: number | undefined): number {
  return stamp === undefined || Math.abs(time - stamp) < CLOCK_TOLERANCE ? time : stamp;
}

/** It may be whole; only nobody can say so. */
function notConfirmed(name: ObjectName, error: unknown): unknown {
  if (!isNeoError(error) || error instanceof Overtaken) return error;
  const message = `snapshot ${name.slice(0, 8)} is stored, but it is not sure that no prune took a part of it`;
  return new NeoError(error.code, `${message}: ${error.message}`, { hint: 'run it again', cause: error });
}

class Validator {
  readonly #repository: IndexedRepository;
  readonly #commit: Commit;
  /** Milliseconds for which a moment that was asked for counts as now. */
  readonly #fresh: number;
  #known: TombListing;
  /** From before the tombs that are known were listed. */
  #listed: Moment;
  /** The latest that was asked for. */
  #moment: Moment;
  #removals: RemovalListing | undefined;
  #restsOn: ObjectName | undefined;

  constructor(repository: IndexedRepository, commit: Commit, fresh: number) {
    this.#repository = repository;
    this.#commit = commit;
    this.#fresh = fresh;
    this.#known = commit.standing.tombs;
    this.#removals = commit.standing.removals;
    this.#listed = commit.standing.moment;
    this.#moment = commit.standing.moment;
    this.#restsOn = commit.restsOn;
  }

  /** Returns when no tomb is new. `everything`: also if none is. `also`: to be done each time, while storage is asked. */
  async validate(everything: boolean, also: () => Promise<void> = async () => undefined): Promise<Validation> {
    for (let whole = everything; ; whole = false) {
      const { before, tombs } = await this.#listTombs();
      const isNew = [...tombs.paths].some((path) => !path.endsWith('.swept') && !this.#known.paths.has(path));
      const isStale = this.#moment.time - this.#listed.time > LISTING_HOLDS;
      // After the tombs: whoever removes it from now on cannot have deleted anything that they do not name.
      const [stays] = await Promise.all([this.#restsOn === undefined || this.#stays(this.#restsOn, tombs), also()]);
      this.#known = tombs;
      this.#listed = before;
      if (!whole && !isNew && !isStale && stays) return { time: before.time, generation: tombs.generation };
      await this.#secure(tombs);
      this.#restsOn = undefined;
    }
  }

  /**
   * With a moment from before that: one of a short while ago will do, while the next is asked for. A machine that slept
   * meanwhile takes an older one for it, which is no harm: what was stored is then late, and validated again.
   */
  async #listTombs(): Promise<{ readonly before: Moment; readonly tombs: TombListing }> {
    const repository = this.#repository;
    const isFresh = repository.clock.monotonic() - this.#moment.since < this.#fresh;
    if (!isFresh) this.#moment = await askMoment(repository);
    const before = this.#moment;
    const asking = isFresh ? askMoment(repository) : before;
    const [moment, tombs] = await Promise.all([asking, listTombs(repository, this.#known)]);
    this.#moment = moment;
    return { before, tombs };
  }

  /** What an undo has brought back too late is seen again, and a prune that looked before that deletes it all the same. */
  async #stays(name: ObjectName, tombs: TombListing): Promise<boolean> {
    if (snapshotsBeingFreed(tombs).has(name)) return false;
    const repository = this.#repository;
    const [removals, found] = await Promise.all([
      listRemovals(repository, { known: this.#removals }),
      repository.backend.stat(`snapshots/${name}`),
    ]);
    this.#removals = removals;
    return found !== undefined && !trashOf(removals).has(name);
  }

  /** Everything below the root has a trusted copy that nobody has marked (what is marked is distrusted), or gets one. */
  async #secure(tombs: TombListing): Promise<void> {
    const fresh = await loadIndex(this.#repository, FEW);
    dropUnreliablePacks(fresh, tombs.packs, await listPacks(fresh));
    const { table, unreadable, missing } = await reachable(fresh, [{ tree: this.#commit.root }], { workers: 0 });
    if (unreadable.length + missing.length > 0) throw new Overtaken();
    const copier = new BlobCopier(fresh);
    try {
      for (const entry of table.entries()) {
        const blob = needed(fresh, entry);
        const places = fresh.index.places(blob.id);
        if (!places.some(({ trusted }) => trusted) && !(await copier.copyFrom(blob, places))) throw new Overtaken();
      }
      await copier.finish();
    } finally {
      await copier.close();
    }
  }
}
