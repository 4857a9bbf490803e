/** All that one storage lacks, from another one, in an order in which nobody is deceived by what is there already. */
import type { Backend } from '../../backends/backend.ts';
import { type Held, ObjectTree } from '../../protocol/object-tree.ts';
import type { End } from './compare.ts';
import { allOf, endOf, type LookMeans, lackingIn } from './look.ts';
import { groupsOf, isLate, split } from './order.ts';
import type { Target } from './target.ts';
import { Transfer, type TransferMeans, type Transferred } from './transfer.ts';

export interface Replicated extends Transferred {
  /** They were there, and somebody removed them. */
  readonly removedThere: number;
}

export class Replication {
  readonly #from: Backend;
  readonly #target: Target;
  readonly #means: LookMeans;
  readonly #transfer: Transfer;

  constructor(from: Backend, target: Target, means: TransferMeans) {
    this.#from = from;
    this.#target = target;
    this.#means = means;
    this.#transfer = new Transfer(from, target.backend, means);
  }

  /** @param isDry only looks: `copied` is what would be. @throws NeoError interrupted; what a backend throws */
  async run(isDry: boolean): Promise<Replicated> {
    const { backend, isNew, isEmpty } = this.#target;
    const there = isEmpty ? await ObjectTree.of([]) : await endOf(backend, this.#means);
    // Where all or much is lacking a list says the same in fewer requests.
    const here = isNew ? await allOf(this.#from, this.#means) : await endOf(this.#from, this.#means);
    const { objects, removedThere, conflicts } = await lackingIn(there, here, this.#means);
    if (!isDry) await this.#copy(objects, here instanceof ObjectTree ? here : there);
    const { done } = this.#transfer;
    const copied = isDry ? objects : done.copied;
    return { ...done, copied, conflicts: [...conflicts, ...done.conflicts], removedThere };
  }

  /**
   * Others may write meanwhile, and lists are not of one moment: the first look may have seen a snapshot, and not the packs that were there before it.
   * A second one, which begins after the first has ended, sees all of them; snapshots that it alone has seen are left for the next run.
   * @param known what need not be seen again: all that the first look found here, else what is there
   */
  async #copy(objects: readonly Held[], known: End): Promise<void> {
    const { isNew } = this.#target;
    const { before, after } = split(objects, isNew);
    this.#transfer.expect(objects);
    await this.#run(before);
    if (after.length === 0) return;
    const seen = new Set(objects.map(({ path }) => path));
    const again = await lackingIn(known, await endOf(this.#from, this.#means), this.#means);
    const since = again.objects.filter((held) => !seen.has(held.path) && !isLate(held));
    this.#transfer.expect(since);
    const more = split(since, isNew);
    await this.#run(more.before);
    await this.#run([...after, ...more.after]);
  }

  async #run(objects: readonly Held[]): Promise<void> {
    for (const group of groupsOf(objects, this.#target.isNew)) await this.#transfer.run(group);
  }
}
