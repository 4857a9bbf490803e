/** Carries out a window: ranges of packs are fetched, and workers open, verify and write what is in them. */
import { ByteGate, throwIfAborted } from '../../core/concurrency.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import { SharedBuffers } from '../../core/shared-buffers.ts';
import { type BlobSource, isAsShared, isExact } from '../../repo/blob-reader.ts';
import { readPackRange } from '../../repo/pack-range.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import type { FileWork } from './file-work.ts';
import type { BlobError, BlobWork, ResultOf, Use, WorkFile, WriteJob } from './jobs.ts';
import { hostile } from './loader.ts';
import type { RestorePool } from './pool.ts';
import type { Tally } from './tally.ts';
import { type BlobNeed, RUN_BYTES, type Run, type Window } from './window.ts';
import type { WorkerCore } from './worker-core.ts';

export interface FetcherOptions {
  readonly repository: BlobSource;
  /** With damage as `failed` (loader.ts): the second attempt, by every copy. */
  readonly load: LoadBlob;
  readonly pool: RestorePool;
  /** For what main opens itself. */
  readonly core: WorkerCore;
  readonly tally: Tally;
  /** Jobs fetched or worked on at a time. */
  readonly jobs: number;
  readonly signal: AbortSignal | undefined;
  /** A file has its name and its metadata. */
  readonly onDone: (work: FileWork) => void;
}

/** Half a gigabyte a second over 50 ms; more is memory that has to be had first. */
const IN_FLIGHT = 24 << 20;
/** For shorter ones memory that is used again would lie there mostly empty. */
const WORTH_A_BUFFER = RUN_BYTES / 2;

/** A job's descriptors: held while it is worked on. */
class Hands {
  readonly files: WorkFile[] = [];
  readonly #works: FileWork[] = [];
  readonly #positions = new Map<FileWork, number>();

  /** Its position in `files`. @throws NeoError when it cannot be made */
  take(work: FileWork): number {
    const known = this.#positions.get(work);
    if (known !== undefined) return known;
    this.files.push(work.acquire());
    this.#works.push(work);
    this.#positions.set(work, this.files.length - 1);
    return this.files.length - 1;
  }

  work(position: number): FileWork | undefined {
    return this.#works[position];
  }

  release(): void {
    for (const work of this.#works) work.release();
  }
}

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #bytes = new ByteGate(IN_FLIGHT);
  readonly #slots: ByteGate;
  readonly #buffers = new SharedBuffers(RUN_BYTES);
  #failure: unknown;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#slots = new ByteGate(options.jobs);
  }

  /** Every file of the window whose last piece this was is completed or named as lost. @throws what ends the restore */
  async run(window: Window): Promise<void> {
    const { repository } = this.#options;
    const { engine, index } = repository;
    const { runs, missing } = isExact(repository) ? window.plan(engine, index, 0) : window.plan(engine, index);
    for (const need of missing) this.#lose(need, 'a data blob cannot be read: it is in no index');
    const jobs: Promise<void>[] = [];
    for (const run of runs) {
      await this.#bytes.acquire(run.length);
      await this.#slots.acquire(1);
      if (this.#failure !== undefined || this.#options.signal?.aborted === true) {
        this.#free(run);
        break;
      }
      jobs.push(
        this.#carryOut(run)
          .catch((error: unknown) => {
            this.#failure ??= error;
          })
          .finally(() => this.#free(run)),
      );
    }
    await Promise.all(jobs);
    if (this.#failure !== undefined) throw this.#failure;
    throwIfAborted(this.#options.signal);
    for (const work of window.files) this.settle(work);
  }

  #free(run: Run): void {
    this.#bytes.release(run.length);
    this.#slots.release(1);
  }

  async #carryOut(run: Run): Promise<void> {
    if (run.length < WORTH_A_BUFFER || run.length > RUN_BYTES) return this.#carryOutIn(run);
    const memory = this.#buffers.take();
    await this.#carryOutIn(run, memory);
    this.#buffers.give(memory);
  }

  async #carryOutIn(run: Run, memory?: Uint8Array): Promise<void> {
    const { repository, tally } = this.#options;
    let bytes: Uint8Array;
    try {
      bytes = await readPackRange(repository, run.pack, run.offset, run.length, memory);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      for (const { need } of run.blobs) await this.#secondAttempt(need);
      return;
    }
    tally.bytesRead += bytes.length;
    const asShared = run.blobs.filter(({ need, offset, length }) => {
      return isAsShared(repository, need.key, bytes.subarray(offset - run.offset, offset - run.offset + length));
    });
    await this.#write({ ...run, blobs: asShared }, bytes);
    if (asShared.length < run.blobs.length) {
      for (const blob of run.blobs) if (!asShared.includes(blob)) await this.#secondAttempt(blob.need);
    }
    for (const { need } of run.blobs) this.#settleUses(need);
    tally.progress(run.blobs[0]?.need.uses[0]?.work.path);
  }

  async #write(run: Run, bytes: Uint8Array): Promise<void> {
    const hands = new Hands();
    try {
      const blobs: BlobWork[] = run.blobs.map(({ need, offset, length }) => {
        const { key, plainLength } = need;
        return { at: offset - run.offset, length, key, plainLength, uses: this.#usesOf(need, hands) };
      });
      const job: WriteJob = { type: 'write', bytes, blobs, files: hands.files };
      const result = await this.#options.pool.run<'write'>(job);
      this.#report(result, hands);
      await this.#lost(result.lost, run);
      this.#written(run, result.lost);
    } finally {
      hands.release();
    }
  }

  /** Uses of files that can be made; others are named. */
  #usesOf(need: BlobNeed, hands: Hands): Use[] {
    return need.uses.flatMap(({ work, segments }) => {
      if (work.state !== 'open') return [];
      try {
        return [{ file: hands.take(work), segments }];
      } catch (error) {
        this.#failFile(work, error);
        return [];
      }
    });
  }

  #report(result: ResultOf<'write'>, hands: Hands): void {
    const { tally } = this.#options;
    for (const note of result.notes) tally.note(note);
    for (const { file, ...problem } of result.problems) {
      tally.problem({ ...problem, path: hands.work(file)?.path ?? problem.path });
    }
    for (const { file, code, message, hint } of result.errors) {
      const work = hands.work(file);
      if (work !== undefined) this.#failFile(work, new NeoError(code, message, hint === undefined ? {} : { hint }));
    }
  }

  async #lost(lost: readonly BlobError[], run: Run): Promise<void> {
    for (const { blob } of lost) {
      const need = run.blobs[blob]?.need;
      if (need !== undefined) await this.#secondAttempt(need);
    }
  }

  /** By every copy that the index knows. */
  async #secondAttempt(need: BlobNeed): Promise<void> {
    const { load, core } = this.#options;
    const hands = new Hands();
    try {
      const plain = await load('data', need.key);
      if (plain.length !== need.plainLength) throw hostile('a data blob has another length than its list says');
      this.#report(core.writePlain(plain, this.#usesOf(need, hands), hands.files) as ResultOf<'write'>, hands);
      this.#options.tally.bytesRead += plain.length;
      for (const { work, segments } of need.uses) this.#count(work, segments);
    } catch (error) {
      if (!isNeoError(error, 'failed')) throw error;
      this.#lose(need, messageOf(error));
    } finally {
      hands.release();
    }
  }

  #lose(need: BlobNeed, message: string): void {
    for (const { work } of need.uses) {
      if (work.state !== 'open') continue;
      work.abandon();
      this.#options.tally.lose(work.path, `${message}; the file is left out`, 'integrity');
    }
  }

  #failFile(work: FileWork, error: unknown): void {
    if (work.state !== 'open') return;
    work.abandon();
    this.#options.tally.fail(work.path, error);
  }

  #written(run: Run, lost: readonly BlobError[]): void {
    const again = new Set(lost.map(({ blob }) => blob));
    for (const [blob, { need }] of run.blobs.entries()) {
      if (again.has(blob)) continue;
      for (const { work, segments } of need.uses) this.#count(work, segments);
    }
  }

  #count(work: FileWork, segments: readonly number[]): void {
    work.pending -= 1;
    if (work.state !== 'open') return;
    for (let i = 1; i < segments.length; i += 3) this.#options.tally.bytesRestored += segments[i] ?? 0;
  }

  #settleUses(need: BlobNeed): void {
    for (const { work } of need.uses) this.settle(work);
  }

  /** Completes a file all of whose pieces are written. @throws NeoError when that ends the restore */
  settle(work: FileWork): void {
    if (work.state !== 'open' || !work.planned || work.pending > 0) return;
    const { tally, onDone } = this.#options;
    try {
      work.complete();
    } catch (error) {
      work.abandon();
      tally.fail(work.path, error);
      return;
    }
    tally.filesRestored += 1;
    onDone(work);
  }
}
