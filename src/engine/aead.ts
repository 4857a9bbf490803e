/** Sealed blobs and sealed objects: what is encrypted, under which key, bound to what (docs/format.md). */
import { ByteReader, ByteWriter, discard } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ContentKey } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { type Engine, SUITES, type Suite } from './engine.ts';
import { MAX_FRAME_CONTENT } from './frame.ts';
import { blobIdOf } from './keys.ts';

/** Blob kinds as they stand in the additional data: data 1, tree 2, list 3. */
export type BlobKindByte = 1 | 2 | 3;

/** How a blob's payload stands inside its seal. */
export const CODECS = { raw: 0, zstd: 1 } as const;
export type Codec = (typeof CODECS)[keyof typeof CODECS];

/** No blob holds more plain bytes. */
export const MAX_BLOB_LENGTH = 16 << 20;

const NONCE_LENGTH = 12;
const OBJECT_NONCE_LENGTH = 24;
const TAG_LENGTH = 16;
/** codec u8 ‖ plain length u32 LE */
const INNER_HEADER = 5;
const OUTER_HEADER = 1 + NONCE_LENGTH;

/** What a sealed blob has beyond its payload. */
export const BLOB_OVERHEAD = OUTER_HEADER + INNER_HEADER + TAG_LENGTH;

function blobKey(engine: Engine, suite: Suite, key: ContentKey): Uint8Array {
  return engine.blake3Derive(`neo/v1 ${suite}`, key);
}

/** suite ‖ kind ‖ blob id: a blob cannot pass for one of another kind, suite or content. */
function blobAad(engine: Engine, suite: Suite, kind: BlobKindByte, key: ContentKey): Uint8Array {
  const aad = new Uint8Array(34);
  aad[0] = SUITES[suite];
  aad[1] = kind;
  aad.set(blobIdOf(engine, key), 2);
  return aad;
}

function blobSuite(value: number): Suite {
  if (value === SUITES['aes-256-gcm']) return 'aes-256-gcm';
  if (value === SUITES['chacha20-poly1305']) return 'chacha20-poly1305';
  throw new NeoError('integrity', `blob of unknown suite ${value}`);
}

/**
 * suite u8 ‖ nonce 12 ‖ AEAD(codec u8 ‖ plain length u32 ‖ payload) ‖ tag 16; key = BLAKE3-derive("neo/v1 " ‖ suite,
 * content key). The plain length is inside, so that storage does not learn it.
 * @param payload the plaintext itself, or its zstd frame, as `codec` says
 * @throws NeoError failed above MAX_BLOB_LENGTH, and for a suite with long nonces
 */
export function sealBlob(
  engine: Engine,
  suite: Suite,
  kind: BlobKindByte,
  key: ContentKey,
  payload: Uint8Array,
  codec: Codec,
  plainLength: number,
  random: Random,
): Uint8Array {
  const sealed = new Uint8Array(BLOB_OVERHEAD + payload.length);
  sealBlobInto(engine, suite, kind, key, payload, codec, plainLength, random, sealed, 0);
  return sealed;
}

/** As {@link sealBlob}, into `out` from `at` on (a pack being filled); BLOB_OVERHEAD + payload.length bytes. */
export function sealBlobInto(
  engine: Engine,
  suite: Suite,
  kind: BlobKindByte,
  key: ContentKey,
  payload: Uint8Array,
  codec: Codec,
  plainLength: number,
  random: Random,
  out: Uint8Array,
  at: number,
): number {
  if (suite === 'xchacha20-poly1305') throw new NeoError('failed', 'blobs are not sealed with XChaCha20');
  if (plainLength > MAX_BLOB_LENGTH) throw new NeoError('failed', `a blob of ${plainLength} bytes is too large`);
  const nonce = random.bytes(NONCE_LENGTH);
  out[at] = SUITES[suite];
  out.set(nonce, at + 1);
  const header = new ByteWriter(INNER_HEADER).u8(codec).u32(plainLength).finish();
  const aad = blobAad(engine, suite, kind, key);
  const sealingKey = blobKey(engine, suite, key);
  return OUTER_HEADER + engine.sealInto(suite, sealingKey, nonce, [header, payload], aad, out, at + OUTER_HEADER);
}

/** Memory used again and again for blobs that are looked at and forgotten: fresh memory costs more than opening them. */
export class BlobRoom {
  #plain: Uint8Array | undefined;
  #lent: Uint8Array | undefined;

  /** For any frame; memory that no blob needed yet is not taken from the system. */
  get plain(): Uint8Array {
    this.#plain ??= new Uint8Array(MAX_FRAME_CONTENT + 1);
    return this.#plain;
  }

  /** `bytes` are in use until this is called again. */
  lend(bytes: Uint8Array): void {
    if (this.#lent !== undefined) discard(this.#lent);
    this.#lent = bytes;
  }
}

/** Errors about blobs that were sealed under the right key and still make no sense. */
const crafted = new WeakSet<object>();

/**
 * True if the error, or what caused it, is about a blob that opened and then held no valid payload (a decompression
 * bomb, a wrong length): somebody with the keys made it so. Damage never looks like that.
 */
export function isCrafted(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (crafted.has(at)) return true;
  return false;
}

/**
 * The plaintext of a sealed blob. The caller compares its content key: who holds the key alone can forge.
 * @throws NeoError integrity when it is not a blob of this kind under this key, or does not decompress to its length
 * ({@link isCrafted} tells which)
 * @param room the result is good until the room is used for another blob
 */
export function openBlob(
  engine: Engine,
  kind: BlobKindByte,
  key: ContentKey,
  sealed: Uint8Array,
  room?: BlobRoom,
): Uint8Array {
  const inner = openInner(engine, kind, key, sealed);
  return marked(() => {
    const { codec, plaintext } = unpack(engine, inner, room);
    if (codec === CODECS.zstd) discard(inner);
    else room?.lend(inner);
    return plaintext;
  });
}

/** What a sealed blob holds, as it was compressed, so that it can be sealed under another key as it is. */
export interface OpenedBlob {
  readonly codec: Codec;
  readonly payload: Uint8Array;
  readonly plaintext: Uint8Array;
}

/** As {@link openBlob}; what it gives is good until the room is used for another blob. @throws as it does */
export function openBlobWithPayload(
  engine: Engine,
  kind: BlobKindByte,
  key: ContentKey,
  sealed: Uint8Array,
  room: BlobRoom,
): OpenedBlob {
  const inner = openInner(engine, kind, key, sealed);
  const opened = marked(() => unpack(engine, inner, room));
  room.lend(inner);
  return opened;
}

function openInner(engine: Engine, kind: BlobKindByte, key: ContentKey, sealed: Uint8Array): Uint8Array {
  if (sealed.length < BLOB_OVERHEAD) throw new NeoError('integrity', 'sealed blob is cut short');
  const suite = blobSuite(sealed[0] ?? 0);
  const nonce = sealed.subarray(1, OUTER_HEADER);
  const aad = blobAad(engine, suite, kind, key);
  return engine.open(suite, blobKey(engine, suite, key), nonce, sealed.subarray(OUTER_HEADER), aad);
}

function marked<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error) crafted.add(error);
    throw error;
  }
}

function unpack(engine: Engine, inner: Uint8Array, room: BlobRoom | undefined): OpenedBlob {
  const reader = new ByteReader(inner);
  const codec = reader.u8();
  const plainLength = reader.u32();
  const payload = reader.bytes(reader.remaining);
  if (plainLength > MAX_BLOB_LENGTH) throw new NeoError('integrity', `blob declares ${plainLength} bytes`);
  if (codec === CODECS.zstd) {
    return { codec, payload, plaintext: engine.decompress(payload, plainLength, room?.plain) };
  }
  if (codec !== CODECS.raw) throw new NeoError('integrity', `blob of unknown codec ${codec}`);
  if (payload.length !== plainLength) throw new NeoError('integrity', 'blob is not as long as it declares');
  return { codec, payload, plaintext: payload };
}

/** nonce 24 ‖ XChaCha20-Poly1305(plaintext) ‖ tag: for small objects under long-lived keys. */
export function sealObject(
  engine: Engine,
  key: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = random.bytes(OBJECT_NONCE_LENGTH);
  const sealed = new Uint8Array(OBJECT_NONCE_LENGTH + plaintext.length + TAG_LENGTH);
  sealed.set(nonce);
  engine.sealInto('xchacha20-poly1305', key, nonce, [plaintext], aad, sealed, OBJECT_NONCE_LENGTH);
  return sealed;
}

/** @throws NeoError integrity when it was not sealed under this key with these additional data */
export function openObject(engine: Engine, key: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  if (sealed.length < OBJECT_NONCE_LENGTH + TAG_LENGTH) throw new NeoError('integrity', 'sealed object is cut short');
  const nonce = sealed.subarray(0, OBJECT_NONCE_LENGTH);
  return engine.open('xchacha20-poly1305', key, nonce, sealed.subarray(OBJECT_NONCE_LENGTH), aad);
}
