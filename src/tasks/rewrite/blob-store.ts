/** New trees and bundles into the repository, and what was there before out of it. */
import type { ContentKey } from '../../core/ids.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import { BlobWriter } from '../../repo/blob-writer.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { SessionWriter } from '../../repo/session-writer.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';

const UPLOADS = 4;

/** One run that makes a few blobs. With `dryRun` nothing is stored. */
export class BlobStore {
  readonly session: SessionWriter;
  readonly #repository: IndexedRepository;
  readonly #writer: BlobWriter;
  readonly #reader: BlobReader;
  /** Made by this run and perhaps not stored yet, by key in base64: small. */
  readonly #made = new Map<string, Uint8Array>();

  constructor(repository: IndexedRepository, dryRun: boolean) {
    this.#repository = repository;
    this.session = new SessionWriter(repository, { uploads: UPLOADS, dryRun, onStored: () => undefined });
    this.#writer = new BlobWriter({
      context: { ...repository, indexKey: repository.keys.index, session: this.session.session },
      content: repository.keys.content,
      index: repository.index,
      suite: repository.config.blobSuite,
      packTarget: repository.config.packTarget,
      openPacks: 1,
      onPack: (pack) => this.session.add(pack),
    });
    this.#reader = new BlobReader(repository);
  }

  readonly load: LoadBlob = async (kind, key) => {
    return this.#made.get(Buffer.from(key).toString('base64')) ?? this.#reader.load(kind, key);
  };

  save(kind: BlobKind, plaintext: Uint8Array): ContentKey {
    const { config, engine } = this.#repository;
    const level = Math.min(config.compression, engine.maxCompressionLevel);
    const { key } = this.#writer.save(kind, plaintext, level);
    if (kind !== 'data') this.#made.set(Buffer.from(key).toString('base64'), Uint8Array.from(plaintext));
    return key;
  }

  /** All that was saved is durable, and segments tell where it is. @throws what an upload failed with */
  async finish(): Promise<void> {
    this.#writer.finish();
    await this.session.finish();
    this.#made.clear();
  }

  async close(): Promise<void> {
    await this.session.close();
  }
}
