/** How much of each bundle a snapshot refers to: what is mostly dead is bundled anew by the next one. */
import { toBase64 } from '../../core/bytes.ts';
import type { Extent, Node } from '../../snapshot/node.ts';

interface Use {
  used: number;
  readonly length: number;
  /** Offsets of slices: equal files share one, which counts once. */
  readonly slices: Set<number>;
}

export class BundleUse {
  readonly #bundles = new Map<string, Use>();

  add({ content, extents }: Pick<Node, 'content'> & { readonly extents?: readonly Extent[] }, size: number): void {
    if (content?.type !== 'slice') return;
    const key = toBase64(content.bundle);
    let use = this.#bundles.get(key);
    if (use === undefined) {
      use = { used: 0, length: content.bundleLength, slices: new Set() };
      this.#bundles.set(key, use);
    }
    if (use.slices.has(content.offset)) return;
    use.slices.add(content.offset);
    use.used += extents?.reduce((sum, { length }) => sum + length, 0) ?? size;
  }

  /** Keys (base64url) of bundles of which less than `share` is used, in order. */
  below(share: number): string[] {
    const sparse = [...this.#bundles].filter(([, { used, length }]) => used < length * share);
    return sparse.map(([key]) => key).sort();
  }
}
