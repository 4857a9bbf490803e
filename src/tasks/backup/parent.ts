/** The snapshot before: what of it still holds need not be read again. */
import { compareBytes } from '../../core/bytes.ts';
import { whenReady } from '../../core/concurrency.ts';
import { isNeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { FileStat } from '../../fs/stat.ts';
import { contentPieces } from '../../snapshot/content.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import { type LoadBlob, readTreeParts, type TreePart } from '../../snapshot/tree.ts';

export interface UnchangedRules {
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
}

/** A directory of an earlier snapshot. */
export interface ParentTree {
  readonly tree: ContentKey;
  /** When that snapshot began to be read, ns. */
  readonly readSince: bigint;
}

/** What an earlier snapshot has at a path. */
export interface Candidate {
  readonly node: Node;
  readonly readSince: bigint;
}

const NOTHING: readonly Candidate[] = [];

/** A directory as earlier snapshots have it, the one to prefer first; names must be asked for in order. */
export class ParentDirectory {
  readonly #trees: readonly { readonly nodes: OrderedNodes; readonly readSince: bigint }[];

  constructor(load: LoadBlob, trees: readonly ParentTree[]) {
    this.#trees = trees.map(({ tree, readSince }) => ({ nodes: new OrderedNodes(load, tree), readSince }));
  }

  /** The same directory below the one where `candidates` were found; undefined where they know of none. */
  static below(load: LoadBlob, candidates: readonly Candidate[]): ParentDirectory | undefined {
    const trees = candidates.flatMap(({ node, readSince }) =>
      node.tree === undefined ? [] : [{ tree: node.tree, readSince }],
    );
    return trees.length === 0 ? undefined : new ParentDirectory(load, trees);
  }

  /** At once where the blob that must have the name is read already. */
  find(name: Uint8Array): readonly Candidate[] | Promise<readonly Candidate[]> {
    const [only, second] = this.#trees;
    if (only === undefined) return NOTHING;
    if (second !== undefined) return this.#findInAll(name);
    return whenReady(only.nodes.find(name), (node) =>
      node === undefined ? NOTHING : [{ node, readSince: only.readSince }],
    );
  }

  async #findInAll(name: Uint8Array): Promise<readonly Candidate[]> {
    const found: Candidate[] = [];
    for (const { nodes, readSince } of this.#trees) {
      const node = await nodes.find(name);
      if (node !== undefined) found.push({ node, readSince });
    }
    return found.length === 0 ? NOTHING : found;
  }

  /** To be called when no more names come: reads what is left of the only earlier snapshot. */
  finish(): void | Promise<void> {
    const [only, second] = this.#trees;
    if (second === undefined) return only?.nodes.finish();
  }

  /** What this directory was in the only earlier snapshot; undefined when there are several, or it could not be read. */
  get whole(): WholeTree | undefined {
    const [only, second] = this.#trees;
    return second === undefined ? only?.nodes.whole : undefined;
  }
}

export interface WholeTree {
  readonly key: ContentKey;
  /** The blobs that it consists of. */
  readonly parts: readonly ContentKey[];
  readonly entries: number;
}

/** The nodes of a tree, read along with the walk: both are in the order of names. */
class OrderedNodes {
  readonly #tree: ContentKey;
  readonly #parts: AsyncGenerator<TreePart>;
  #nodes: readonly Node[] = [];
  #at = 0;
  #ended = false;
  #failed = false;
  #entries = 0;
  readonly #keys: ContentKey[] = [];

  constructor(load: LoadBlob, tree: ContentKey) {
    this.#tree = tree;
    this.#parts = readTreeParts(load, tree);
  }

  /** The entry of that name. Names must be asked for in order. */
  find(name: Uint8Array): Node | undefined | Promise<Node | undefined> {
    for (; this.#at < this.#nodes.length; this.#at++) {
      const node = this.#nodes[this.#at];
      const order = node === undefined ? -1 : compareBytes(node.name, name);
      if (order === 0) return node;
      if (order > 0) return undefined;
    }
    return this.#ended ? undefined : this.#advance().then(() => this.find(name));
  }

  async #readOn(): Promise<void> {
    while (!this.#ended) await this.#advance();
  }

  finish(): void | Promise<void> {
    if (!this.#ended) return this.#readOn();
  }

  get whole(): WholeTree | undefined {
    if (!this.#ended || this.#failed) return undefined;
    return { key: this.#tree, parts: this.#keys, entries: this.#entries };
  }

  /** A parent that cannot be read is no reason to fail: its files are read again. */
  async #advance(): Promise<void> {
    try {
      const next = await this.#parts.next();
      this.#at = 0;
      this.#ended = next.done === true || next.value.whole;
      this.#nodes = next.done === true ? [] : next.value.nodes;
      this.#entries += this.#nodes.length;
      if (next.done !== true) this.#keys.push(...next.value.keys);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.#nodes = [];
      this.#ended = true;
      this.#failed = true;
    }
  }
}

/** True if size, times and inode say that the file is what the node keeps. */
export function isUnchanged(node: Node, stat: FileStat, rules: UnchangedRules): boolean {
  return (
    node.type === stat.type &&
    node.size === stat.size &&
    node.mtime === stat.mtime &&
    (rules.ignoreCtime || node.ctime === stat.ctime) &&
    (rules.ignoreInode || node.inode === stat.inode)
  );
}

/** Kernels stamp files by a clock that ticks every 4 to 10 ms; file systems of whole seconds are coarser still. */
const TICK_NS = 20_000_000n;
const COARSE_TICK_NS = 2_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/**
 * A change within the same tick as the last one leaves the same times ("racily clean", as git calls it): a file stamped
 * just before its snapshot began, or while it ran, may have changed after it was read.
 */
export function mayHaveChanged({ node, readSince }: Candidate): boolean {
  return changesUnseen(node, readSince);
}

/** The same of a file as it looks now, for the next snapshot. */
export function changesUnseen({ mtime, ctime }: Pick<Node, 'mtime' | 'ctime'>, readSince: bigint): boolean {
  if (ctime <= readSince - COARSE_TICK_NS) return false;
  const coarse = mtime % SECOND_NS === 0n && ctime % SECOND_NS === 0n;
  return ctime > readSince - (coarse ? COARSE_TICK_NS : TICK_NS);
}

/** All blobs that a node's bytes and metadata need: data, and the parts of the lists that name them. */
export async function* blobsOf(load: LoadBlob, node: Node): AsyncGenerator<ContentKey> {
  const lists: ContentKey[] = [];
  const noting: LoadBlob = (kind, key) => {
    if (kind === 'list') lists.push(key);
    return load(kind, key);
  };
  const contents: (Content | undefined)[] = [node.content, node.xattrContent, node.extentContent];
  for (const content of contents) {
    for await (const piece of contentPieces(noting, content, 0)) yield piece.key;
  }
  yield* lists;
}
