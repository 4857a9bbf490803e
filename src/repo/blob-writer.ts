/**
 * Blobs into packs. One writer a thread: it claims ids in the shared index, compresses, seals, and closes whole packs,
 * so that chunk data never crosses threads.
 */
import { copyInto, discard } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { BlobId, ContentKey } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { BLOB_OVERHEAD, CODECS, type Codec, sealBlobInto } from '../engine/aead.ts';
import { encodePayload } from '../engine/codec.ts';
import type { Engine } from '../engine/engine.ts';
import { blobIdOf, contentKeyOf } from '../engine/keys.ts';
import { BLOB_KINDS, type BlobEntry, type BlobKind, type FinishedPack } from './blob-entry.ts';
import type { BlobIndex } from './blob-index.ts';
import type { RepositoryConfig } from './config.ts';
import { encodeHeader, HEADER_LENGTH } from './header.ts';
import type { ContentSecrets } from './keyring.ts';
import { directoryRoom, finishPack, type PackContext, PackHash } from './pack/pack.ts';
import { PackBuffers } from './pack/pack-buffers.ts';

export interface BlobWriterOptions {
  readonly context: PackContext;
  readonly content: ContentSecrets;
  readonly index: BlobIndex;
  readonly suite: RepositoryConfig['blobSuite'];
  readonly packTarget: number;
  /** Data packs open at a time; chunks go to them by chance, so that a pack's layout tells less of its files. */
  readonly openPacks: number;
  /** Takes a finished pack; may block until there is room. */
  readonly onPack: (pack: FinishedPack) => void;
}

export interface SavedBlob {
  readonly key: ContentKey;
  readonly id: BlobId;
  /** Bytes that the pack grew by; 0 if the blob was there already. */
  readonly stored: number;
}

/** What goes into a sealed blob. */
export interface Compressed {
  readonly codec: Codec;
  readonly payload: Uint8Array;
  /** Bytes of the plaintext. */
  readonly plainLength: number;
}

/** A pack in the making: blobs in one buffer, sealed already, directory still missing. */
export interface OpenPack {
  readonly tree: boolean;
  readonly buffer: Uint8Array;
  readonly used: number;
  readonly entries: readonly BlobEntry[];
}

/** A sealed blob is never longer: 16 MiB plain and what sealing adds. */
const MAX_BLOB = (16 << 20) + 64;

class GrowingPack implements OpenPack {
  readonly tree: boolean;
  readonly entries: BlobEntry[];
  readonly buffer: Uint8Array;
  readonly hash: PackHash;
  used: number;

  constructor({ tree, buffer, used, entries }: OpenPack, engine: Engine) {
    this.tree = tree;
    this.buffer = buffer;
    this.used = used;
    this.entries = [...entries];
    this.hash = new PackHash(engine);
  }

  static empty(tree: boolean, buffer: Uint8Array, header: Uint8Array, engine: Engine): GrowingPack {
    buffer.set(header);
    return new GrowingPack({ tree, buffer, used: header.length, entries: [] }, engine);
  }

  fits(length: number): boolean {
    return this.used + length + directoryRoom(this.entries.length + 1) <= this.buffer.length;
  }

  /** The bytes are in the buffer, from `used` on. */
  grow(entry: Omit<BlobEntry, 'offset' | 'length'>, length: number): void {
    this.entries.push({ ...entry, offset: this.used, length });
    this.used += length;
    this.hash.grown(this.buffer, this.used);
  }
}

export class BlobWriter {
  readonly #options: BlobWriterOptions;
  readonly #engine: Engine;
  readonly #random: Random;
  readonly #header: Uint8Array;
  readonly #buffers: PackBuffers;
  readonly #data: (GrowingPack | undefined)[];
  #trees: GrowingPack | undefined;

  constructor(options: BlobWriterOptions) {
    this.#options = options;
    this.#engine = options.context.engine;
    this.#random = options.context.random;
    this.#buffers = new PackBuffers(options.packTarget);
    this.#header = encodeHeader('pack', options.context.repository);
    this.#data = new Array<GrowingPack | undefined>(options.openPacks).fill(undefined);
  }

  /** Saves a blob unless a trusted copy exists. `level` is the zstd level, 0 = raw. */
  save(kind: BlobKind, plaintext: Uint8Array, level: number): SavedBlob {
    const key = contentKeyOf(this.#engine, this.#options.content[kind], plaintext);
    const id = blobIdOf(this.#engine, key);
    if (!this.#options.index.claim(id)) return { key, id, stored: 0 };
    const { codec, payload } = encodePayload(this.#engine, plaintext, level);
    const stored = this.#seal(kind, key, id, { codec, payload, plainLength: plaintext.length });
    if (codec !== CODECS.raw) discard(payload);
    return { key, id, stored };
  }

  /** The same of what was compressed before, and is another blob by another secret. `key`: of its plaintext. */
  saveCompressed(kind: BlobKind, key: ContentKey, compressed: Compressed): SavedBlob {
    const id = blobIdOf(this.#engine, key);
    if (!this.#options.index.claim(id)) return { key, id, stored: 0 };
    return { key, id, stored: this.#seal(kind, key, id, compressed) };
  }

  /** Where it will lie: it is not copied. The pack grows by it only when that succeeded. */
  #seal(kind: BlobKind, key: ContentKey, id: BlobId, { codec, payload, plainLength }: Compressed): number {
    const stored = BLOB_OVERHEAD + payload.length;
    const pack = this.#packFor(kind !== 'data', stored);
    const { buffer, used } = pack;
    const { suite, content } = this.#options;
    const byte = BLOB_KINDS[kind];
    sealBlobInto(this.#engine, suite, byte, key, payload, codec, plainLength, this.#random, buffer, used);
    const hash = this.#engine.blake3(buffer.subarray(used, used + stored));
    pack.grow({ id, kind, contentEpoch: content.epoch, hash }, stored);
    return stored;
  }

  /** Adds a blob that is sealed already. */
  append(tree: boolean, entry: Omit<BlobEntry, 'offset' | 'length'>, sealed: Uint8Array): void {
    const pack = this.#packFor(tree, sealed.length);
    copyInto(pack.buffer, pack.used, sealed);
    pack.grow(entry, sealed.length);
  }

  /** An open pack with room for so many bytes more; which one of several, nobody can tell beforehand. */
  #packFor(tree: boolean, length: number): GrowingPack {
    if (length > MAX_BLOB) throw new NeoError('failed', `blob of ${length} bytes is too large`);
    const slot = tree ? -1 : (this.#random.bytes(1)[0] ?? 0) % this.#data.length;
    let pack = slot < 0 ? this.#trees : this.#data[slot];
    if (pack !== undefined && !pack.fits(length)) {
      this.#close(pack);
      pack = undefined;
    }
    if (pack === undefined) {
      const room = HEADER_LENGTH + length + directoryRoom(1);
      const buffer = room > this.#options.packTarget ? new Uint8Array(room) : this.#buffers.take();
      pack = GrowingPack.empty(tree, buffer, this.#header, this.#engine);
      if (slot < 0) this.#trees = pack;
      else this.#data[slot] = pack;
    }
    return pack;
  }

  #close(pack: GrowingPack): void {
    this.#options.onPack(finishPack(this.#options.context, pack.buffer, pack.used, pack.entries, pack.hash));
  }

  /** Gives up the open packs unfinished: the owner merges the rests of all writers into few packs. */
  takeRests(): OpenPack[] {
    return this.#takeOpen().map(({ tree, buffer, used, entries }) => ({ tree, buffer, used, entries }));
  }

  #takeOpen(): GrowingPack[] {
    const open = [...this.#data, this.#trees].filter((pack) => pack !== undefined);
    this.#data.fill(undefined);
    this.#trees = undefined;
    return open;
  }

  /** Adds the blobs of another writer's rest. The first one is taken as it is, and filled further. */
  merge(rest: OpenPack): void {
    if (rest.tree && this.#trees === undefined) {
      this.#trees = new GrowingPack(rest, this.#engine);
      return;
    }
    const free = rest.tree ? -1 : this.#data.indexOf(undefined);
    if (free >= 0) {
      this.#data[free] = new GrowingPack(rest, this.#engine);
      return;
    }
    for (const { offset, length, ...entry } of rest.entries) {
      this.append(rest.tree, entry, rest.buffer.subarray(offset, offset + length));
    }
  }

  /** Closes all open packs. */
  finish(): void {
    for (const pack of this.#takeOpen()) this.#close(pack);
  }
}
