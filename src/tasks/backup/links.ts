/** Hard links: the content of one inode is read once, whatever number of names it has. */
import type { FileStat } from '../../fs/stat.ts';
import type { Node } from '../../snapshot/node.ts';

/** A node without its name; null when the file could not be saved. */
export type SharedNode = Omit<Node, 'name'> | null;

/** A name of an inode that another name of it is being saved for. */
export interface Waiter {
  readonly settled: (node: SharedNode) => void;
  /** The other name came to nothing: this one is to be saved in its place. */
  readonly retry: () => void;
}

interface Link {
  node: SharedNode | undefined;
  readonly waiting: Waiter[];
}

export class HardLinks {
  readonly #links = new Map<string, Link>();

  /** True for the first name of an inode: the caller saves it and tells by {@link settle}. */
  isFirst(stat: FileStat, waiter: Waiter): boolean {
    const key = keyOf(stat);
    const known = this.#links.get(key);
    if (known === undefined) {
      this.#links.set(key, { node: undefined, waiting: [] });
      return true;
    }
    if (known.node === undefined) known.waiting.push(waiter);
    else waiter.settled(known.node);
    return false;
  }

  /** A name may vanish while the others stay: after null the next one has its turn. */
  settle(stat: FileStat, node: SharedNode): void {
    const key = keyOf(stat);
    const link = this.#links.get(key);
    if (link === undefined) return;
    if (node !== null) {
      link.node = node;
      for (const { settled } of link.waiting.splice(0)) settled(node);
      return;
    }
    const [next, ...waiting] = link.waiting;
    if (next === undefined) this.#links.delete(key);
    else {
      this.#links.set(key, { node: undefined, waiting });
      next.retry();
    }
  }
}

function keyOf(stat: FileStat): string {
  return `${stat.device}:${stat.inode}`;
}
