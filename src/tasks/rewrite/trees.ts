/** Trees without some of their entries. */
import { toBase64 } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import type { FilterScope, PathFilter } from '../../fs/ignore-filter.ts';
import { toLatin1 } from '../../fs/ignore-pattern.ts';
import { joinPath, pathOf } from '../../fs/path.ts';
import type { Node } from '../../snapshot/node.ts';
import { readTree, TreeBuilder } from '../../snapshot/tree.ts';
import type { BlobStore } from './blob-store.ts';
import type { Bundles } from './bundles.ts';

/** Paths that are dropped, each once. */
export type OnDropped = (path: Uint8Array, node: Node) => void;

export class Trees {
  readonly #store: BlobStore;
  readonly #engine: Engine;
  readonly #filter: PathFilter;
  readonly #bundles: Bundles;
  readonly #onDropped: OnDropped;
  readonly #seen = new Set<string>();
  readonly #made = new Map<string, ContentKey>();

  constructor(store: BlobStore, engine: Engine, filter: PathFilter, bundles: Bundles, onDropped: OnDropped) {
    this.#store = store;
    this.#engine = engine;
    this.#filter = filter;
    this.#bundles = bundles;
    this.#onDropped = onDropped;
  }

  /** First for all trees: what is dropped, and what is needed of bundles. @throws NeoError integrity */
  async look(root: ContentKey): Promise<void> {
    await this.#look(pathOf('/'), root, this.#filter.root());
  }

  async #look(path: Uint8Array, tree: ContentKey, scope: FilterScope | undefined): Promise<void> {
    const key = `${toBase64(tree)} ${toLatin1(path)} ${scope === undefined}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const inner: [Uint8Array, ContentKey, FilterScope | undefined][] = [];
    for await (const node of readTree(this.#store.load, tree)) {
      const at = joinPath(path, node.name);
      const below = this.#scopeOf(node, scope);
      if (below === 'dropped' && scope !== undefined) this.#onDropped(at, node);
      if (below === 'dropped') this.#bundles.drop(node);
      else this.#bundles.keep(node);
      // Files below a dropped directory are dropped, too, wherever else they lie.
      if (node.tree !== undefined) inner.push([at, node.tree, below === 'dropped' ? undefined : below]);
    }
    for (const [at, below, inside] of inner) await this.#look(at, below, inside);
  }

  /** The scope of what is in a directory; `dropped` if the filter says so, or everything here is (no scope). */
  #scopeOf(node: Node, scope: FilterScope | undefined): FilterScope | 'dropped' {
    if (scope === undefined) return 'dropped';
    const name = toLatin1(node.name);
    if (scope.decide(name, node.type === 'directory' ? 'directory' : 'other').ignored) return 'dropped';
    return scope.enter(name);
  }

  /** Then each anew: the same key if nothing in it changes. @throws NeoError integrity */
  async rewrite(root: ContentKey): Promise<ContentKey> {
    return this.#rewrite(pathOf('/'), root, this.#filter.root());
  }

  async #rewrite(path: Uint8Array, tree: ContentKey, scope: FilterScope): Promise<ContentKey> {
    const key = `${toBase64(tree)} ${toLatin1(path)}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const kept: Node[] = [];
    let isSame = true;
    for await (const node of readTree(this.#store.load, tree)) {
      const below = this.#scopeOf(node, scope);
      const next = below === 'dropped' ? undefined : await this.#node(joinPath(path, node.name), node, below);
      if (next !== undefined) kept.push(next);
      isSame &&= next === node;
    }
    if (!isSame) await this.#store.room();
    const made = isSame ? tree : this.#build(kept);
    this.#made.set(key, made);
    return made;
  }

  async #node(path: Uint8Array, node: Node, scope: FilterScope): Promise<Node> {
    if (node.tree === undefined) return this.#bundles.moved(node);
    const tree = await this.#rewrite(path, node.tree, scope);
    return toBase64(tree) === toBase64(node.tree) ? node : { ...node, tree };
  }

  #build(nodes: readonly Node[]): ContentKey {
    const builder = new TreeBuilder(
      (kind, json) => this.#store.save(kind, json),
      (bytes) => this.#engine.blake3(bytes),
    );
    for (const node of nodes) builder.add(node);
    return builder.finish();
  }
}
