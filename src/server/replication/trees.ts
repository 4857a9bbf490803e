/** Trees of what targets have, kept for a moment: whoever compares asks several times. */
import type { Clock } from '../../core/clock.ts';
import { ObjectTree } from '../../protocol/object-tree.ts';
import type { CountedTarget } from '../quota.ts';
import type { Turns } from './turns.ts';

/** What came meanwhile is told by the queue, or the next time. */
const KEPT_MS = 10_000;
/** Objects in all trees that are kept: some hundred bytes each. */
const MOST_KEPT = 1_000_000;

export class Trees {
  readonly #turns: Turns;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #kept = new Map<string, { readonly made: number; readonly tree: Promise<ObjectTree> }>();

  constructor(turns: Turns, clock: Pick<Clock, 'monotonic'>) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /** @param isFresh nothing that was there before is missing in it */
  async of(target: string, storage: CountedTarget, isFresh: boolean): Promise<ObjectTree> {
    const now = this.#clock.monotonic();
    for (const [id, { made }] of this.#kept) if (made + KEPT_MS < now) this.#kept.delete(id);
    const known = isFresh ? undefined : this.#kept.get(target);
    if (known !== undefined) return known.tree;
    const tree = ObjectTree.of(this.#turns.all(target, storage));
    const kept = { made: now, tree };
    this.#kept.set(target, kept);
    const forget = (): void => {
      if (this.#kept.get(target) === kept) this.#kept.delete(target);
    };
    tree.then(({ size }) => size > MOST_KEPT && forget(), forget);
    return tree;
  }
}
