/** Lost blobs out of files that still have the same bytes, wherever they lie in a folder now. */

import { copyOf, toHex } from '../../core/bytes.ts';
import { messageOf, systemCode } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey } from '../../core/ids.ts';
import { blobIdOf, contentKeyOf } from '../../engine/keys.ts';
import type { SourceFile } from '../../fs/source-file.ts';
import type { BlobCopier, NeededBlob } from '../../repo/blob-copier.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { allSecrets, type BlobSecrets } from '../../repo/keyring.ts';
import { ContentReader, type FoundFile, filesBelow } from './found-files.ts';
import type { LostBundles } from './lost-bundles.ts';

export interface FileHealing {
  readonly repository: IndexedRepository;
  readonly root: Uint8Array;
  readonly lost: readonly NeededBlob[];
  readonly bundles: LostBundles;
  readonly copier: BlobCopier;
  readonly onHealed: (blob: NeededBlob) => void;
  readonly events: EventSink;
  readonly throwIfStopped: () => void;
}

/** @throws NeoError no-space, unreachable, interrupted; a file that cannot be read is a warning */
export async function healFromFiles(healing: FileHealing): Promise<void> {
  const healer = new FileHealer(healing);
  let files = 0;
  for (const found of filesBelow(healing.root, healing.events)) {
    healing.throwIfStopped();
    if (healer.isDone) return;
    await healer.read(found);
    files += 1;
    healing.events({ type: 'progress', phase: 'read files', progress: { files, bytes: healer.bytes } });
  }
}

class FileHealer {
  readonly #healing: FileHealing;
  readonly #reader: ContentReader;
  /** By id in hex. */
  readonly #lost: Map<string, NeededBlob>;
  /** Nobody knows of which epoch the lost ones are. */
  readonly #secrets: readonly BlobSecrets[];
  /** Found, and not handed over yet. */
  #found: { readonly blob: NeededBlob; readonly bytes: Uint8Array }[] = [];
  bytes = 0;

  constructor(healing: FileHealing) {
    this.#healing = healing;
    this.#reader = new ContentReader(healing.repository);
    this.#secrets = allSecrets(healing.repository.keys.content);
    this.#lost = new Map(healing.lost.map((blob) => [toHex(blob.id), blob]));
  }

  get isDone(): boolean {
    return this.#lost.size === 0;
  }

  async read({ path, file }: FoundFile): Promise<void> {
    this.bytes += file.stat.size;
    try {
      if (file.stat.size < this.#healing.repository.config.bundle.threshold) this.#small(file);
      else await this.#large(file);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      this.#healing.events({ type: 'warning', path, code, message: messageOf(error) });
    }
    await this.#handOver();
  }

  #small(file: SourceFile): void {
    const content = this.#reader.whole(file);
    if (content.length === 0) return;
    const bundles = this.#healing.bundles.found(this.#reader.hash(content), content);
    for (const secrets of this.#secrets) {
      for (const { bytes } of bundles) this.#take(secrets, 'data', bytes);
      this.#take(secrets, 'data', content);
    }
  }

  /** Once an epoch: chunk lists are made of content keys. */
  async #large(file: SourceFile): Promise<void> {
    for (const secrets of this.#secrets) {
      await this.#reader.cut(
        file,
        (kind, bytes) => this.#take(secrets, kind, bytes),
        () => this.#handOver(),
      );
    }
  }

  #take(secrets: BlobSecrets, kind: BlobKind, bytes: Uint8Array): ContentKey {
    const { engine } = this.#healing.repository;
    const key = contentKeyOf(engine, secrets[kind], bytes);
    const name = toHex(blobIdOf(engine, key));
    const blob = this.#lost.get(name);
    if (blob?.kind === kind) {
      this.#lost.delete(name);
      this.#found.push({ blob, bytes: copyOf(bytes) });
    }
    return key;
  }

  async #handOver(): Promise<void> {
    for (const { blob, bytes } of this.#found.splice(0)) {
      if (await this.#healing.copier.addPlain(blob, bytes)) this.#healing.onHealed(blob);
    }
  }
}
