/** From the chunks of one file, in order, to its content and its hash. */
import type { ContentKey } from '../../core/ids.ts';
import type { Hasher } from '../../engine/engine.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import { ChunkListBuilder, INLINE_CHUNKS } from '../../snapshot/content.ts';
import type { Chunk, Content } from '../../snapshot/node.ts';
import type { SealQueue } from './seal-queue.ts';

export interface ContentSinkOptions {
  readonly save: (kind: BlobKind, bytes: Uint8Array) => ContentKey;
  /** Keyed for files. */
  readonly hasher: Hasher;
  /** To threads that help, if any may. */
  readonly queue: SealQueue | undefined;
  readonly stopped: () => boolean;
}

export interface StreamContent {
  readonly content: Content | undefined;
  readonly hash: Uint8Array | undefined;
  readonly length: number;
}

/** `key` undefined: it is in the queue. */
interface PendingChunk {
  readonly key: ContentKey | undefined;
  readonly length: number;
}

/** Holds no more than the parts of the file's list, and what is in the queue. */
export class ContentSink {
  readonly #options: ContentSinkOptions;
  readonly #inline: Chunk[] = [];
  /** Oldest first; the first one is in the queue. */
  #pending: PendingChunk[] = [];
  #list: ChunkListBuilder | undefined;
  #length = 0;

  constructor(options: ContentSinkOptions) {
    this.#options = options;
    // An attempt that failed may have left some.
    options.queue?.settle((bytes) => options.save('data', bytes), options.stopped);
  }

  add(bytes: Uint8Array): void {
    const { queue, hasher, save } = this.#options;
    hasher.update(bytes);
    this.#length += bytes.length;
    if (queue === undefined) {
      this.#take({ key: save('data', bytes), length: bytes.length });
      return;
    }
    this.#takeSealed(queue);
    const key = queue.offer(bytes) ? undefined : save('data', bytes);
    this.#pending.push({ key, length: bytes.length });
  }

  /** Whatever of the oldest chunks has its key by now. */
  #takeSealed(queue: SealQueue): void {
    let taken = 0;
    for (const { key: own, length } of this.#pending) {
      const key = own ?? queue.oldest();
      if (key === undefined) break;
      this.#take({ key, length });
      taken += 1;
    }
    if (taken > 0) this.#pending = this.#pending.slice(taken);
  }

  #take(chunk: Chunk): void {
    if (this.#list !== undefined) {
      this.#list.add(chunk);
      return;
    }
    this.#inline.push(chunk);
    if (this.#inline.length <= INLINE_CHUNKS) return;
    this.#list = new ChunkListBuilder((kind, json) => this.#options.save(kind, json));
    for (const earlier of this.#inline.splice(0)) this.#list.add(earlier);
  }

  finish(): StreamContent {
    const { queue, hasher, save, stopped } = this.#options;
    for (const { key: own, length } of this.#pending.splice(0)) {
      const key = own ?? queue?.waitForOldest((bytes) => save('data', bytes), stopped);
      if (key !== undefined) this.#take({ key, length });
    }
    const length = this.#length;
    if (length === 0) return { content: undefined, hash: undefined, length };
    const content = this.#list?.finish() ?? { type: 'chunks' as const, chunks: this.#inline };
    return { content, hash: hasher.digest(), length };
  }
}
