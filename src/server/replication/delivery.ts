/** Brings a replica what is due in the queue: offers it, sends what it wants, and keeps what is refused for later. */
import type { Kysely } from 'kysely';
import type { Mark, ReplicaClient } from '../../backends/neo-replica.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { Held } from '../../protocol/object-tree.ts';
import type { Reply } from '../../protocol/replication.ts';
import type { Tables } from '../database/tables.ts';
import type { Log } from '../log.ts';
import type { CountedTarget } from '../quota.ts';
import type { TargetStore } from '../targets.ts';
import { firstConfigs } from './arrivals.ts';
import { LATE, MARKS, type Queue, type Queued } from './queue.ts';
import type { Turns } from './turns.ts';

export interface DeliveryFacts {
  readonly db: Kysely<Tables>;
  readonly targets: TargetStore;
  readonly turns: Turns;
  readonly queue: Queue;
  /** Of this server. */
  readonly site: string;
  readonly log: Log;
}

/** What is sent at a time. */
const AT_ONCE = 8;
/** Somebody else is bringing it, or something that it rests on is on its way. */
const SOON_MS = 1_500;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 3_600_000;

export interface NamedTarget {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly owner: string;
}

/** Something that is wanted. */
interface Wanted {
  readonly queued: Queued;
  readonly held: Held;
}

interface Sent {
  readonly objects: number;
  readonly bytes: number;
}

export class Delivery {
  readonly #facts: DeliveryFacts;
  readonly #replica: { readonly id: string; readonly name: string };
  readonly #client: ReplicaClient;
  readonly #onSent: (sent: Sent) => void;

  constructor(
    facts: DeliveryFacts,
    replica: { readonly id: string; readonly name: string },
    client: ReplicaClient,
    onSent: (sent: Sent) => void,
  ) {
    this.#facts = facts;
    this.#replica = replica;
    this.#client = client;
    this.#onSent = onSent;
  }

  /** What is due of one target; false: nothing is. @throws NeoError unreachable */
  async some(): Promise<boolean> {
    const { queue, db } = this.#facts;
    const due = await queue.next(this.#replica.id);
    const [first] = due;
    if (first === undefined) return false;
    const target = await namedTarget(db, first.target);
    if (target === undefined) await queue.done(due.map(({ seq }) => seq));
    else await this.#deliver(target, due);
    return true;
  }

  async #deliver(target: NamedTarget, due: readonly Queued[]): Promise<void> {
    const { targets, turns, queue } = this.#facts;
    const storage = await targets.open({ id: target.id, owner: { id: target.ownerId } });
    const known = await Promise.all(
      due.map(async (queued) => ({ queued, held: await turns.heldAt(target.id, queued.path, storage) })),
    );
    const told = known.flatMap(({ queued, held }) => (held === undefined ? [] : [{ queued, held }]));
    let replies: readonly Reply[];
    try {
      replies = await this.offer(
        target,
        storage,
        told.map(({ held }) => held),
      );
    } catch (error) {
      return this.#refused(due, error);
    }
    const wanted = told.filter((_, n) => replies[n] === 'want');
    const later = told.filter((_, n) => replies[n] === 'later').map(({ queued }) => queued.seq);
    const gone = known.filter(({ held }) => held === undefined).map(({ queued }) => queued.seq);
    const had = told.filter((_, n) => replies[n] === 'have').map(({ queued }) => queued.seq);
    await queue.done([...gone, ...had]);
    await queue.later(later, SOON_MS, null);
    await this.#send(target, storage, wanted);
  }

  /** What the replica says to what there is. @throws NeoError what it refuses with; unreachable */
  async offer(target: NamedTarget, storage: CountedTarget, held: readonly Held[]): Promise<readonly Reply[]> {
    const { replies } = await this.#client.offer({
      ...{ site: this.#facts.site, owner: target.owner, target: target.name },
      configs: await firstConfigs(storage),
      objects: held.map(({ path, size, turns }) => [path, size, turns]),
    });
    return replies;
  }

  /** What others rest on first, removals last: at no time is there anything that rests on what is not there. */
  async #send(target: NamedTarget, storage: CountedTarget, wanted: readonly Wanted[]): Promise<void> {
    const isPut = ({ held }: Wanted): boolean => held.turns % 2 === 1;
    const isLate = ({ held }: Wanted): boolean => LATE.some((folder) => held.path.startsWith(folder));
    await this.#each(
      wanted.filter((one) => isPut(one) && !isLate(one)),
      (one) => this.#put(target, storage, one),
    );
    const rest = [...wanted.filter((one) => isPut(one) && isLate(one)), ...wanted.filter((one) => !isPut(one))];
    const waiting = rest.map(({ queued }) => queued.seq);
    if (waiting.length === 0) return;
    if (await this.#facts.queue.hasEarlyPut(this.#replica.id, target.id, waiting)) {
      return this.#facts.queue.later(
        rest.map(({ queued }) => queued.seq),
        SOON_MS,
        null,
      );
    }
    await this.#each(rest.filter(isPut), (one) => this.#put(target, storage, one));
    await this.#removeAll(
      target,
      rest.filter((one) => !isPut(one)),
    );
  }

  /** Lists of what a prune has marked go last: what they name is removed there by them alone, and perhaps only days later. */
  async #removeAll(target: NamedTarget, gone: readonly Wanted[]): Promise<void> {
    const { queue } = this.#facts;
    const isMark = ({ held }: Wanted): boolean => held.path.startsWith(MARKS);
    await this.#each(
      gone.filter((one) => !isMark(one)),
      (one) => this.#remove(target, one),
    );
    const marks = gone.filter(isMark);
    const seqs = marks.map(({ queued }) => queued.seq);
    if (seqs.length === 0) return;
    if (await queue.hasRemoval(this.#replica.id, target.id)) return queue.later(seqs, FIRST_PAUSE_MS, null);
    await this.#each(marks, (one) => this.#remove(target, one));
  }

  /** @throws NeoError unreachable; what is refused otherwise is kept for later */
  async #each(all: readonly Wanted[], work: (one: Wanted) => Promise<void>): Promise<void> {
    const left = [...all];
    const done: number[] = [];
    const failed: unknown[] = [];
    const worker = async (): Promise<void> => {
      for (let one = left.shift(); one !== undefined && failed.length === 0; one = left.shift()) {
        try {
          await work(one);
          done.push(one.queued.seq);
        } catch (error) {
          await this.#refused([one.queued], error).catch((fatal: unknown) => failed.push(fatal));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await this.#facts.queue.done(done);
    if (failed.length > 0) throw failed[0];
  }

  async #put({ owner, name }: NamedTarget, storage: CountedTarget, { queued, held }: Wanted): Promise<void> {
    const object = await storage.openObject(held.path);
    // It was removed meanwhile, and that is in the queue.
    if (object === undefined) return;
    try {
      await this.#client.put(`${owner}:${name}`, held.path, object, this.#mark(queued, held));
      this.#onSent({ objects: 1, bytes: object.size });
    } finally {
      await object.close();
    }
  }

  #remove({ owner, name }: NamedTarget, { queued, held }: Wanted): Promise<void> {
    return this.#client.remove(`${owner}:${name}`, held.path, this.#mark(queued, held));
  }

  #mark({ origin }: Queued, { turns }: Held): Mark {
    return { turns, origin, via: this.#facts.site };
  }

  /** @throws whatever is no refusal */
  async #refused(all: readonly Queued[], error: unknown): Promise<void> {
    if (!isNeoError(error) || error.code === 'unreachable') throw error;
    const tries = Math.min(...all.map((each) => each.tries));
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 20));
    const message = messageOf(error).slice(0, 500);
    const [first] = all;
    // Once for each thing that goes wrong, and not each time that it is tried.
    if (tries === 0) {
      const { name: replica } = this.#replica;
      this.#facts.log('replica-refused', { replica, path: first?.path, objects: all.length, error: message });
    }
    await this.#facts.queue.later(
      all.map(({ seq }) => seq),
      pause,
      { code: error.code, message },
    );
  }
}

export async function namedTarget(db: Kysely<Tables>, id: string): Promise<NamedTarget | undefined> {
  return namedTargets(db).where('targets.id', '=', id).executeTakeFirst();
}

export function namedTargets(db: Kysely<Tables>) {
  return db
    .selectFrom('targets')
    .innerJoin('accounts', 'accounts.id', 'targets.account')
    .select(['targets.id', 'targets.name', 'accounts.id as ownerId', 'accounts.name as owner'])
    .orderBy('accounts.name')
    .orderBy('targets.name');
}
