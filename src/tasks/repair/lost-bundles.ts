/** Bundles that are lost, put together again from the small files that they held. */
import { toBase64, toHex } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Node } from '../../snapshot/node.ts';

/** Bytes of files that wait for the others of their bundle. */
const MOST_HELD = 256 << 20;

interface Bundle {
  readonly key: ContentKey;
  readonly length: number;
  /** Offset → what lies there: hash of the content in hex, and its length. */
  readonly slices: Map<number, { readonly hash: string; readonly length: number }>;
  /** Bytes of slices that are not filled. */
  missing: number;
  bytes: Uint8Array | undefined;
}

export class LostBundles {
  readonly #bundles = new Map<string, Bundle>();
  /** Hash of a content in hex → where it belongs. */
  readonly #wanted = new Map<string, { readonly bundle: Bundle; readonly offset: number }[]>();
  #held = 0;

  /** A file that lies in a bundle that is lost. */
  add({ content, contentHash, size, extents }: Node): void {
    if (content?.type !== 'slice' || contentHash === undefined) return;
    const name = toBase64(content.bundle);
    const made = { key: content.bundle, length: content.bundleLength, slices: new Map(), missing: 0, bytes: undefined };
    const bundle: Bundle = this.#bundles.get(name) ?? made;
    this.#bundles.set(name, bundle);
    if (bundle.slices.has(content.offset)) return;
    const length = extents?.reduce((sum, extent) => sum + extent.length, 0) ?? size;
    const hash = toHex(contentHash);
    bundle.slices.set(content.offset, { hash, length });
    bundle.missing += length;
    const places = this.#wanted.get(hash) ?? [];
    places.push({ bundle, offset: content.offset });
    this.#wanted.set(hash, places);
  }

  get size(): number {
    return this.#bundles.size;
  }

  /** A file was found; the bundles that are whole by that. */
  found(hash: Uint8Array, content: Uint8Array): { readonly key: ContentKey; readonly bytes: Uint8Array }[] {
    const name = toHex(hash);
    const places = this.#wanted.get(name) ?? [];
    this.#wanted.delete(name);
    const whole: { key: ContentKey; bytes: Uint8Array }[] = [];
    for (const { bundle, offset } of places) {
      const bytes = this.#fill(bundle, offset, content);
      if (bytes !== undefined) whole.push({ key: bundle.key, bytes });
    }
    return whole;
  }

  #fill(bundle: Bundle, offset: number, content: Uint8Array): Uint8Array | undefined {
    if (offset + content.length > bundle.length) return undefined;
    if (bundle.bytes === undefined) {
      if (this.#held + bundle.length > MOST_HELD) return undefined;
      bundle.bytes = new Uint8Array(bundle.length);
      this.#held += bundle.length;
    }
    bundle.bytes.set(content, offset);
    bundle.missing -= content.length;
    if (bundle.missing > 0) return undefined;
    this.#held -= bundle.length;
    const { bytes } = bundle;
    bundle.bytes = undefined;
    return bytes;
  }
}
