/** The files of a folder, read as a snapshot reads them. */
import type { Chunker } from '../../chunker/chunker.ts';
import { displayBytes } from '../../core/bytes.ts';
import { messageOf, NeoError, systemCode } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey } from '../../core/ids.ts';
import { openSource, type SourceFile } from '../../fs/source-file.ts';
import { lstatPath } from '../../fs/stat.ts';
import { type EntryEvent, type WalkEvent, walk } from '../../fs/walk.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { ContentSink, type StreamContent } from '../backup/content-sink.ts';
import { ContentCutter, cutterFor } from '../backup/cutter.ts';
import { extentsOf } from '../backup/extents-read.ts';

export interface FoundFile {
  readonly path: Uint8Array;
  readonly file: SourceFile;
}

/** Before anything is read. @throws NeoError usage */
export function requireFolder(root: Uint8Array | undefined): void {
  if (root === undefined || lstatPath(root) !== undefined) return;
  throw new NeoError('usage', `--from-path: there is nothing at ${displayBytes(root)}`, { hint: 'name a folder' });
}

/** Open while it is yielded. What cannot be read is a warning. */
export function* filesBelow(root: Uint8Array, events: EventSink): Generator<FoundFile> {
  for (const event of walk(root)) {
    const opened = openFound(event, events);
    if (opened === undefined) continue;
    using file = opened;
    yield { path: event.path, file };
  }
}

function openFound(event: WalkEvent, events: EventSink): SourceFile | undefined {
  if (event.kind === 'error') {
    if (!event.vanished) events({ type: 'warning', path: event.path, code: event.code, message: event.message });
    return undefined;
  }
  return event.kind === 'entry' && event.stat.type === 'file' ? openEntry(event, events) : undefined;
}

function openEntry({ path, access, stat }: EntryEvent, events: EventSink): SourceFile | undefined {
  try {
    const file = openSource(access, stat);
    return file === 'changed' ? undefined : file;
  } catch (error) {
    events({ type: 'warning', path, code: systemCode(error) ?? 'failed', message: messageOf(error) });
    return undefined;
  }
}

/** Takes a blob that the content is made of; its key. */
export type TakeBlob = (kind: BlobKind, bytes: Uint8Array) => ContentKey;

export class ContentReader {
  readonly #repository: IndexedRepository;
  readonly #chunker: Chunker;

  constructor(repository: IndexedRepository) {
    this.#repository = repository;
    this.#chunker = cutterFor(repository.engine, repository.keys.chunker, repository.config.chunker);
  }

  /** All of a small one. @throws the system's error */
  whole(file: SourceFile): Uint8Array {
    const extents = extentsOf(file);
    const bytes = new Uint8Array(extents.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { offset, length } of extents) at += file.read(bytes.subarray(at, at + length), offset);
    return bytes.subarray(0, at);
  }

  hash(content: Uint8Array): Uint8Array {
    return this.#repository.engine.blake3(content, this.#repository.keys.content.file);
  }

  /**
   * Cuts it into the chunks, and the parts of their list, that a snapshot makes of it. `breathe` is waited for after
   * every few MB. @throws the system's error, and what `breathe` throws
   */
  async cut(file: SourceFile, take: TakeBlob, breathe: () => Promise<void>): Promise<StreamContent> {
    const { engine, keys } = this.#repository;
    const hasher = engine.blake3Hasher(keys.content.file);
    const sink = new ContentSink({ save: take, hasher, queue: undefined, stopped: () => false });
    const cutter = new ContentCutter(this.#chunker, sink);
    for (const { offset, length } of extentsOf(file)) {
      for (let at = 0; at < length; ) {
        const got = file.read(cutter.room.subarray(0, length - at), offset + at);
        if (got === 0) break;
        at += got;
        if (cutter.added(got)) await breathe();
      }
    }
    const content = cutter.finish();
    await breathe();
    return content;
  }
}
