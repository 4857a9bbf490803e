/** Hard links: the content of one inode is read once, whatever number of names it has. */
import type { FileStat } from '../../fs/stat.ts';
import type { Node } from '../../snapshot/node.ts';

/** A node without its name; null when the file could not be saved. */
export type SharedNode = Omit<Node, 'name'> | null;

interface Link {
  node: SharedNode | undefined;
  readonly waiting: ((node: SharedNode) => void)[];
}

export class HardLinks {
  readonly #links = new Map<string, Link>();

  /** True for the first name of an inode: the caller saves it and tells by {@link settle}. */
  isFirst(stat: FileStat, settled: (node: SharedNode) => void): boolean {
    const key = keyOf(stat);
    const known = this.#links.get(key);
    if (known === undefined) {
      this.#links.set(key, { node: undefined, waiting: [] });
      return true;
    }
    if (known.node === undefined) known.waiting.push(settled);
    else settled(known.node);
    return false;
  }

  settle(stat: FileStat, node: SharedNode): void {
    const link = this.#links.get(keyOf(stat));
    if (link === undefined) return;
    link.node = node;
    for (const settled of link.waiting.splice(0)) settled(node);
  }
}

function keyOf(stat: FileStat): string {
  return `${stat.device}:${stat.inode}`;
}
