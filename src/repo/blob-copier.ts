/** Blobs from packs that will go into new ones. Each is decrypted and recomputed: damage is not carried on. */
import { isNeoError } from '../core/errors.ts';
import type { BlobId, ContentKey } from '../core/ids.ts';
import { sealBlob } from '../engine/aead.ts';
import { encodePayload } from '../engine/codec.ts';
import { BLOB_KINDS, type BlobKind } from './blob-entry.ts';
import type { BlobPlace } from './blob-index.ts';
import { openWithEpoch } from './blob-reader.ts';
import type { BlobWriter } from './blob-writer.ts';
import type { IndexedRepository } from './indexed.ts';
import { packPath } from './pack/pack.ts';
import { runWriter } from './run-writer.ts';
import type { SessionWriter } from './session-writer.ts';

export interface NeededBlob {
  readonly id: BlobId;
  readonly kind: BlobKind;
  readonly key: ContentKey;
}

export class BlobCopier {
  /** Of the new packs. Their places are in the repository's index once they are stored. */
  readonly session: SessionWriter;
  readonly #repository: IndexedRepository;
  readonly #writer: BlobWriter;

  /** With `dryRun` nothing is stored. */
  constructor(repository: IndexedRepository, dryRun = false) {
    this.#repository = repository;
    const { session, writer } = runWriter(repository, dryRun);
    this.session = session;
    this.#writer = writer;
  }

  /** False when the bytes are not what the key says. @throws what an upload failed with */
  async add({ id, kind, key }: NeededBlob, sealed: Uint8Array): Promise<boolean> {
    const { engine } = this.#repository;
    let contentEpoch: number;
    try {
      contentEpoch = openWithEpoch(this.#repository, kind, key, sealed).epoch;
    } catch (error) {
      if (isNeoError(error, 'integrity')) return false;
      throw error;
    }
    await this.session.room();
    this.#writer.append(kind !== 'data', { id, kind, contentEpoch, hash: engine.blake3(sealed) }, sealed);
    return true;
  }

  /** The same of bytes that lie open. @throws as {@link add} */
  async addPlain(blob: NeededBlob, plaintext: Uint8Array): Promise<boolean> {
    const { engine, config, random } = this.#repository;
    const level = Math.min(config.compression, engine.maxCompressionLevel);
    const { codec, payload } = encodePayload(engine, plaintext, level);
    const kind = BLOB_KINDS[blob.kind];
    const sealed = sealBlob(engine, config.blobSuite, kind, blob.key, payload, codec, plaintext.length, random);
    return this.add(blob, sealed);
  }

  /** From the first place that has it whole; false when none has. @throws NeoError unreachable, and as {@link add} */
  async copyFrom(blob: NeededBlob, places: readonly BlobPlace[]): Promise<boolean> {
    for (const place of places) {
      const sealed = await fetchSealed(this.#repository, place);
      if (sealed !== undefined && (await this.add(blob, sealed))) return true;
    }
    return false;
  }

  /** All that was added is durable, and segments tell where it is. @throws what an upload failed with */
  async finish(): Promise<void> {
    this.#writer.finish();
    await this.session.finish();
  }

  /** However it ended: what is being stored is waited for. */
  async close(): Promise<void> {
    await this.session.close();
  }
}

/** The bytes at a place, as they are; undefined when they are not there. @throws NeoError unreachable */
export async function fetchSealed(
  { backend, packs }: Pick<IndexedRepository, 'backend' | 'packs'>,
  place: BlobPlace,
): Promise<Uint8Array | undefined> {
  const pack = packs[place.pack];
  if (pack === undefined) return undefined;
  try {
    return await backend.getRange(packPath(pack.name), place);
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}
