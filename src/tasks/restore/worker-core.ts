/**
 * What a worker does, all of it synchronous: opens blobs, verifies and writes them, compares local files. Runs in a
 * thread (`thread.ts`) or within the main thread (the simulator, second attempts).
 */
import fs from 'node:fs';
import type { Chunker } from '../../chunker/chunker.ts';
import { discard, equalBytes, toHex } from '../../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import { contentKey } from '../../core/ids.ts';
import { isCrafted, openBlob } from '../../engine/aead.ts';
import type { Engine } from '../../engine/engine.ts';
import { contentKeyOf } from '../../engine/keys.ts';
import { writeAt } from '../../fs/writer-file.ts';
import { FreshFiles } from '../../fs/writer-fresh.ts';
import { contentEpochOf } from '../../repo/content-epoch.ts';
import { allSecrets } from '../../repo/keyring.ts';
import { ContentCutter, cutterFor } from '../backup/cutter.ts';
import type {
  BlobError,
  BlobWork,
  FileError,
  FileProblem,
  Job,
  JobResult,
  LocalPiece,
  Range,
  Segments,
  Use,
  WholeFile,
  WorkerSetup,
  WorkFile,
} from './jobs.ts';

const DATA = 1;
/** Zeros are looked for in blocks of a file system's usual size. */
const BLOCK = 4096;
const READ_BYTES = 1 << 20;

/** What came of one job besides its bytes. */
class Report {
  readonly lost: BlobError[] = [];
  readonly errors: FileError[] = [];
  readonly problems: FileProblem[] = [];
  readonly notes: string[] = [];
  /** In hand. */
  file = 0;
  readonly #directories = new Map<number, FreshFiles>();

  /** Descriptors stay what they are as long as the job lasts. */
  directory(fd: number, { owners, securityAttributes, sync, replace }: WorkerSetup): FreshFiles {
    const known = this.#directories.get(fd);
    if (known !== undefined) return known;
    const directory = new FreshFiles(fd, {
      owners,
      securityAttributes,
      sync: sync === 'file',
      replace,
      onProblem: (problem) => this.problems.push({ ...problem, file: this.file }),
      onNote: (note) => this.notes.push(note),
    });
    this.#directories.set(fd, directory);
    return directory;
  }

  fail(file: number, error: unknown): void {
    if (!isNeoError(error)) throw error;
    const { code, message, hint } = error;
    this.errors.push({ file, code, message, ...(hint === undefined ? {} : { hint }) });
  }
}

export class WorkerCore {
  readonly #setup: WorkerSetup;
  readonly #engine: Engine;
  readonly #isOver: () => boolean;
  readonly #zeros = new Uint8Array(BLOCK);
  #chunker: Chunker | undefined;

  /** `isOver`: long jobs are given up. */
  constructor(setup: WorkerSetup, engine: Engine, isOver = () => false) {
    this.#setup = setup;
    this.#engine = engine;
    this.#isOver = isOver;
  }

  run(job: Job): JobResult {
    switch (job.type) {
      case 'write':
        return this.#writeBlobs(job.bytes, job.blobs, job.files);
      case 'match':
        return { type: 'match', equal: job.pieces.map((piece) => this.#match(job.from, job.to, piece)) };
      case 'cut':
        return { type: 'cut', ...this.#cut(job.fd, job.offset, job.length) };
      case 'hash':
        return { type: 'hash', hash: this.#hash(job.fd, job.ranges) };
    }
  }

  #writeBlobs(bytes: Uint8Array, blobs: readonly BlobWork[], files: readonly WorkFile[]): JobResult {
    const report = new Report();
    for (const [blob, work] of blobs.entries()) {
      const plain = this.#open(work, bytes.subarray(work.at, work.at + work.length), blob, report);
      if (plain === undefined) continue;
      this.#writeUses(plain, work.uses, files, report);
      discard(plain);
    }
    const { lost, errors, problems, notes } = report;
    return { type: 'write', lost, errors, problems, notes };
  }

  #open(work: BlobWork, sealed: Uint8Array, blob: number, report: Report): Uint8Array | undefined {
    const key = contentKey(work.key);
    try {
      const plain = openBlob(this.#engine, DATA, key, sealed);
      this.#verify(plain, work);
      return plain;
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      report.lost.push({ blob, crafted: isCrafted(error), message: messageOf(error) });
      return undefined;
    }
  }

  #verify(plain: Uint8Array, work: BlobWork): void {
    if (plain.length !== work.plainLength)
      throw new NeoError('integrity', 'a data blob has another length than its list says');
    if (this.#setup.content !== undefined && !this.#isKeyOf(work.key, plain)) {
      throw new NeoError('integrity', 'a data blob is not what its key says');
    }
  }

  #isKeyOf(key: Uint8Array, plain: Uint8Array): boolean {
    const { content } = this.#setup;
    return content !== undefined && contentEpochOf(this.#engine, content, 'data', plain, contentKey(key)) !== undefined;
  }

  /** Bytes that were opened and verified elsewhere. */
  writePlain(plain: Uint8Array, uses: readonly Use[], files: readonly WorkFile[]): JobResult {
    const report = new Report();
    this.#writeUses(plain, uses, files, report);
    const { lost, errors, problems, notes } = report;
    return { type: 'write', lost, errors, problems, notes };
  }

  #writeUses(plain: Uint8Array, uses: readonly Use[], files: readonly WorkFile[], report: Report): void {
    for (const { file, segments } of uses) {
      const work = files[file];
      try {
        if (work?.type === 'open') this.#writeSegments(plain, segments, work);
        else if (work !== undefined) this.#makeWhole(plain, segments, work, file, report);
      } catch (error) {
        report.fail(file, error);
      }
    }
  }

  #makeWhole(plain: Uint8Array, segments: Segments, work: WholeFile, file: number, report: Report): void {
    report.file = file;
    report
      .directory(work.directory, this.#setup)
      .make(work, (fd) => this.#writeSegments(plain, segments, { fd, path: work.name }));
  }

  #writeSegments(
    plain: Uint8Array,
    segments: Segments,
    file: { readonly fd: number; readonly path: Uint8Array },
  ): void {
    for (let i = 0; i + 2 < segments.length; i += 3) {
      const from = segments[i] ?? 0;
      const length = segments[i + 1] ?? 0;
      const offset = segments[i + 2] ?? 0;
      const bytes = plain.subarray(from, from + length);
      if (bytes.length !== length) throw new NeoError('integrity', 'a file reaches beyond its blob');
      if (this.#setup.sparse) this.#writeSparse(bytes, offset, file);
      else writeAt(file.fd, bytes, offset, file.path);
    }
  }

  /** Whole blocks of zeros, as they lie in the file, are not written: the file was all hole before. */
  #writeSparse(bytes: Uint8Array, offset: number, file: { readonly fd: number; readonly path: Uint8Array }): void {
    const isHole = (start: number, end: number): boolean =>
      end - start === BLOCK && equalBytes(bytes.subarray(start, end), this.#zeros);
    let data = 0;
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK));
      if (isHole(at, end)) {
        if (at > data) writeAt(file.fd, bytes.subarray(data, at), offset + data, file.path);
        data = end;
      }
      at = end;
    }
    if (data < bytes.length) writeAt(file.fd, bytes.subarray(data), offset + data, file.path);
  }

  #match(from: number, to: number | undefined, piece: LocalPiece): boolean {
    if (this.#setup.content === undefined) return false;
    const bytes = new Uint8Array(piece.length);
    const source = piece.source === undefined ? piece.segments : [0, piece.length, piece.source];
    for (let i = 0; i + 2 < source.length; i += 3) {
      const [at = 0, length = 0, offset = 0] = source.slice(i, i + 3);
      if (readAt(from, bytes.subarray(at, at + length), offset) !== length) return false;
    }
    if (!this.#isKeyOf(piece.key, bytes)) return false;
    if (to !== undefined) this.#writeSegments(bytes, piece.segments, { fd: to, path: new Uint8Array() });
    return true;
  }

  #cut(fd: number, offset: number, length: number): { readonly keys: string[]; readonly lengths: number[] } {
    const { content, cutting } = this.#setup;
    const lengths: number[] = [];
    if (content === undefined || cutting === undefined) return { keys: [], lengths };
    this.#chunker ??= cutterFor(this.#engine, cutting.key, cutting.parameters);
    const epochs = allSecrets(content).map((secrets) => ({ secret: secrets.data, keys: [] as string[] }));
    const add = (chunk: Uint8Array): void => {
      lengths.push(chunk.length);
      for (const { secret, keys } of epochs) keys.push(toHex(contentKeyOf(this.#engine, secret, chunk)));
    };
    const cutter = new ContentCutter(this.#chunker, { add, finish: () => undefined });
    for (let done = 0; done < length; ) {
      const part = cutter.room.subarray(0, length - done);
      const got = readAt(fd, part, offset + done);
      cutter.added(got);
      done += got;
      if (got < part.length) break;
    }
    cutter.finish();
    return { keys: epochs.flatMap(({ keys }) => keys), lengths };
  }

  #hash(fd: number, ranges: readonly Range[]): Uint8Array {
    const hasher = this.#engine.blake3Hasher(this.#setup.file);
    const buffer = new Uint8Array(READ_BYTES);
    for (const { offset, length } of ranges) {
      for (let done = 0; done < length; ) {
        if (this.#isOver()) throw new NeoError('interrupted', 'the run is over');
        const part = buffer.subarray(0, Math.min(READ_BYTES, length - done));
        const got = readAt(fd, part, offset + done);
        hasher.update(part.subarray(0, got));
        if (got < part.length) return hasher.digest();
        done += got;
      }
    }
    return hasher.digest();
  }
}

/** The bytes read: fewer only at the end of the file, or when it cannot be read. */
function readAt(fd: number, into: Uint8Array, offset: number): number {
  let done = 0;
  try {
    while (done < into.length) {
      const got = fs.readSync(fd, into, done, into.length - done, offset + done);
      if (got === 0) break;
      done += got;
    }
  } catch {
    // As good as other bytes: they come from the repository.
  }
  return done;
}
