/** A path in a snapshot: the nodes on the way to it. */
import { displayBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { splitPath } from '../../fs/path.ts';
import { findEntry, findPath } from '../../snapshot/lookup.ts';
import type { Node } from '../../snapshot/node.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';

export interface Way {
  /** Absolute, as it is stored. */
  readonly path: Uint8Array;
  /** One node for each name of the path; none for the root. */
  readonly nodes: readonly Node[];
}

/** @throws NeoError failed when there is no such path; integrity */
export async function lookUp(load: LoadBlob, root: ContentKey, path: Uint8Array): Promise<Way> {
  const found = await findPath(load, root, path);
  if (found === undefined) throw missing(path);
  const nodes: Node[] = [];
  let tree: ContentKey | undefined = root;
  for (const name of splitPath(found.path)) {
    const node: Node | undefined = tree === undefined ? undefined : await findEntry(load, tree, name);
    if (node === undefined) throw missing(path);
    nodes.push(node);
    tree = node.tree;
  }
  return { path: found.path, nodes };
}

function missing(path: Uint8Array): NeoError {
  return new NeoError('failed', `${displayBytes(path)} is not in this snapshot`, {
    hint: 'see what is: neo ls SNAPSHOT',
  });
}
