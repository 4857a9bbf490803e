/**
 * What a worker does, all of it synchronous: reads files, cuts, seals, fills packs. Runs in a thread (`thread.ts`) or
 * within the main thread (the simulator, trees, standard input).
 */
import type { Chunker } from '../../chunker/chunker.ts';
import { messageOf, NeoError, systemCode } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Random } from '../../core/random.ts';
import type { SharedBytes } from '../../core/shared-buffers.ts';
import type { StageClock } from '../../core/stages.ts';
import type { Engine } from '../../engine/engine.ts';
import { readFileFlags } from '../../fs/flags.ts';
import { pathOfLatin1 } from '../../fs/path.ts';
import { openSource, type SourceFile } from '../../fs/source-file.ts';
import { readXattrsOf } from '../../fs/xattr.ts';
import type { BlobKind, FinishedPack } from '../../repo/blob-entry.ts';
import { BlobIndex } from '../../repo/blob-index.ts';
import { BlobWriter } from '../../repo/blob-writer.ts';
import { storeBytes } from '../../snapshot/content.ts';
import { hasAcl, packExtents, packXattrs } from '../../snapshot/metadata.ts';
import type { Content, Extent, Xattr } from '../../snapshot/node.ts';
import { ContentSink, type StreamContent } from './content-sink.ts';
import { cutterFor } from './cutter.ts';
import { extentsOf, whatWasRead } from './extents-read.ts';
import { type FileRequests, isAsSeen, pathsOf, requestOf } from './file-requests.ts';
import {
  type FileFacts,
  type FileFailure,
  type FileRequest,
  isFailure,
  isPlain,
  type Job,
  type JobResult,
  type ListPart,
  type MetadataBlob,
  type StoredFile,
  type WorkerSetup,
} from './jobs.ts';
import { PlainFiles } from './plain-file.ts';
import { helpSealing, SealQueue } from './seal-queue.ts';

export interface WorkerHooks {
  readonly engine: Engine;
  readonly random: Random;
  /** Takes a finished pack; a thread waits here until there is room. */
  readonly onPack: (pack: FinishedPack) => void;
  /** True once the run was interrupted: long files are given up. */
  readonly stopped: () => boolean;
  /** Told as a long file is read. */
  readonly onRead: (bytes: number) => void;
  /** Set when what each stage takes is measured; the engine measures its own. */
  readonly clock?: StageClock;
}

/** A file is larger than whoever gave the job lets be read. Nothing of it was read. */
export class LargerThanAllowed extends Error {}

/** A file that changes while it is read is read again, so often. */
const ATTEMPTS = 3;
const HASH_LENGTH = 32;

export class WorkerCore {
  readonly #setup: WorkerSetup;
  readonly #hooks: WorkerHooks;
  readonly #chunker: Chunker;
  readonly #index: BlobIndex;
  readonly #writer: BlobWriter;
  readonly #plain = new PlainFiles();
  #added = 0;
  #stored = 0;
  #lists: ListPart[] = [];
  #largest = Number.POSITIVE_INFINITY;

  constructor(setup: WorkerSetup, hooks: WorkerHooks, openPacks = 2) {
    this.#setup = setup;
    this.#hooks = hooks;
    const { engine } = hooks;
    const chunker = cutterFor(engine, setup.chunkerKey, setup.chunker);
    this.#chunker = hooks.clock === undefined ? chunker : profiledChunker(chunker, hooks.clock);
    this.#index = new BlobIndex(setup.index);
    this.#writer = new BlobWriter({
      context: {
        engine,
        random: hooks.random,
        repository: setup.repository,
        issuers: new Map(),
        indexKey: setup.indexKey,
        session: setup.session,
        signer: setup.signer,
      },
      content: setup.content,
      index: this.#index,
      suite: setup.suite,
      packTarget: setup.packTarget,
      openPacks,
      onPack: hooks.onPack,
    });
  }

  get writer(): BlobWriter {
    return this.#writer;
  }

  /**
   * @param tables the index as the owner has grown it since
   * @param largest bytes of a file that is read: it may have grown since it was seen
   * @throws LargerThanAllowed then the job can be given to another
   */
  run(job: Job, tables: readonly SharedArrayBuffer[], largest = Number.POSITIVE_INFINITY): JobResult {
    this.#index.update(tables);
    this.#largest = largest;
    switch (job.type) {
      case 'small':
        return this.#small(job.files, job.into);
      case 'large':
        return this.#largeJob(job.file, job.queue);
      case 'help':
        helpSealing(job.queue, (bytes) => this.save('data', bytes), this.#hooks.stopped);
        return { type: 'help', ...this.takeGrowth() };
      case 'bundles':
        return { type: 'bundles', keys: job.bundles.map((bytes) => this.save('data', bytes)), ...this.takeGrowth() };
      case 'metadata':
        return this.#metadata(job.bytes, job.blobs);
      case 'flush':
        return { type: 'flush', rests: this.#writer.takeRests(), budget: this.#hooks.clock?.budget() };
    }
  }

  #largeJob(request: FileRequest, memory: SharedArrayBuffer | undefined): JobResult {
    this.#lists = [];
    const queue = memory === undefined ? undefined : new SealQueue(memory);
    let read = 0;
    const onRead = (bytes: number): void => {
      read += bytes;
      this.#hooks.onRead(bytes);
    };
    try {
      const file = this.#attempt(request, (source) => this.#large(source, onRead, queue));
      return { type: 'large', file, lists: this.#lists, read, ...this.takeGrowth() };
    } finally {
      queue?.close();
    }
  }

  takeGrowth(): { added: number; stored: number } {
    const growth = { added: this.#added, stored: this.#stored };
    this.#added = 0;
    this.#stored = 0;
    return growth;
  }

  save(kind: BlobKind, plaintext: Uint8Array): ContentKey {
    const { key, stored } = this.#writer.save(kind, plaintext, this.#setup.level);
    if (stored > 0) this.#added += plaintext.length;
    this.#stored += stored;
    if (kind === 'list' && this.#setup.returnLists) this.#lists.push({ key, json: plaintext });
    return key;
  }

  #metadata(bytes: SharedBytes, blobs: readonly MetadataBlob[]): JobResult {
    let at = 0;
    for (const { kind, length } of blobs) {
      this.save(kind, bytes.subarray(at, at + length));
      at += length;
    }
    return { type: 'metadata', ...this.takeGrowth() };
  }

  #small(requests: FileRequests, into: SharedBytes): JobResult {
    this.#lists = [];
    const lengths = new Uint32Array(requests.count);
    const hashes = new Uint8Array(requests.count * HASH_LENGTH);
    const particular = new Map<number, StoredFile | FileFailure>();
    let used = 0;
    for (const [i, path] of pathsOf(requests).entries()) {
      const room = into.subarray(used);
      let hash: Uint8Array | undefined;
      const length = this.#readPlain(requests, i, path, room);
      if (length !== undefined) {
        lengths[i] = length;
        hash = this.#hash(room.subarray(0, length));
      } else {
        const result = this.#readClosely(requestOf(requests, i, path), room, lengths, i);
        const plain = !isFailure(result) && result.content === undefined && isPlain(result);
        if (plain && isAsSeen(requests, i, result.stat)) hash = result.hash;
        else particular.set(i, result);
      }
      if (hash !== undefined) hashes.set(hash, i * HASH_LENGTH);
      used += lengths[i] ?? 0;
    }
    return { type: 'small', lengths, hashes, particular, lists: this.#lists, ...this.takeGrowth() };
  }

  #readClosely(request: FileRequest, room: Uint8Array, lengths: Uint32Array, i: number): StoredFile | FileFailure {
    const { threshold } = this.#setup.bundle;
    return this.#attempt<StoredFile>(request, (file) => {
      lengths[i] = 0;
      // What has grown since the walk may not fit: then it gets chunks of its own.
      if (file.stat.size >= threshold || file.stat.size > room.length) return this.#large(file);
      return this.#smallFile(file, room, lengths, i);
    });
  }

  /** Opens, reads by `read`, and makes sure that the facts belong to the bytes. */
  #attempt<T extends FileFacts>(request: FileRequest, read: (file: SourceFile) => T): T | FileFailure {
    try {
      return this.#readUntilSteady(request, read);
    } catch (error) {
      if (error instanceof NeoError && error.code !== 'interrupted') throw error;
      const code = error instanceof NeoError ? 'stopped' : systemCode(error);
      if (code === undefined) throw error;
      return { code, message: messageOf(error) };
    }
  }

  #readUntilSteady<T extends FileFacts>(request: FileRequest, read: (file: SourceFile) => T): T | FileFailure {
    for (let attempt = 1; ; attempt++) {
      const { path, inode, device } = request;
      const file = openSource(pathOfLatin1(path), { type: 'file', inode, device });
      if (file === 'changed') return { code: 'CHANGED', message: 'something else has taken its place' };
      using open = file;
      const result = read(open);
      if (open.finish().change !== 'content') return result;
      if (attempt === ATTEMPTS) return { ...result, unstable: true };
    }
  }

  /** `length`: bytes of the extents that were there to be read. */
  #facts(file: SourceFile, planned: readonly Extent[], length: number, hash: Uint8Array | undefined): FileFacts {
    const { size, extents, cut } = whatWasRead(file.stat.size, planned, length);
    const { attributes, problems } = readXattrsOf(file.fd);
    const flags = readFileFlags(file.fd);
    const said = problems.map(({ code }) => `extended attributes: ${code}`);
    if (typeof flags === 'string' && flags !== 'UNAVAILABLE') said.push(`file flags: ${flags}`);
    return {
      stat: size === file.stat.size ? file.stat : { ...file.stat, size },
      ...this.packXattrs(attributes),
      ...packExtents(extents, size, (bytes) => this.#storeBytes(bytes)),
      flags: typeof flags === 'number' ? flags : 0,
      acl: hasAcl({ xattrs: attributes }),
      ...(hash === undefined ? {} : { hash }),
      unstable: cut,
      problems: said,
    };
  }

  packXattrs(xattrs: readonly Xattr[]): { xattrs?: readonly Xattr[]; xattrContent?: Content } {
    return packXattrs(xattrs, (bytes) => this.#storeBytes(bytes));
  }

  #storeBytes(bytes: Uint8Array): Content | undefined {
    return storeBytes((kind, part) => this.save(kind, part), bytes, this.#setup.chunker.max);
  }

  /** Reads it to the front of `into`; its length goes to `lengths[i]`. */
  #smallFile(file: SourceFile, into: Uint8Array, lengths: Uint32Array, i: number): FileFacts {
    const extents = extentsOf(file);
    let length = 0;
    for (const extent of extents) {
      const got = this.#read(file, into.subarray(length, length + extent.length), extent.offset);
      length += got;
      if (got < extent.length) break;
    }
    lengths[i] = length;
    return this.#facts(file, extents, length, this.#hash(into.subarray(0, length)));
  }

  /** Nothing for an empty file. */
  #hash(content: Uint8Array): Uint8Array | undefined {
    if (content.length === 0) return undefined;
    return this.#hooks.engine.blake3(content, this.#setup.content.file);
  }

  #readPlain(requests: FileRequests, i: number, path: string, room: Uint8Array): number | undefined {
    const { clock } = this.#hooks;
    if (clock === undefined) return this.#plain.read(requests, i, path, room);
    const started = clock.now;
    const length = this.#plain.read(requests, i, path, room);
    clock.add('read', clock.now - started, length ?? 0);
    return length;
  }

  #large(file: SourceFile, onRead: (bytes: number) => void = () => undefined, queue?: SealQueue): StoredFile {
    if (file.stat.size > this.#largest) throw new LargerThanAllowed();
    const extents = extentsOf(file);
    const sink = this.#sink(queue);
    const { buffer } = this.#chunker;
    let filled = 0;
    reading: for (const extent of extents) {
      for (let at = 0; at < extent.length; ) {
        if (this.#hooks.stopped()) throw new NeoError('interrupted', 'interrupted');
        const room = Math.min(extent.length - at, buffer.length - filled);
        const got = this.#read(file, buffer.subarray(filled, filled + room), extent.offset + at);
        if (got === 0) break reading;
        at += got;
        onRead(got);
        filled = this.#fill(sink, filled + got);
      }
    }
    this.#cut(sink, filled, true);
    const { content, hash, length } = sink.finish();
    return { ...this.#facts(file, extents, length, hash), ...(content === undefined ? {} : { content }) };
  }

  #read(file: SourceFile, into: Uint8Array, position: number): number {
    const { clock } = this.#hooks;
    if (clock === undefined) return file.read(into, position);
    return clock.time('read', into.length, () => file.read(into, position));
  }

  #sink(queue?: SealQueue): ContentSink {
    const { engine, stopped } = this.#hooks;
    return new ContentSink({
      save: (kind, bytes) => this.save(kind, bytes),
      hasher: engine.blake3Hasher(this.#setup.content.file),
      queue,
      stopped,
    });
  }

  /** Cuts only once the buffer is full: asking earlier would scan the same bytes again and again. */
  #fill(sink: ContentSink, filled: number): number {
    return filled === this.#chunker.buffer.length ? this.#cut(sink, filled, false) : filled;
  }

  /** Stores the chunks in `buffer[0, filled)` and moves the rest to the front; the rest's length. */
  #cut(sink: ContentSink, filled: number, final: boolean): number {
    const { buffer } = this.#chunker;
    let from = 0;
    while (from < filled) {
      const length = this.#chunker.cut(from, filled, final);
      if (length === 0) break;
      sink.add(buffer.subarray(from, from + length));
      from += length;
    }
    buffer.copyWithin(0, from, filled);
    return filled - from;
  }

  /** Chunks bytes that arrive in pieces (standard input). */
  async chunkStream(
    source: AsyncIterable<Uint8Array>,
    onBytes: (count: number) => Promise<void>,
  ): Promise<StreamContent> {
    const sink = this.#sink();
    const { buffer } = this.#chunker;
    let filled = 0;
    for await (const piece of source) {
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + buffer.length - filled);
        buffer.set(part, filled);
        at += part.length;
        filled = this.#fill(sink, filled + part.length);
      }
      await onBytes(piece.length);
    }
    this.#cut(sink, filled, true);
    return sink.finish();
  }
}

/** Its cut is one stage of the budget. */
function profiledChunker(chunker: Chunker, clock: StageClock): Chunker {
  return {
    parameters: chunker.parameters,
    buffer: chunker.buffer,
    cut: (from, to, final) => {
      const started = clock.now;
      const length = chunker.cut(from, to, final);
      clock.add('chunk', clock.now - started, length);
      return length;
    },
  };
}
