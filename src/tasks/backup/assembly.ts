/** Directories in the making: entries settle in any order, and go into the tree in theirs. */
import type { ContentKey } from '../../core/ids.ts';
import type { Node } from '../../snapshot/node.ts';
import { type HashBytes, type SaveBlob, TreeBuilder } from '../../snapshot/tree.ts';

/** An entry's place: `node` undefined while it is pending, null if there will be none. */
export interface Slot {
  node: Node | null | undefined;
}

export class DirectoryAssembly {
  readonly #tree: TreeBuilder;
  readonly #queue: Slot[] = [];
  #next = 0;
  #added = 0;
  #done: ((tree: ContentKey, entries: number) => void) | undefined;

  constructor(save: SaveBlob, hash: HashBytes) {
    this.#tree = new TreeBuilder(save, hash);
  }

  /** In the order of names. */
  reserve(): Slot {
    const slot: Slot = { node: undefined };
    this.#queue.push(slot);
    return slot;
  }

  settle(slot: Slot, node: Node | null): void {
    slot.node = node;
    this.#drain();
  }

  /** No more entries come; `done` gets the key and the number of entries once all are settled. */
  end(done: (tree: ContentKey, entries: number) => void): void {
    this.#done = done;
    this.#drain();
  }

  #drain(): void {
    for (let slot = this.#queue[this.#next]; slot?.node !== undefined; slot = this.#queue[this.#next]) {
      if (slot.node !== null) {
        this.#tree.add(slot.node);
        this.#added += 1;
      }
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
    done(this.#tree.finish(), this.#added);
  }
}
