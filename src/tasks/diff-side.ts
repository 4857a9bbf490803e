/** A tree that can be compared with another one, and that of a snapshot. */
import { compareBytes, toBase64 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ContentKey } from '../core/ids.ts';
import { parseJson } from '../core/json.ts';
import { baseName } from '../fs/path.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { contentIdentity } from '../snapshot/identity.ts';
import type { Found } from '../snapshot/lookup.ts';
import type { Node } from '../snapshot/node.ts';
import { nodeFromJson } from '../snapshot/node-json.ts';
import { type LoadBlob, readTree } from '../snapshot/tree.ts';
import { rawEntries } from './history/raw-entries.ts';

export interface Directory {
  /** Those with the same one are the same; undefined on the disk. */
  readonly key: string | undefined;
  /** In the order of names' bytes. */
  items(): AsyncGenerator<Item>;
  /** Its entries as they are written, where they stand in one blob; not of the disk. @throws NeoError integrity */
  readonly raw?: () => Promise<RawEntries | undefined>;
}

interface RawEntries {
  readonly entries: readonly string[];
  readonly itemsOf: (entries: readonly string[]) => AsyncGenerator<Item>;
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
      for await (const node of readTree(load, tree)) yield itemOf(load, node);
    },
    async raw() {
      const entries = rawEntries(await load('tree', tree));
      return entries && { entries, itemsOf: (some) => itemsOf(load, some) };
    },
  };
}

function itemOf(load: LoadBlob, node: Node): Item {
  const directory = node.tree === undefined ? undefined : treeDirectory(load, node.tree);
  return { name: node.name, node, directory, isOnDisk: false };
}

/** @throws NeoError integrity */
async function* itemsOf(load: LoadBlob, entries: readonly string[]): AsyncGenerator<Item> {
  let last: Uint8Array | undefined;
  for (const entry of entries) {
    const node = nodeFromJson(parseJson(Buffer.from(entry, 'latin1')));
    if (last !== undefined && compareBytes(last, node.name) >= 0) {
      throw new NeoError('integrity', 'directory has duplicate or unordered names');
    }
    last = node.name;
    yield itemOf(load, node);
  }
}

/**
 * What two directories hold, without what they have in common where that is cheap to see: most of it, as a rule.
 * @throws NeoError integrity, here or while they are read
 */
export async function differingItems(
  before: Directory,
  after: Directory,
): Promise<readonly [AsyncGenerator<Item>, AsyncGenerator<Item>]> {
  const [one, other] = await Promise.all([before.raw?.(), after.raw?.()]);
  if (one === undefined || other === undefined) return [before.items(), after.items()];
  const [ones, others] = [new Set(one.entries), new Set(other.entries)];
  return [
    one.itemsOf(one.entries.filter((entry) => !others.has(entry))),
    other.itemsOf(other.entries.filter((entry) => !ones.has(entry))),
  ];
}

/** @throws NeoError failed when a file of the disk cannot be read */
export async function isSameContent(before: Item, after: Item): Promise<boolean> {
  if (before.node === undefined || after.node === undefined) return true;
  if (after.holds !== undefined) return after.holds(before.node);
  if (before.holds !== undefined) return before.holds(after.node);
  return contentIdentity(before.node) === contentIdentity(after.node);
}
