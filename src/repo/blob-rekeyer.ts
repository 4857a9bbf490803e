/** Blobs under the content secrets in force in place of earlier ones: sealed anew, and not compressed anew. */
import { isNeoError } from '../core/errors.ts';
import type { ContentKey } from '../core/ids.ts';
import { BlobRoom, openBlobWithPayload } from '../engine/aead.ts';
import { contentKeyOf } from '../engine/keys.ts';
import type { NeededBlob } from './blob-copier.ts';
import { BLOB_KINDS, type BlobKind } from './blob-entry.ts';
import type { BlobWriter } from './blob-writer.ts';
import { contentEpochOf } from './content-epoch.ts';
import type { IndexedRepository } from './indexed.ts';
import { runWriter } from './run-writer.ts';
import type { SessionWriter } from './session-writer.ts';

export class BlobRekeyer {
  /** Of the new packs. Their places are in the repository's index once they are stored. */
  readonly session: SessionWriter;
  readonly #repository: IndexedRepository;
  readonly #writer: BlobWriter;
  readonly #room = new BlobRoom();

  /** With `dryRun` nothing is stored. */
  constructor(repository: IndexedRepository, dryRun: boolean) {
    this.#repository = repository;
    const { session, writer } = runWriter(repository, dryRun);
    this.session = session;
    this.#writer = writer;
  }

  /**
   * The key of the same bytes with the secrets in force: its own, if it is of those. Undefined when the bytes are not what
   * the key says. @throws what an upload failed with
   */
  async move({ kind, key }: NeededBlob, sealed: Uint8Array): Promise<ContentKey | undefined> {
    const { engine, keys } = this.#repository;
    await this.session.room();
    const opened = this.#open(kind, key, sealed);
    if (opened === undefined || opened.epoch === keys.content.epoch) return opened && key;
    const { codec, payload, plaintext } = opened;
    const moved = contentKeyOf(engine, keys.content[kind], plaintext);
    this.#writer.saveCompressed(kind, moved, { codec, payload, plainLength: plaintext.length });
    return moved;
  }

  /** What it gives is good until the next one. */
  #open(kind: BlobKind, key: ContentKey, sealed: Uint8Array) {
    const { engine, keys } = this.#repository;
    try {
      const opened = openBlobWithPayload(engine, BLOB_KINDS[kind], key, sealed, this.#room);
      const epoch = contentEpochOf(engine, keys.content, kind, opened.plaintext, key);
      return epoch === undefined ? undefined : { ...opened, epoch };
    } catch (error) {
      if (isNeoError(error, 'integrity')) return undefined;
      throw error;
    }
  }

  /** A tree or a list that refers to what has moved. */
  save(kind: 'tree' | 'list', json: Uint8Array): ContentKey {
    const { config, engine } = this.#repository;
    return this.#writer.save(kind, json, Math.min(config.compression, engine.maxCompressionLevel)).key;
  }

  /** All that was moved and saved is durable, and segments tell where it is. @throws what an upload failed with */
  async finish(): Promise<void> {
    this.#writer.finish();
    await this.session.finish();
  }

  /** However it ended: what is being stored is waited for. */
  async close(): Promise<void> {
    await this.session.close();
  }
}
