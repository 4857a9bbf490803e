/**
 * What comes here is sent to other servers, and what they have comes here. Each replica has a queue and a sender; what a crash may have lost of a queue
 * is found by comparing.
 */
import type { ObjectTree } from '../../protocol/object-tree.ts';
import type { ReplicaStatus } from '../../protocol/replication.ts';
import type { Witness } from '../../protocol/witness.ts';
import type { Place } from '../places.ts';
import type { CountedTarget } from '../quota.ts';
import { Arrivals } from './arrivals.ts';
import type { Marked } from './marks.ts';
import { Queue } from './queue.ts';
import { Sender, type SenderFacts } from './sender.ts';
import { Trees } from './trees.ts';

export type ReplicationFacts = Omit<SenderFacts, 'queue' | 'trees'>;

export class Replication {
  readonly arrivals: Arrivals;
  readonly #facts: SenderFacts;
  readonly #senders = new Map<string, Sender>();

  private constructor(facts: SenderFacts) {
    this.#facts = facts;
    this.arrivals = new Arrivals(facts.turns, facts.clock);
  }

  static async open(facts: ReplicationFacts): Promise<Replication> {
    const { db, clock, onFault, turns } = facts;
    // Both are called when there is something in the queue, and then there is this.
    const queue = await Queue.open({
      ...{ db, clock, onFault },
      ring: (id) => replication.#senders.get(id)?.ring(),
      onGap: () => {
        for (const sender of replication.#senders.values()) sender.compareSoon();
      },
    });
    const replication = new Replication({ ...facts, queue, trees: new Trees(turns, clock) });
    if (await isUsed(facts)) turns.keep();
    return replication;
  }

  /** From now on what is in the queues is sent. */
  async start(): Promise<void> {
    const rows = await this.#facts.db.selectFrom('replicas').selectAll().execute();
    for (const row of rows) {
      // What was to wait waits no longer than the server does.
      await this.#facts.queue.hurry(row.id);
      this.#begin(new Sender(this.#facts, row));
    }
  }

  #begin(sender: Sender): void {
    this.#senders.set(sender.id, sender);
    sender.start();
  }

  /** There is one more in the database. */
  async added(id: string): Promise<void> {
    const { db, queue, turns } = this.#facts;
    turns.keep();
    await queue.readReplicas();
    const row = await db.selectFrom('replicas').where('id', '=', id).selectAll().executeTakeFirst();
    if (row !== undefined) this.#begin(new Sender(this.#facts, row));
  }

  /** It is no more in the database. */
  async removed(id: string): Promise<void> {
    await this.#facts.queue.readReplicas();
    const sender = this.#senders.get(id);
    this.#senders.delete(id);
    await sender?.close();
  }

  /** False: there is none of this name. */
  compare(name: string): boolean {
    const sender = [...this.#senders.values()].find((each) => each.name === name);
    sender?.compareSoon();
    return sender !== undefined;
  }

  async list(): Promise<ReplicaStatus[]> {
    const all = await Promise.all([...this.#senders.values()].map((each) => each.status()));
    return all.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Heads of the ledger that others have signed. */
  get witnesses(): Witness[] {
    return [...this.#senders.values()].flatMap(({ witness }) => (witness === undefined ? [] : [witness]));
  }

  tree(target: string, storage: CountedTarget, isFresh: boolean): Promise<ObjectTree> {
    return this.#facts.trees.of(target, storage, isFresh);
  }

  /** All of its bytes are here, and it is about to be there. @throws NeoError already-exists */
  coming({ id }: Place, path: string, { turns }: Marked): Promise<void> {
    return this.#facts.turns.coming(id, path, turns);
  }

  /** An object is there durably. */
  came({ id }: Place, path: string, { origin, via }: Marked): void {
    this.#facts.queue.add({ target: id, path, action: 'put', origin, via });
  }

  /** It has gone, or could not. */
  left({ id }: Place, path: string, { origin, via }: Marked): void {
    this.#facts.queue.add({ target: id, path, action: 'remove', origin, via });
  }

  /** Another server says that it was removed, and it never was here. */
  async neverCame(place: Place, path: string, marked: Marked): Promise<void> {
    const { turns, db } = this.#facts;
    if (marked.turns === undefined) return;
    await db.transaction().execute((trx) => turns.writeGone(trx, place.id, path, marked.turns));
    this.left(place, path, marked);
  }

  /** What is in the queues stays there. */
  async close(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.close()));
    await this.#facts.queue.close();
  }
}

async function isUsed({ db }: Pick<ReplicationFacts, 'db'>): Promise<boolean> {
  const replicas = await db.selectFrom('replicas').select('id').limit(1).execute();
  const others = await db.selectFrom('accounts').where('is_replica', '=', 1).select('id').limit(1).execute();
  return replicas.length + others.length > 0;
}
