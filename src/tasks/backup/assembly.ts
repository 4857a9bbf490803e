/** Directories in the making: entries settle in any order, and go into the tree in theirs. */
import type { ContentKey } from '../../core/ids.ts';
import type { Node } from '../../snapshot/node.ts';
import { type HashBytes, type SaveBlob, TreeBuilder } from '../../snapshot/tree.ts';
import type { WholeTree } from './parent.ts';

/** An entry's place: `node` undefined while it is pending, null if there will be none. */
export interface Slot {
  node: Node | null | undefined;
  /** The node is that of the directory before, in all. */
  same: boolean;
}

/** What the directory was before, asked for once all its entries are settled; undefined where it must be made anew. */
export type TreeBefore = () => WholeTree | undefined;

/** Nodes held, at most, until it is clear that they need not be encoded: about 16 MB. */
const MOST_HELD = 16_384;

export class DirectoryAssembly {
  readonly #tree: TreeBuilder;
  readonly #before: TreeBefore | undefined;
  readonly #queue: Slot[] = [];
  #next = 0;
  #added = 0;
  /** Nodes that are all the same as before, so far: if none is missing in the end, the directory keeps its key. */
  #held: Node[] | undefined;
  #done: ((tree: ContentKey, entries: number) => void) | undefined;

  constructor(save: SaveBlob, hash: HashBytes, before?: TreeBefore) {
    this.#tree = new TreeBuilder(save, hash);
    this.#before = before;
    this.#held = before === undefined ? undefined : [];
  }

  /** In the order of names. */
  reserve(): Slot {
    const slot: Slot = { node: undefined, same: false };
    this.#queue.push(slot);
    return slot;
  }

  settle(slot: Slot, node: Node | null, same = false): void {
    slot.node = node;
    slot.same = same;
    this.#drain();
  }

  /** No more entries come; `done` gets the key and the number of entries once all are settled. */
  end(done: (tree: ContentKey, entries: number) => void): void {
    this.#done = done;
    this.#drain();
  }

  #drain(): void {
    for (let slot = this.#queue[this.#next]; slot?.node !== undefined; slot = this.#queue[this.#next]) {
      if (slot.node !== null) this.#add(slot.node, slot.same);
      slot.node = null;
      this.#next += 1;
    }
    if (this.#next > 1024) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.#done === undefined || this.#next < this.#queue.length) return;
    const done = this.#done;
    this.#done = undefined;
    done(this.#finish(), this.#added);
  }

  #add(node: Node, same: boolean): void {
    this.#added += 1;
    if (this.#held !== undefined) {
      if (same && this.#held.length < MOST_HELD) {
        this.#held.push(node);
        return;
      }
      this.#release(this.#held);
    }
    this.#tree.add(node);
  }

  #release(held: readonly Node[]): void {
    this.#held = undefined;
    for (const node of held) this.#tree.add(node);
  }

  #finish(): ContentKey {
    if (this.#held !== undefined) {
      const before = this.#before?.();
      if (before !== undefined && before.entries === this.#held.length) return before.key;
      this.#release(this.#held);
    }
    return this.#tree.finish();
  }
}
