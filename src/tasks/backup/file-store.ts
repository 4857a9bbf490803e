/** Stores contents of files: batches of small ones through the sequencer, large ones whole, within bounded memory. */

import { equalBytes } from '../../core/bytes.ts';
import { ByteGate } from '../../core/concurrency.ts';
import { contentKey } from '../../core/ids.ts';
import { SharedBuffers, type SharedBytes } from '../../core/shared-buffers.ts';
import type { FileStat } from '../../fs/stat.ts';
import type { BlobIndex } from '../../repo/blob-index.ts';
import type { BundleParameters } from '../../repo/config.ts';
import type { Content } from '../../snapshot/node.ts';
import { packRequests } from './file-requests.ts';
import {
  type FileFacts,
  type FileFailure,
  type Growth,
  isFailure,
  type ListPart,
  type ResultOf,
  type StoredFile,
} from './jobs.ts';
import type { WorkerPool } from './pool.ts';
import { sealQueueMemory } from './seal-queue.ts';
import { type BundleEnd, BundleSequencer } from './sequencer.ts';

/** Told once: what became of a file. */
export type Settled = (facts: FileFacts, content: Content | undefined) => void;

export interface FileTask {
  /** On disk, its bytes as latin1. */
  readonly path: string;
  /** As the walk saw it. */
  readonly stat: FileStat;
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
/** Two batches for each of two workers. More would only be more to keep: what lives long is dear to collect. */
const IN_FLIGHT = 16 << 20;
/** What is known of a file until its directory has taken it. */
const FILE_IN_FLIGHT = 8192;
/** What a large file in work counts: its worker's buffers, not its size. */
const LARGE_IN_FLIGHT = 4 << 20;
/** A file of that many bytes is sealed by several threads. */
const HELP_FROM = 16 << 20;
/** One thread reads, cuts and hashes as fast as about three seal. */
const MOST_HELPERS = 3;
/** Marks that the walk may be ahead of the last one that is settled. */
const MARKS_AHEAD = 6;
/** To open and look at a file takes as long as to read so much. */
const FILE_AS_BYTES = 16 << 10;

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
  readonly #buffers: SharedBuffers;
  readonly #classes = new ClassNames();
  #queue: SharedArrayBuffer | undefined;
  /** One file at a time: more would keep no more threads busy. */
  #helping = false;
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
    this.#buffers = new SharedBuffers(BATCH_BYTES + options.bundle.threshold);
    this.#sequencer = new BundleSequencer(options.bundle, async (bundles) => {
      const bytes = bundles.reduce((sum, { length }) => sum + length, 0);
      const result = await options.pool.run({ type: 'bundles', bundles }, this.#tables(bundles.length), bytes);
      options.onGrowth(result);
      return result.keys.map(contentKey);
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
    const { size } = task.stat;
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
    const blobs = Math.ceil(task.stat.size / this.#options.minChunk);
    this.#largeAhead += task.stat.size;
    const result = await this.#readLarge(task, this.#tables(Math.min(blobs, 1 << 20)));
    this.#largeAhead -= task.stat.size;
    this.#largeRead += result.read;
    this.#options.onGrowth(result);
    for (const part of result.lists) this.#options.onList(part);
    if (isFailure(result.file)) task.failed(result.file);
    else task.stored(result.file, result.file.content);
  }

  async #readLarge({ path, stat }: FileTask, tables: readonly SharedArrayBuffer[]): Promise<ResultOf<'large'>> {
    const { pool, onGrowth } = this.#options;
    const file = { path, inode: stat.inode, device: stat.device };
    const helped = stat.size >= HELP_FROM && pool.size > 1 && !this.#helping;
    if (!helped) return pool.run({ type: 'large', file }, tables, stat.size);
    this.#helping = true;
    const queue = sealQueueMemory(this.#queue);
    this.#queue = queue;
    const read = pool.run({ type: 'large', file, queue }, tables, stat.size);
    const helpers = Array.from({ length: Math.min(pool.size - 1, MOST_HELPERS) }, () =>
      pool.run({ type: 'help', queue }, tables, stat.size),
    );
    // The file need not wait for a helper that has not come to it yet; its memory must.
    this.#track(
      Promise.all([...helpers, read]).then((results) => {
        for (const result of results) if (result.type === 'help') onGrowth(result);
        this.#helping = false;
      }),
      0,
    );
    return read;
  }

  async #dispatch(): Promise<void> {
    const batch = this.#batch;
    if (batch.tokens.length === 0) return;
    this.#batch = { tokens: [], bytes: 0, files: 0 };
    const weight = BATCH_BYTES + batch.files * FILE_IN_FLIGHT;
    await this.#gate.acquire(weight);
    const files = batch.tokens.filter((token) => typeof token !== 'string');
    const into = files.length === 0 ? NO_BYTES : this.#buffers.take();
    const read = files.length === 0 ? undefined : this.#readSmall(files, into, batch.bytes);
    const before = this.#sequenced;
    const sequenced = Promise.all([before, read]).then(([, result]) => {
      this.#sequence(batch, result, into);
      // Not after a failure: a worker may be writing into it yet.
      if (result !== undefined) this.#buffers.give(into);
    });
    this.#sequenced = sequenced.catch(() => undefined);
    this.#track(sequenced, weight);
  }

  #readSmall(files: readonly FileTask[], into: SharedBytes, bytes: number): Promise<ResultOf<'small'>> {
    const job = { type: 'small' as const, files: packRequests(files), into };
    return this.#options.pool.run(job, this.#tables(files.length * 3), bytes + files.length * FILE_AS_BYTES);
  }

  #sequence(batch: Batch, result: ResultOf<'small'> | undefined, bytes: SharedBytes): void {
    if (result !== undefined) this.#options.onGrowth(result);
    for (const part of result?.lists ?? []) this.#options.onList(part);
    let [index, offset] = [0, 0];
    for (const token of batch.tokens) {
      if (typeof token === 'string') this.#sequencer.end(token);
      else if (result !== undefined) {
        const length = result.lengths[index] ?? 0;
        this.#settle(token, result, index, bytes.subarray(offset, offset + length));
        index += 1;
        offset += length;
      }
    }
  }

  #settle(task: FileTask, result: ResultOf<'small'>, index: number, bytes: Uint8Array): void {
    const file = result.particular.get(index) ?? plainFacts(task.stat, result, index);
    if (isFailure(file)) task.failed(file);
    else this.#place(task, file, bytes);
  }

  #place(task: FileTask, file: StoredFile, bytes: Uint8Array): void {
    const { hash, content } = file;
    const { before } = task;
    if (hash === undefined || content !== undefined) task.stored(file, content);
    else if (before !== undefined && equalBytes(before.hash, hash)) task.stored(file, before.content);
    else {
      this.#sequencer.add({
        className: this.#classes.of(file, task.survivor),
        hash,
        bytes,
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

const HASH_LENGTH = 32;
const NO_BYTES: SharedBytes = new Uint8Array(new SharedArrayBuffer(0));
const NO_PROBLEMS: readonly string[] = [];

/** Of a file that is just as the walk saw it. */
function plainFacts(stat: FileStat, { hashes, lengths }: ResultOf<'small'>, index: number): FileFacts {
  const facts = { stat, flags: 0, acl: false, unstable: false, problems: NO_PROBLEMS };
  if (lengths[index] === 0) return facts;
  return { ...facts, hash: hashes.subarray(index * HASH_LENGTH, (index + 1) * HASH_LENGTH) };
}

/** Names of classes: neighbours are mostly of one. */
class ClassNames {
  #last = { uid: -1, gid: -1, readers: -1, acl: false, survivor: false, name: '' };

  /** No compression oracle between users of a host: only files that the same people may read share a bundle. */
  of({ stat: { uid, gid, mode }, acl }: FileFacts, survivor: boolean): string {
    const readers = mode & 0o044;
    const last = this.#last;
    const same =
      last.uid === uid &&
      last.gid === gid &&
      last.readers === readers &&
      last.acl === acl &&
      last.survivor === survivor;
    if (!same) {
      this.#last = { uid, gid, readers, acl, survivor, name: `${uid}:${gid}:${readers}:${acl}:${survivor}` };
    }
    return this.#last.name;
  }
}
