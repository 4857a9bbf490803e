/** Packs of trees and lists, read whole into memory that threads share and kept: a directory's neighbours are wanted next. */
import { isNeoError } from '../../core/errors.ts';
import type { SharedBytes } from '../../core/shared-buffers.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { readPackInto } from '../../repo/pack-range.ts';

/** As much as the reader of blobs keeps. */
const MOST_BYTES = 64 << 20;

export class TreePacks {
  readonly #repository: IndexedRepository;
  /** Least recently used first. */
  readonly #packs = new Map<number, Promise<SharedBytes | undefined>>();
  #bytes = 0;

  constructor(repository: IndexedRepository) {
    this.#repository = repository;
  }

  /** Undefined where storage has no such bytes. */
  async sealed({ pack, offset, length }: BlobPlace): Promise<SharedBytes | undefined> {
    const bytes = await this.#whole(pack);
    return bytes !== undefined && offset + length <= bytes.length ? bytes.subarray(offset, offset + length) : undefined;
  }

  async #whole(pack: number): Promise<SharedBytes | undefined> {
    const loading = this.#packs.get(pack) ?? this.#load(pack);
    this.#packs.delete(pack);
    this.#packs.set(pack, loading);
    for (const oldest of this.#packs.keys()) {
      if (this.#bytes <= MOST_BYTES || oldest === pack) break;
      this.#packs.delete(oldest);
      this.#bytes -= this.#sizeOf(oldest);
    }
    return loading;
  }

  /** Gives back the memory; packs can be asked for again. */
  forget(): void {
    this.#packs.clear();
    this.#bytes = 0;
  }

  #sizeOf(pack: number): number {
    return this.#repository.packs[pack]?.size ?? 0;
  }

  /** As long as the index says: whatever lies under that path may be longer than memory. */
  async #load(pack: number): Promise<SharedBytes | undefined> {
    const info = this.#repository.packs[pack];
    if (info === undefined) return undefined;
    this.#bytes += info.size;
    const bytes = new Uint8Array(new SharedArrayBuffer(info.size));
    try {
      return (await readPackInto(this.#repository.backend, info.name, bytes)) ? bytes : undefined;
    } catch (error) {
      if (isNeoError(error, 'integrity')) return undefined;
      throw error;
    }
  }
}
