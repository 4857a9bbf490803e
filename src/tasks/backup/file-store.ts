/** Stores contents of files: batches of small ones through the sequencer, large ones whole, within bounded memory. */

import { equalBytes } from '../../core/bytes.ts';
import { ByteGate } from '../../core/concurrency.ts';
import { contentKey } from '../../core/ids.ts';
import type { BlobIndex } from '../../repo/blob-index.ts';
import type { BundleParameters } from '../../repo/config.ts';
import type { Content } from '../../snapshot/node.ts';
import {
  type FileFacts,
  type FileFailure,
  type FileRequest,
  type Growth,
  isFailure,
  type ListPart,
  type ResultOf,
  type SmallFile,
} from './jobs.ts';
import type { WorkerPool } from './pool.ts';
import { type BundleEnd, BundleSequencer } from './sequencer.ts';

/** Told once: what became of a file. */
export type Settled = (facts: FileFacts, content: Content | undefined) => void;

export interface FileTask {
  readonly request: FileRequest;
  /** As the walk saw it. */
  readonly size: number;
  /** Unchanged, and taken out of a bundle that is given up. */
  readonly survivor: boolean;
  /** Where the content may be already. */
  readonly before: { readonly hash: Uint8Array; readonly content: Content } | undefined;
  readonly stored: Settled;
  readonly failed: (failure: FileFailure) => void;
}

export interface FileStoreOptions {
  readonly pool: WorkerPool;
  readonly index: BlobIndex;
  readonly bundle: BundleParameters;
  /** Least plain bytes of a chunk: how many blobs may come of so many bytes. */
  readonly minChunk: number;
  readonly onGrowth: (growth: Growth) => void;
  readonly onList: (part: ListPart) => void;
  /** Bytes of large files that workers have read so far. */
  readonly bytesRead: () => number;
}

const BATCH_FILES = 256;
const BATCH_BYTES = 2 << 20;
const IN_FLIGHT = 32 << 20;
/** What is known of a file until its directory has taken it. */
const FILE_IN_FLIGHT = 4096;
/** What a large file in work counts: its worker's buffers, not its size. */
const LARGE_IN_FLIGHT = 8 << 20;
/** Marks that the walk may be ahead of the last one that is settled. */
const MARKS_AHEAD = 6;

type Token = FileTask | BundleEnd;

interface Batch {
  readonly tokens: Token[];
  bytes: number;
  files: number;
}

export class FileStore {
  readonly #options: FileStoreOptions;
  readonly #gate = new ByteGate(IN_FLIGHT);
  readonly #sequencer: BundleSequencer;
  readonly #jobs = new Set<Promise<void>>();
  #batch: Batch = { tokens: [], bytes: 0, files: 0 };
  /** Batches are sequenced one after the other. */
  #sequenced: Promise<void> = Promise.resolve();
  /** Each resolves when all that came before it is settled. */
  readonly #marks: Promise<unknown>[] = [];
  #failure: unknown;
  /** Sizes of the large files handed over and not finished. */
  #largeAhead = 0;
  /** What was read of those that are finished. */
  #largeRead = 0;

  constructor(options: FileStoreOptions) {
    this.#options = options;
    this.#sequencer = new BundleSequencer(options.bundle, async (bytes) => {
      const result = await options.pool.run({ type: 'bundle', bytes }, this.#tables(1));
      options.onGrowth(result);
      return contentKey(result.key);
    });
  }

  /** What workers need to know of the index, with room for `blobs` more and all that is under way. */
  #tables(blobs: number): readonly SharedArrayBuffer[] {
    this.#options.index.reserve(blobs + 4096);
    return this.#options.index.share();
  }

  /** Bytes of large files handed over that are still to be read: for progress. */
  get bytesAhead(): number {
    const read = this.#options.bytesRead() - this.#largeRead;
    return Math.max(0, this.#largeAhead - Math.max(0, read));
  }

  /** Resolves as soon as the next file may come. @throws what a job failed with */
  add(task: FileTask): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { size } = task;
    if (size >= this.#options.bundle.threshold) return this.#addLarge(task);
    this.#batch.tokens.push(task);
    this.#batch.bytes += size;
    this.#batch.files += 1;
    if (this.#batch.files >= BATCH_FILES || this.#batch.bytes >= BATCH_BYTES) return this.#dispatch();
  }

  async #addLarge(task: FileTask): Promise<void> {
    await this.#gate.acquire(LARGE_IN_FLIGHT);
    this.#track(this.#large(task), LARGE_IN_FLIGHT);
  }

  endDirectory(): void {
    if (this.#batch.tokens.at(-1) !== 'directory') this.#batch.tokens.push('directory');
  }

  /**
   * To be called every so many entries of the walk: all files before it are settled without a file after it, and the
   * walk waits where too much is not. Otherwise a million entries would pile up behind one file that waits for its
   * bundle to fill, or that takes hours.
   */
  async mark(): Promise<void> {
    this.#batch.tokens.push('mark');
    await this.#dispatch();
    this.#marks.push(Promise.all(this.#jobs).then(() => this.#sequencer.settled()));
    if (this.#marks.length > MARKS_AHEAD) await this.#marks.shift();
  }

  #track(job: Promise<void>, weight: number): void {
    const tracked = job
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#gate.release(weight);
        this.#jobs.delete(tracked);
      });
    this.#jobs.add(tracked);
  }

  async #large(task: FileTask): Promise<void> {
    const blobs = Math.ceil(task.size / this.#options.minChunk);
    this.#largeAhead += task.size;
    const result = await this.#options.pool.run(
      { type: 'large', file: task.request },
      this.#tables(Math.min(blobs, 1 << 20)),
    );
    this.#largeAhead -= task.size;
    this.#largeRead += result.read;
    this.#options.onGrowth(result);
    for (const part of result.lists) this.#options.onList(part);
    if (isFailure(result.file)) task.failed(result.file);
    else task.stored(result.file, result.file.content);
  }

  async #dispatch(): Promise<void> {
    const batch = this.#batch;
    if (batch.tokens.length === 0) return;
    this.#batch = { tokens: [], bytes: 0, files: 0 };
    // Results come back in buffers of their own, and open bundles copy what they need: twice the bytes, at most.
    const weight = 2 * batch.bytes + batch.files * FILE_IN_FLIGHT + 4096;
    await this.#gate.acquire(weight);
    const files = batch.tokens.flatMap((token) => (typeof token === 'string' ? [] : [token.request]));
    const read =
      files.length === 0 ? undefined : this.#options.pool.run({ type: 'small', files }, this.#tables(files.length * 3));
    const before = this.#sequenced;
    const sequenced = Promise.all([before, read]).then(([, result]) => this.#sequence(batch, result));
    this.#sequenced = sequenced.catch(() => undefined);
    this.#track(sequenced, weight);
  }

  #sequence(batch: Batch, result: ResultOf<'small'> | undefined): void {
    if (result !== undefined) this.#options.onGrowth(result);
    for (const part of result?.lists ?? []) this.#options.onList(part);
    let at = 0;
    for (const token of batch.tokens) {
      if (typeof token === 'string') {
        this.#sequencer.end(token);
        continue;
      }
      const file = result?.files[at++];
      if (file === undefined) continue;
      if (isFailure(file)) token.failed(file);
      else this.#place(token, file, result?.bytes ?? new Uint8Array());
    }
  }

  #place(task: FileTask, file: SmallFile, bytes: Uint8Array): void {
    const { hash, content, offset, length } = file;
    const { before } = task;
    if (hash === undefined || content !== undefined) task.stored(file, content);
    else if (before !== undefined && equalBytes(before.hash, hash)) task.stored(file, before.content);
    else {
      this.#sequencer.add({
        className: classOf(file, task.survivor),
        hash,
        bytes: bytes.subarray(offset, offset + length),
        place: (found) => task.stored(file, found),
      });
    }
  }

  /** Every task is settled once this resolves. @throws what a job failed with */
  async finish(): Promise<void> {
    await this.#dispatch();
    while (this.#jobs.size > 0) await Promise.all(this.#jobs);
    if (this.#failure !== undefined) throw this.#failure;
    await this.#sequencer.finish();
  }
}

/** No compression oracle between users of a host: only files that the same people may read share a bundle. */
function classOf({ stat, acl }: FileFacts, survivor: boolean): string {
  return `${stat.uid}:${stat.gid}:${stat.mode & 0o044}:${acl}:${survivor}`;
}
