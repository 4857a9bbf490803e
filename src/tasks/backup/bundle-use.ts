/** How much of each bundle a snapshot refers to: what is mostly dead is bundled anew by the next one. */
import { toBase64 } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Extent, Node } from '../../snapshot/node.ts';
import type { UsedBundle } from './files-cache.ts';
import { USE_WORDS } from './known-blocks.ts';
import type { KnownTree } from './known-trees.ts';

interface Use {
  used: number;
  readonly length: number;
  /** Offsets of slices: equal files share one, which counts once. */
  readonly slices: Set<number>;
}

export class BundleUse {
  readonly #bundles = new Map<string, Use>();
  /** Files of one bundle come together, and with the same object for its key. */
  #last: { readonly bundle: ContentKey; readonly use: Use } | undefined;

  add({ content, extents }: Pick<Node, 'content'> & { readonly extents?: readonly Extent[] }, size: number): void {
    if (content?.type !== 'slice') return;
    const bytes = extents?.reduce((sum, { length }) => sum + length, 0) ?? size;
    this.#addSlice(content.bundle, content.bundleLength, content.offset, bytes);
  }

  /** What directories use that were not walked. */
  addKnown({ directories }: KnownTree, bundles: readonly UsedBundle[]): void {
    for (const { use } of directories.values()) {
      for (let i = 0; i < use.length; i += USE_WORDS) {
        const bundle = bundles[use[i] ?? 0];
        if (bundle !== undefined) this.#addSlice(bundle.key, bundle.length, use[i + 1] ?? 0, use[i + 2] ?? 0);
      }
    }
  }

  #addSlice(bundle: ContentKey, length: number, offset: number, bytes: number): void {
    const use = this.#last?.bundle === bundle ? this.#last.use : this.#useOf(bundle, length);
    if (use.slices.has(offset)) return;
    use.slices.add(offset);
    use.used += bytes;
  }

  #useOf(bundle: ContentKey, length: number): Use {
    const key = toBase64(bundle);
    const use = this.#bundles.get(key) ?? { used: 0, length, slices: new Set() };
    this.#bundles.set(key, use);
    this.#last = { bundle, use };
    return use;
  }

  /** Keys (base64url) of bundles of which less than `share` is used, in order. */
  below(share: number): string[] {
    const sparse = [...this.#bundles].filter(([, { used, length }]) => used < length * share);
    return sparse.map(([key]) => key).sort();
  }
}
