/** Contents cut into chunks as the repository wants it, where nobody helps. */
import type { Chunker, ChunkerParameters } from '../../chunker/chunker.ts';
import { createChunker } from '../../chunker/wasm.ts';
import { utf8 } from '../../core/bytes.ts';
import type { Engine } from '../../engine/engine.ts';

const READ_BYTES = 4 << 20;

/** With memory for reading. `key`: the repository's chunker key. */
export function cutterFor(engine: Engine, key: Uint8Array, parameters: ChunkerParameters): Chunker {
  return createChunker({
    gear: engine.hkdf(key, utf8('neo/v1 chunker.gear\0'), 2048),
    sip: engine.hkdf(key, utf8('neo/v1 chunker.sip\0'), 16),
    parameters,
    capacity: Math.max(READ_BYTES, 2 * parameters.max),
  });
}

/** Where chunks go, in order; what `add` is given is good until it returns. */
export interface ChunkSink<T> {
  add(chunk: Uint8Array): void;
  finish(): T;
}

/** One content; of those that share a chunker one after the other. */
export class ContentCutter<T> {
  readonly #chunker: Chunker;
  readonly #sink: ChunkSink<T>;
  #filled = 0;

  constructor(chunker: Chunker, sink: ChunkSink<T>) {
    this.#chunker = chunker;
    this.#sink = sink;
  }

  /** Where the next bytes go; never empty. */
  get room(): Uint8Array {
    return this.#chunker.buffer.subarray(this.#filled);
  }

  /** So many bytes were put there. True if that made chunks. */
  added(count: number): boolean {
    this.#filled += count;
    if (this.#filled < this.#chunker.buffer.length) return false;
    this.#cut(false);
    return true;
  }

  /** @param onChunks waited for whenever chunks were made */
  async push(bytes: Uint8Array, onChunks: () => Promise<void>): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { room } = this;
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      at += part.length;
      if (this.added(part.length)) await onChunks();
    }
  }

  finish(): T {
    this.#cut(true);
    return this.#sink.finish();
  }

  #cut(isFinal: boolean): void {
    const { buffer } = this.#chunker;
    let from = 0;
    while (from < this.#filled) {
      const length = this.#chunker.cut(from, this.#filled, isFinal);
      if (length === 0) break;
      this.#sink.add(buffer.subarray(from, from + length));
      from += length;
    }
    buffer.copyWithin(0, from, this.#filled);
    this.#filled -= from;
  }
}
