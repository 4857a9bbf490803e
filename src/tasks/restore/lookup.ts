/** A path in a snapshot: the nodes on the way to it. */
import { compareBytes, displayBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { joinNames, splitPath } from '../../fs/path.ts';
import type { Node } from '../../snapshot/node.ts';
import { type LoadBlob, readTree } from '../../snapshot/tree.ts';

/** One node for each name of the path; none for the root. @throws NeoError failed when there is no such path */
export async function lookUp(load: LoadBlob, root: ContentKey, path: Uint8Array): Promise<readonly Node[]> {
  const nodes: Node[] = [];
  const names = splitPath(path);
  let tree: ContentKey | undefined = root;
  for (const [depth, name] of names.entries()) {
    const node: Node | undefined = tree === undefined ? undefined : await entryOf(load, tree, name);
    if (node === undefined) {
      const shown = displayBytes(joinNames(names.slice(0, depth + 1), true));
      throw new NeoError('failed', `${shown} is not in this snapshot`, { hint: 'see what is: neo ls SNAPSHOT' });
    }
    nodes.push(node);
    tree = node.tree;
  }
  return nodes;
}

async function entryOf(load: LoadBlob, tree: ContentKey, name: Uint8Array): Promise<Node | undefined> {
  for await (const node of readTree(load, tree)) {
    const order = compareBytes(node.name, name);
    if (order === 0) return node;
    if (order > 0) return undefined;
  }
  return undefined;
}
