/**
 * What is put into targets and removed from them, for those who follow: in the order in which it became durable, each once. It is in memory only, of
 * targets that somebody follows, from the first time on that somebody asked. Whoever was told up to a place that is not known any more has to list.
 */
import { toHex } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { type ChangesPage, MOST_CHANGES } from '../protocol/messages.ts';
import { Bell, LOOK_MS, type Waiter } from './bell.ts';

/** What was done, to which path, and its size. */
export type Change = ChangesPage['changes'][number];

/** Whose request did it. */
export interface Origin {
  /** Whose target it is. */
  readonly account: string;
  readonly target: string;
  readonly by: string;
}

/** Who is told what happens in targets, by their ids. Neither may throw. */
export interface Told {
  /** It is durable. Of one path in the order in which it happened. */
  changed(target: string, change: Change, origin: Origin | undefined): void;
  /** Something happened of which nobody knows what it was, or the target is no more. */
  lost(target: string): void;
}

export const NOBODY: Told = { changed: () => undefined, lost: () => undefined };

/** What is remembered of one target. */
const MOST_OF_ONE = 10_000;
/** Of all together: some hundred bytes each. */
const MOST_OF_ALL = 500_000;

export class ChangeFeeds {
  readonly #random: Random;
  readonly #most: number;
  /** By target; those that were asked for last stand last. */
  readonly #feeds = new Map<string, Feed>();
  #size = 0;

  constructor(random: Random, most: number = MOST_OF_ALL) {
    this.#random = random;
    this.#most = most;
  }

  tell(target: string, change: Change): void {
    const feed = this.#feeds.get(target);
    if (feed === undefined) return;
    this.#size += feed.add(change);
    for (const other of this.#feeds.keys()) {
      if (this.#size <= this.#most) break;
      if (other !== target) this.drop(other);
    }
  }

  /** Whoever follows the target has to list it. */
  drop(target: string): void {
    const feed = this.#feeds.get(target);
    if (feed === undefined) return;
    this.#feeds.delete(target);
    this.#size -= feed.size;
    feed.bell.ring();
  }

  /** How many wait for changes of a target. */
  waiting(target: string): number {
    return this.#feeds.get(target)?.bell.waiting ?? 0;
  }

  /**
   * What was changed after a cursor; where that is nothing, it waits.
   * @param cursor from an earlier answer; with any other text what was before counts as lost
   * @param wait milliseconds
   * @throws NeoError when the right to it has ended meanwhile
   */
  async read(target: string, cursor: string, wait: number, { again, gone }: Waiter): Promise<ChangesPage> {
    const until = performance.now() + wait;
    for (;;) {
      await again();
      const feed = this.#asked(target);
      const page = feed.after(cursor);
      const left = until - performance.now();
      if (page.lost || page.changes.length > 0 || left <= 0 || gone.aborted) return page;
      await feed.bell.wait(Math.min(left, LOOK_MS), gone);
    }
  }

  #asked(target: string): Feed {
    const feed = this.#feeds.get(target) ?? new Feed(toHex(this.#random.bytes(8)));
    this.#feeds.delete(target);
    this.#feeds.set(target, feed);
    return feed;
  }
}

class Feed {
  readonly bell: Bell = new Bell();
  /** A cursor of another one says nothing here: neither one from before the server was started, nor one that was dropped. */
  readonly #epoch: string;
  readonly #ring: Change[] = [];
  /** How many there were, and how many of these are forgotten. */
  #count = 0;
  #forgotten = 0;

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#count - this.#forgotten;
  }

  /** By how many there are more now. */
  add(change: Change): number {
    const before = this.size;
    this.#ring[this.#count % MOST_OF_ONE] = change;
    this.#count += 1;
    if (this.size > MOST_OF_ONE) this.#forgotten += 1;
    this.bell.ring();
    return this.size - before;
  }

  after(cursor: string): ChangesPage {
    const from = this.#placeOf(cursor);
    if (from === undefined) return { changes: [], cursor: `${this.#epoch}-${this.#count}`, lost: true };
    const to = Math.min(this.#count, from + MOST_CHANGES);
    const changes: Change[] = [];
    for (let at = from; at < to; at += 1) changes.push(...this.#ring.slice(at % MOST_OF_ONE, (at % MOST_OF_ONE) + 1));
    return { changes, cursor: `${this.#epoch}-${to}`, lost: false };
  }

  #placeOf(cursor: string): number | undefined {
    const [, epoch, digits] = /^([0-9a-f]{16})-(\d{1,15})$/.exec(cursor) ?? [];
    const place = Number(digits);
    return epoch === this.#epoch && place >= this.#forgotten && place <= this.#count ? place : undefined;
  }
}
