/** Snapshots that no honest neo makes: trees of any JSON, blobs sealed by hand. */
import { toBase64 } from '../../src/core/bytes.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { canonicalJson, type Json } from '../../src/core/json.ts';
import { type Codec, sealBlob } from '../../src/engine/aead.ts';
import { blobIdOf } from '../../src/engine/keys.ts';
import { BLOB_KINDS, type BlobKind } from '../../src/repo/blob-entry.ts';
import { BlobWriter } from '../../src/repo/blob-writer.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { SessionWriter } from '../../src/repo/session-writer.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';
import { makeRepository, openIndexed } from './restore-support.ts';

type Members = { readonly [member: string]: Json };

export class Craft {
  readonly repository: IndexedRepository;
  readonly #session: SessionWriter;
  readonly #writer: BlobWriter;

  private constructor(repository: IndexedRepository) {
    this.repository = repository;
    this.#session = new SessionWriter(repository, { uploads: 1, dryRun: false, onStored: () => undefined });
    this.#writer = new BlobWriter({
      context: { ...repository, indexKey: repository.keys.index, session: this.#session.session },
      content: repository.keys.content,
      index: repository.index,
      suite: 'aes-256-gcm',
      packTarget: 1 << 20,
      openPacks: 1,
      onPack: (pack) => this.#session.add(pack),
    });
  }

  static async start(): Promise<Craft> {
    return new Craft(await openIndexed(await makeRepository()));
  }

  save(kind: BlobKind, bytes: Uint8Array): ContentKey {
    return this.#writer.save(kind, bytes, 0).key;
  }

  /** A directory of entries as they stand in its JSON. */
  tree(...entries: readonly Json[]): ContentKey {
    return this.save('tree', canonicalJson({ e: entries, l: 0 }));
  }

  entry(name: Json, type: string, more: Members = {}): Json {
    return {
      n: name,
      t: type,
      m: 0o644,
      u: 0,
      g: 0,
      M: '1',
      C: '1',
      i: '1',
      ...(type === 'f' ? { s: 0 } : {}),
      ...more,
    };
  }

  directory(name: Json, ...entries: readonly Json[]): Json {
    return this.entry(name, 'd', { m: 0o755, k: toBase64(this.tree(...entries)) });
  }

  file(name: Json, text: string, more: Members = {}): Json {
    const bytes = Buffer.from(text);
    const { engine, keys } = this.repository;
    const content = { l: [[toBase64(this.save('data', bytes)), bytes.length]] };
    const hash = toBase64(engine.blake3(bytes, keys.content.file));
    return this.entry(name, 'f', { s: bytes.length, c: content, K: hash, ...more });
  }

  /** A blob with a payload of any kind under its key; the key. */
  seal(kind: BlobKind, key: Uint8Array, payload: Uint8Array, codec: Codec, plainLength: number): ContentKey {
    const { engine, random } = this.repository;
    const name = contentKey(key);
    const sealed = sealBlob(engine, 'aes-256-gcm', BLOB_KINDS[kind], name, payload, codec, plainLength, random);
    const entry = { id: blobIdOf(engine, name), kind, contentEpoch: 0, hash: engine.blake3(sealed) };
    this.#writer.append(kind !== 'data', entry, sealed);
    return name;
  }

  /** All of it stored; the snapshot has the path `/top`. */
  async finish(...entries: readonly Json[]): Promise<SnapshotBody> {
    const tree = this.tree(...entries);
    this.#writer.finish();
    await this.#session.finish();
    return {
      time: 0,
      host: 'host',
      user: 'user',
      paths: [Buffer.from('/top')],
      tree,
      devices: [],
      tags: [],
      program: 'craft',
      kind: 'snapshot',
      excludes: [],
      statistics: {
        filesNew: 0,
        filesChanged: 0,
        filesUnmodified: 0,
        directories: 0,
        bytesProcessed: 0,
        bytesAdded: 0,
        bytesStored: 0,
        errors: 0,
        durationMs: 0,
      },
      rebundle: [],
    };
  }
}
