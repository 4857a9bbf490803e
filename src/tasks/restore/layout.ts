/** Where the bytes of a content lie in its file: outside the holes, in order. */
import { NeoError } from '../../core/errors.ts';
import type { Extent } from '../../snapshot/node.ts';

function refuse(what: string): never {
  throw new NeoError('integrity', `the snapshot has a file ${what}`);
}

export class Layout {
  readonly extents: readonly Extent[];
  /** Bytes of the content. */
  readonly length: number;
  #extent = 0;
  /** Within the extent. */
  #at = 0;

  /** @param extents undefined: all of the file is data. @throws NeoError integrity for data past the end */
  constructor(size: number, extents: readonly Extent[] | undefined) {
    this.extents = extents ?? (size === 0 ? [] : [{ offset: 0, length: size }]);
    this.length = this.extents.reduce((sum, { length }) => sum + length, 0);
    const last = this.extents.at(-1);
    if (last !== undefined && last.offset + last.length > size) refuse('with data past its end');
  }

  /** True if there are holes. */
  isSparse(size: number): boolean {
    return this.length < size;
  }

  /** Segments (jobs.ts) of the next `length` bytes, which lie at `from` in their blob. @throws NeoError integrity */
  take(from: number, length: number): number[] {
    const segments: number[] = [];
    for (let done = 0; done < length; ) {
      const extent = this.extents[this.#extent] ?? refuse('with more content than its size');
      const part = Math.min(length - done, extent.length - this.#at);
      if (part > 0) segments.push(from + done, part, extent.offset + this.#at);
      done += part;
      this.#at += part;
      if (this.#at === extent.length) {
        this.#extent += 1;
        this.#at = 0;
      }
    }
    return segments;
  }

  /** @throws NeoError integrity unless all of the content was taken */
  finish(): void {
    while (this.extents[this.#extent]?.length === 0) this.#extent += 1;
    if (this.#extent < this.extents.length) refuse('with less content than its size');
  }
}
