/**
 * What a client that may not read snapshots keeps of its own latest one: tree and list parts, so that unchanged files
 * need not be read again. Sealed with a key of the client's own; a lost or foreign cache means reading files again.
 */
import { ByteReader, ByteWriter, copyOf, toBase64, utf8 } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { type ContentKey, contentKey } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { deriveKey } from '../engine/keys.ts';
import type { LoadBlob } from './tree.ts';

const LEVEL = 1;
const AAD = utf8('neo/v1 tree cache');

interface Part {
  readonly key: ContentKey;
  readonly frame: Uint8Array;
  readonly length: number;
}

export class TreeCache {
  readonly #engine: Engine;
  readonly #parts = new Map<string, Part>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  add(key: ContentKey, json: Uint8Array): void {
    const name = toBase64(key);
    if (this.#parts.has(name)) return;
    this.#parts.set(name, {
      key: contentKey(copyOf(key)),
      frame: this.#engine.compress(json, LEVEL),
      length: json.length,
    });
  }

  /** @throws NeoError integrity when the part is not in here */
  readonly load: LoadBlob = async (kind, key) => {
    const part = this.#parts.get(toBase64(key));
    if (part === undefined) throw new NeoError('integrity', `a ${kind} part is not in the cache`);
    return this.#engine.decompress(part.frame, part.length);
  };

  encode(secret: Uint8Array, random: Random, root: ContentKey, about: Uint8Array): Uint8Array {
    const writer = new ByteWriter(1 << 16).u8(1).bytes(root).u32(about.length).bytes(about).u32(this.#parts.size);
    for (const { key, frame, length } of this.#parts.values()) {
      writer.bytes(key).u32(length).u32(frame.length).bytes(frame);
    }
    return sealObject(this.#engine, deriveKey(this.#engine, secret, 'tree-cache'), writer.finish(), AAD, random);
  }

  /** Undefined for anything that is not a whole cache of this client. */
  static decode(
    engine: Engine,
    secret: Uint8Array,
    bytes: Uint8Array,
  ): { readonly cache: TreeCache; readonly root: ContentKey; readonly about: Uint8Array } | undefined {
    try {
      const reader = new ByteReader(openObject(engine, deriveKey(engine, secret, 'tree-cache'), bytes, AAD));
      if (reader.u8() !== 1) return undefined;
      const root = contentKey(reader.bytes(32));
      const about = reader.bytes(reader.u32());
      const cache = new TreeCache(engine);
      for (let count = reader.u32(); count > 0; count--) {
        const key = contentKey(reader.bytes(32));
        const length = reader.u32();
        cache.#parts.set(toBase64(key), { key, length, frame: reader.bytes(reader.u32()) });
      }
      return { cache, root, about };
    } catch (error) {
      if (isNeoError(error, 'integrity')) return undefined;
      throw error;
    }
  }
}
