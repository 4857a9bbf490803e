/** Keys from keys (FORMAT: keys, blobs): one label a purpose, one content key a plaintext. */
import { concatBytes, utf8 } from '../core/bytes.ts';
import { type BlobId, blobId, type ContentKey, contentKey } from '../core/ids.ts';
import type { Engine } from './engine.ts';

const NO_DOMAIN = new Uint8Array(0);
const ID_PREFIX = utf8('neo/v1 id');

/** HKDF-SHA-256(key, info = "neo/v1 " ‖ label ‖ 0x00 ‖ domain), 32 bytes. `domain`: empty, or 16 bytes. */
export function deriveKey(engine: Engine, key: Uint8Array, label: string, domain: Uint8Array = NO_DOMAIN): Uint8Array {
  return engine.hkdf(key, concatBytes(utf8(`neo/v1 ${label}\0`), domain), 32);
}

/** BLAKE3 of the plaintext, keyed with the content secret of its kind, epoch and domain. */
export function contentKeyOf(engine: Engine, secret: Uint8Array, plaintext: Uint8Array): ContentKey {
  return contentKey(engine.blake3(plaintext, secret));
}

/** The prefix, and room for a key: made once, for ids are asked for several times a blob. */
const idInput = new Uint8Array(ID_PREFIX.length + 32);
idInput.set(ID_PREFIX);

/** BLAKE3("neo/v1 id" ‖ content key). */
export function blobIdOf(engine: Engine, key: ContentKey): BlobId {
  idInput.set(key, ID_PREFIX.length);
  return blobId(engine.blake3(idInput));
}
