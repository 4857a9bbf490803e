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

interface Needed {
  readonly bundle: ContentKey;
  readonly length: number;
  readonly slices: Map<number, Slice>;
}

export class Bundles {
  /** Those that a dropped file lies in: key in base64. */
  readonly #dropped = new Map<string, ContentKey>();
  /** What is needed of any bundle: key in base64 → slices, by their offset. */
  readonly #needed = new Map<string, Needed>();
  /** Old bundle in base64 and offset → where it is now. */
  readonly #moved = new Map<string, Content>();

  drop({ content }: Node): void {
    if (content?.type === 'slice') this.#dropped.set(toBase64(content.bundle), content.bundle);
  }

  keep({ content, size }: Node): void {
    if (content?.type !== 'slice') return;
    const key = toBase64(content.bundle);
    const { bundle, bundleLength: length } = content;
    const needed = this.#needed.get(key) ?? { bundle, length, slices: new Map<number, Slice>() };
    // Of files that begin at the same place the longest.
    const known = needed.slices.get(content.offset)?.length ?? 0;
    needed.slices.set(content.offset, { offset: content.offset, length: Math.max(size, known) });
    this.#needed.set(key, needed);
  }

  /** Those that hold more than what is needed go, too. */
  dropPartial(): void {
    for (const [key, { bundle, length, slices }] of this.#needed) {
      if (!coversAll(inOrder(slices), length)) this.#dropped.set(key, bundle);
    }
  }

  /** Makes the new ones. @throws NeoError integrity */
  async move(store: BlobStore): Promise<void> {
    for (const [key, bundle] of this.#dropped) {
      const slices = inOrder(this.#needed.get(key)?.slices);
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

function inOrder(slices: ReadonlyMap<number, Slice> = new Map()): Slice[] {
  return [...slices.values()].sort((a, b) => a.offset - b.offset);
}

/** @param slices by their offset */
function coversAll(slices: readonly Slice[], length: number): boolean {
  let end = 0;
  for (const slice of slices) {
    if (slice.offset > end) return false;
    end = Math.max(end, slice.offset + slice.length);
  }
  return end >= length;
}
