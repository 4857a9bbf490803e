/** Where the bytes of an archive's files go: small ones into bundles as a snapshot would have made them, others in chunks. */
import type { Chunker } from '../../chunker/chunker.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { storeBytes } from '../../snapshot/content.ts';
import { hasAcl, packExtents, packXattrs } from '../../snapshot/metadata.ts';
import type { Extent, Node, Xattr } from '../../snapshot/node.ts';
import { ContentSink } from '../backup/content-sink.ts';
import { ContentCutter, cutterFor } from '../backup/cutter.ts';
import { type BundleEnd, BundleSequencer } from '../backup/sequencer.ts';
import type { ArchiveFile } from './archive-tree.ts';

export interface ImportStore {
  readonly save: (kind: BlobKind, plaintext: Uint8Array) => ContentKey;
  /** Resolves when no more than a few packs wait for their upload. @throws what an upload failed with */
  readonly room: () => Promise<void>;
}

export class ArchiveContents {
  readonly #repository: IndexedRepository;
  readonly #store: ImportStore;
  readonly #chunker: Chunker;
  readonly #sequencer: BundleSequencer;
  readonly #small: Uint8Array;

  constructor(repository: IndexedRepository, store: ImportStore) {
    const { engine, keys, config } = repository;
    this.#repository = repository;
    this.#store = store;
    this.#chunker = cutterFor(engine, keys.chunker, config.chunker);
    this.#small = new Uint8Array(config.bundle.threshold);
    this.#sequencer = new BundleSequencer(config.bundle, async (bundles) =>
      bundles.map((bytes) => store.save('data', bytes)),
    );
  }

  /** Its content is in its facts by {@link finish}. `bytes`: those outside its holes. */
  async store(file: ArchiveFile, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const { facts } = file;
    if (facts.size < this.#small.length) await this.#bundle(file, bytes);
    else Object.assign(facts, await this.#cut(bytes));
    await this.#store.room();
  }

  async #bundle(file: ArchiveFile, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let length = 0;
    for await (const piece of pieces) {
      if (length + piece.length > this.#small.length) throw new NeoError('failed', 'a small file has grown');
      this.#small.set(piece, length);
      length += piece.length;
    }
    if (length === 0) return;
    const { engine, keys } = this.#repository;
    const { facts } = file;
    const bytes = this.#small.subarray(0, length);
    facts.contentHash = engine.blake3(bytes, keys.content.file);
    this.#sequencer.add({
      className: classOf(facts),
      hash: facts.contentHash,
      bytes,
      place: (content) => file.place(content),
    });
  }

  async #cut(pieces: AsyncIterable<Uint8Array>): Promise<Pick<Node, 'content' | 'contentHash'>> {
    const { engine, keys } = this.#repository;
    const sink = new ContentSink({
      save: (kind, bytes) => this.#store.save(kind, bytes),
      hasher: engine.blake3Hasher(keys.content.file),
      queue: undefined,
      stopped: () => false,
    });
    const cutter = new ContentCutter(this.#chunker, sink);
    for await (const piece of pieces) await cutter.push(piece, () => this.#store.room());
    const { content, hash } = cutter.finish();
    return content === undefined || hash === undefined ? {} : { content, contentHash: hash };
  }

  attributes(xattrs: readonly Xattr[]): Pick<Node, 'xattrs' | 'xattrContent'> {
    return packXattrs(xattrs, (bytes) => this.#storeBytes(bytes));
  }

  extents(extents: readonly Extent[] | undefined, size: number): Pick<Node, 'extents' | 'extentContent'> {
    return extents === undefined ? {} : packExtents(extents, size, (bytes) => this.#storeBytes(bytes));
  }

  #storeBytes(bytes: Uint8Array): Node['content'] {
    const { max } = this.#repository.config.chunker;
    return storeBytes((kind, part) => this.#store.save(kind, part), bytes, max);
  }

  end(reached: BundleEnd): void {
    this.#sequencer.end(reached);
  }

  /** All files have their contents. */
  async finish(): Promise<void> {
    await this.#sequencer.finish();
  }
}

/** Only files that the same people may read share a bundle (docs/format.md, section 6). */
function classOf(facts: Omit<Node, 'name'>): string {
  const { uid, gid, mode } = facts;
  return `${uid}:${gid}:${mode & 0o044}:${hasAcl(facts)}`;
}
