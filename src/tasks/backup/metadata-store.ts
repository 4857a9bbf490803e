/**
 * Stores trees and lists: their keys are known at once, workers compress and seal them in batches. Nothing is published
 * before {@link MetadataStore.finish}.
 */
import { copyInto } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import { SharedBuffers, type SharedBytes } from '../../core/shared-buffers.ts';
import { contentKeyOf } from '../../engine/keys.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { SaveBlob } from '../../snapshot/tree.ts';
import type { Growth, MetadataBlob } from './jobs.ts';
import type { WorkerPool } from './pool.ts';

export interface MetadataStoreOptions {
  readonly repository: IndexedRepository;
  readonly pool: WorkerPool;
  /** Stores a blob in this thread. */
  readonly saveHere: SaveBlob;
  readonly onGrowth: (growth: Growth) => void;
}

const BATCH_BYTES = 512 << 10;
/** Batches under way before the walk waits. */
const AHEAD = 8;

export class MetadataStore {
  readonly #options: MetadataStoreOptions;
  readonly #buffers = new SharedBuffers(BATCH_BYTES);
  readonly #jobs = new Set<Promise<void>>();
  #buffer: SharedBytes | undefined;
  #blobs: MetadataBlob[] = [];
  #used = 0;
  #failure: unknown;

  constructor(options: MetadataStoreOptions) {
    this.#options = options;
  }

  save(kind: MetadataBlob['kind'], json: Uint8Array): ContentKey {
    const { engine, keys } = this.#options.repository;
    const key = contentKeyOf(engine, keys.content[kind], json);
    if (json.length > BATCH_BYTES) {
      const bytes: SharedBytes = new Uint8Array(new SharedArrayBuffer(json.length));
      copyInto(bytes, 0, json);
      this.#send(bytes, [{ kind, length: json.length }]);
      return key;
    }
    if (this.#used + json.length > BATCH_BYTES) this.#flush();
    this.#buffer ??= this.#buffers.take();
    copyInto(this.#buffer, this.#used, json);
    this.#used += json.length;
    this.#blobs.push({ kind, length: json.length });
    return key;
  }

  #flush(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const [used, blobs] = [this.#used, this.#blobs];
    this.#buffer = undefined;
    this.#used = 0;
    this.#blobs = [];
    // Not after a failure: a worker may be reading it yet, and would store what is not under its key.
    this.#send(buffer.subarray(0, used), blobs, () => this.#buffers.give(buffer));
  }

  #send(bytes: SharedBytes, blobs: readonly MetadataBlob[], stored: () => void = () => undefined): void {
    const { repository, pool, onGrowth } = this.#options;
    repository.index.reserve(blobs.length + 4096);
    const job = pool
      .run({ type: 'metadata', bytes, blobs }, repository.index.share(), bytes.length)
      .then((result) => {
        onGrowth(result);
        stored();
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#jobs.delete(job));
    this.#jobs.add(job);
  }

  #saveHere(): void {
    let at = 0;
    for (const { kind, length } of this.#blobs) {
      this.#options.saveHere(kind, this.#buffer?.subarray(at, at + length) ?? new Uint8Array());
      at += length;
    }
    this.#buffer = undefined;
    this.#blobs = [];
    this.#used = 0;
  }

  /** Resolves when more may be made. @throws what storing failed with */
  async room(): Promise<void> {
    while (this.#jobs.size > AHEAD) await Promise.race(this.#jobs);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** All that was saved is in packs. @throws what storing failed with */
  async finish(): Promise<void> {
    // What a run without a change makes is a directory or two: no thread is started for that.
    if (this.#options.pool.idle) this.#saveHere();
    this.#flush();
    await Promise.all(this.#jobs);
    if (this.#failure !== undefined) throw this.#failure;
  }
}
