/**
 * Bundles out of which files are dropped. What a bundle holds beside them is still needed, and would keep their bytes: it
 * goes into a new bundle, so that the old one can be freed.
 */
import { toBase64 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import type { BlobStore } from './blob-store.ts';

interface Slice {
  readonly offset: number;
  readonly length: number;
}

export class Bundles {
  /** Those that a dropped file lies in: key in base64. */
  readonly #dropped = new Map<string, ContentKey>();
  /** What is needed of any bundle: key in base64 → slices, by their offset. */
  readonly #needed = new Map<string, Map<number, Slice>>();
  /** Old bundle in base64 and offset → where it is now. */
  readonly #moved = new Map<string, Content>();

  drop({ content }: Node): void {
    if (content?.type === 'slice') this.#dropped.set(toBase64(content.bundle), content.bundle);
  }

  keep({ content, size }: Node): void {
    if (content?.type !== 'slice') return;
    const key = toBase64(content.bundle);
    const slices = this.#needed.get(key) ?? new Map<number, Slice>();
    slices.set(content.offset, { offset: content.offset, length: size });
    this.#needed.set(key, slices);
  }

  /** Makes the new ones. @throws NeoError integrity */
  async move(store: BlobStore): Promise<void> {
    for (const [key, bundle] of this.#dropped) {
      const slices = [...(this.#needed.get(key)?.values() ?? [])].sort((a, b) => a.offset - b.offset);
      if (slices.length === 0) continue;
      const old = await store.load('data', bundle);
      const length = slices.reduce((sum, slice) => sum + slice.length, 0);
      const fresh = new Uint8Array(length);
      let at = 0;
      const places = slices.map((slice) => {
        const bytes = old.subarray(slice.offset, slice.offset + slice.length);
        if (bytes.length < slice.length) throw new NeoError('integrity', 'a file lies beyond the end of its bundle');
        fresh.set(bytes, at);
        at += slice.length;
        return { from: slice.offset, to: at - slice.length };
      });
      await store.room();
      const moved = store.save('data', fresh);
      for (const { from, to } of places) {
        this.#moved.set(`${key} ${from}`, { type: 'slice', bundle: moved, offset: to, bundleLength: length });
      }
    }
  }

  /** The same node, or one whose content has moved. */
  moved(node: Node): Node {
    const { content } = node;
    if (content?.type !== 'slice') return node;
    const found = this.#moved.get(`${toBase64(content.bundle)} ${content.offset}`);
    return found === undefined ? node : { ...node, content: found };
  }
}
