/** New trees and bundles into the repository, and what was there before out of it. */
import type { ContentKey } from '../../core/ids.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { BlobWriter } from '../../repo/blob-writer.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { runWriter } from '../../repo/run-writer.ts';
import type { SessionWriter } from '../../repo/session-writer.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';

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
    const { session, writer } = runWriter(repository, dryRun);
    this.session = session;
    this.#writer = writer;
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

  /** Resolves when no more than a few packs wait for their upload. @throws what an upload failed with */
  async room(): Promise<void> {
    await this.session.room();
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
