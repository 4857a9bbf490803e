/** Trees without what cannot be had any more. */
import { toBase64, toHex } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import { toLatin1 } from '../../fs/ignore-pattern.ts';
import { joinPath, pathOf } from '../../fs/path.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import { TreeBuilder } from '../../snapshot/tree.ts';
import type { Part, Reference } from '../check/parts.ts';
import type { BlobStore } from '../rewrite/blob-store.ts';
import { readPart } from './readable-nodes.ts';
import type { WholeContents } from './whole-contents.ts';

export interface LostPath {
  /** Absolute in the snapshot. */
  readonly path: Uint8Array;
  /** A file is left out; of a directory, some or all of its entries are unknown; attributes are dropped. */
  readonly what: 'file' | 'directory' | 'attributes';
}

export interface RepairedTree {
  readonly tree: ContentKey;
  readonly lost: readonly LostPath[];
  /** Files whose content was found elsewhere. */
  readonly healed: readonly Uint8Array[];
}

interface Tally {
  readonly lost: LostPath[];
  readonly healed: Uint8Array[];
}

export class RepairedTrees {
  readonly #repository: IndexedRepository;
  readonly #store: BlobStore;
  readonly #reader: BlobReader;
  readonly #contents: WholeContents;
  readonly #found: ReadonlyMap<string, Content>;
  /** By key and path. */
  readonly #made = new Map<string, RepairedTree | undefined>();

  /** @param found contents that can be had, by the hash of a file's content in hex */
  constructor(
    repository: IndexedRepository,
    store: BlobStore,
    contents: WholeContents,
    found: ReadonlyMap<string, Content>,
  ) {
    this.#repository = repository;
    this.#store = store;
    this.#reader = new BlobReader(repository);
    this.#contents = contents;
    this.#found = found;
  }

  /** Undefined when not even its root can be read. @throws NeoError unreachable, no-space */
  async repair(tree: ContentKey, path: Uint8Array = pathOf('/')): Promise<RepairedTree | undefined> {
    const name = `${toBase64(tree)} ${toLatin1(path)}`;
    if (this.#made.has(name)) return this.#made.get(name);
    const made = await this.#repair(tree, path);
    this.#made.set(name, made);
    return made;
  }

  async #repair(tree: ContentKey, path: Uint8Array): Promise<RepairedTree | undefined> {
    const root = await this.#read({ kind: 'tree', key: tree, level: undefined });
    if (root === undefined) return undefined;
    const tally: Tally = { lost: [], healed: [] };
    const kept: Node[] = [];
    let isSame = true;
    const take = async (node: Node): Promise<void> => {
      const next = await this.#node(node, joinPath(path, node.name), tally);
      if (next !== undefined) kept.push(next);
      isSame &&= next === node;
    };
    for (const node of root.nodes) await take(node);
    let isWhole = true;
    for (const part of root.parts) isWhole = (await this.#part(part, take)) && isWhole;
    if (!isWhole) tally.lost.push({ path, what: 'directory' });
    if (isSame && isWhole) return { tree, ...tally };
    await this.#store.room();
    return { tree: this.#build(kept), ...tally };
  }

  /** False if it, or one below, is lost. */
  async #part(reference: Reference, take: (node: Node) => Promise<void>): Promise<boolean> {
    const part = await this.#read(reference);
    if (part === undefined) return false;
    let isWhole = true;
    for (const node of part.nodes) await take(node);
    for (const below of part.parts) isWhole = (await this.#part(below, take)) && isWhole;
    return isWhole;
  }

  async #read(reference: Reference): Promise<Part | undefined> {
    if (reference.kind !== 'tree') return undefined;
    const part = await readPart(this.#reader, reference);
    if (part === undefined) this.#contents.lost.set(toBase64(reference.key), reference);
    return part;
  }

  async #node(node: Node, path: Uint8Array, tally: Tally): Promise<Node | undefined> {
    const kept = await this.#withAttributes(node, path, tally);
    if (kept.tree !== undefined) return this.#directory(kept, kept.tree, path, tally);
    if (!(await this.#contents.has(kept.extentContent))) return lose(path, tally);
    if (await this.#contents.has(kept.content)) return kept;
    const found = kept.contentHash && this.#found.get(toHex(kept.contentHash));
    if (found === undefined) return lose(path, tally);
    tally.healed.push(path);
    return { ...kept, content: found };
  }

  async #withAttributes(node: Node, path: Uint8Array, tally: Tally): Promise<Node> {
    if (await this.#contents.has(node.xattrContent)) return node;
    tally.lost.push({ path, what: 'attributes' });
    const { xattrContent: _, ...rest } = node;
    return rest;
  }

  async #directory(node: Node, tree: ContentKey, path: Uint8Array, tally: Tally): Promise<Node> {
    const below = await this.repair(tree, path);
    if (below === undefined) {
      tally.lost.push({ path, what: 'directory' });
      return { ...node, tree: this.#build([]) };
    }
    tally.lost.push(...below.lost);
    tally.healed.push(...below.healed);
    return toBase64(below.tree) === toBase64(tree) ? node : { ...node, tree: below.tree };
  }

  #build(nodes: readonly Node[]): ContentKey {
    const builder = new TreeBuilder(
      (kind, json) => this.#store.save(kind, json),
      (bytes) => this.#repository.engine.blake3(bytes),
    );
    for (const node of nodes) builder.add(node);
    return builder.finish();
  }
}

function lose(path: Uint8Array, { lost }: Tally): undefined {
  lost.push({ path, what: 'file' });
}
