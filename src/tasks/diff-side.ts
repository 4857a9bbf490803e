/** A tree that can be compared with another one, and that of a snapshot. */
import { toBase64 } from '../core/bytes.ts';
import type { ContentKey } from '../core/ids.ts';
import { baseName } from '../fs/path.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { contentIdentity } from '../snapshot/identity.ts';
import type { Found } from '../snapshot/lookup.ts';
import type { Node } from '../snapshot/node.ts';
import { type LoadBlob, readTree } from '../snapshot/tree.ts';

export interface Directory {
  /** Those with the same one are the same; undefined on the disk. */
  readonly key: string | undefined;
  /** In the order of names' bytes. */
  items(): AsyncGenerator<Item>;
}

export interface Item {
  readonly name: Uint8Array;
  /** Undefined for the root of a snapshot. Of one on the disk: without content. */
  readonly node: Node | undefined;
  readonly directory: Directory | undefined;
  readonly isOnDisk: boolean;
  /** Does a file on the disk hold what a node of a snapshot does? Undefined in a snapshot. */
  readonly holds?: (wanted: Node) => Promise<boolean>;
}

export interface DiffSide {
  readonly path: Uint8Array;
  /** Undefined: there is nothing. */
  readonly root: Item | undefined;
}

export function snapshotSide(repository: IndexedRepository, found: Found): DiffSide {
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const { path, node, tree } = found;
  const root = { name: baseName(path), node, directory: tree && treeDirectory(load, tree), isOnDisk: false };
  return { path, root };
}

function treeDirectory(load: LoadBlob, tree: ContentKey): Directory {
  return {
    key: toBase64(tree),
    async *items() {
      for await (const node of readTree(load, tree)) {
        const directory = node.tree === undefined ? undefined : treeDirectory(load, node.tree);
        yield { name: node.name, node, directory, isOnDisk: false };
      }
    },
  };
}

/** @throws NeoError failed when a file of the disk cannot be read */
export async function isSameContent(before: Item, after: Item): Promise<boolean> {
  if (before.node === undefined || after.node === undefined) return true;
  if (after.holds !== undefined) return after.holds(before.node);
  if (before.holds !== undefined) return before.holds(after.node);
  return contentIdentity(before.node) === contentIdentity(after.node);
}
