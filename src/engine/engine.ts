/**
 * The primitives, in one small interface with two implementations that give the same bytes: `native` (node:crypto,
 * node:zlib, @napi-rs/blake-hash) and `portable` (hash-wasm, @noble, zstd-codec). Everything is synchronous once the
 * engine is made, except key derivation from passwords. Inputs may be views of wasm memory or SharedArrayBuffers and
 * are never kept.
 */
export type EngineName = 'native' | 'portable';

/** AEAD suites of blobs and objects; the value is the byte on storage. */
export const SUITES = { 'aes-256-gcm': 1, 'chacha20-poly1305': 2, 'xchacha20-poly1305': 3 } as const;
export type Suite = keyof typeof SUITES;

export interface Argon2Parameters {
  /** KiB */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface ScryptParameters {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** Incremental BLAKE3; `digest` may be called once. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Of what came so far; more may come. */
  soFar(): Uint8Array;
  /** Once, at the end. */
  digest(): Uint8Array;
}

export interface Engine {
  readonly name: EngineName;
  /** The highest zstd level that this engine writes; every level can be read. */
  readonly maxCompressionLevel: number;

  /** BLAKE3-256 (keyed when a 32-byte key is given). */
  blake3(bytes: Uint8Array, key?: Uint8Array): Uint8Array;
  blake3Hasher(key?: Uint8Array): Hasher;
  /** BLAKE3 derive_key mode, 32 bytes. */
  blake3Derive(context: string, material: Uint8Array): Uint8Array;
  /** RFC 5869, SHA-256, empty salt. */
  hkdf(key: Uint8Array, info: Uint8Array, length: number): Uint8Array;

  /** Nonce: 12 bytes, 24 for XChaCha. Returns ciphertext ‖ 16-byte tag. */
  seal(suite: Suite, key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /**
   * As {@link seal}, of the parts one after another, written into `out` from `at` on: the hot path, without copies.
   * Returns the number of bytes written (plain length + 16).
   */
  sealInto(
    suite: Suite,
    key: Uint8Array,
    nonce: Uint8Array,
    parts: readonly Uint8Array[],
    aad: Uint8Array,
    out: Uint8Array,
    at: number,
  ): number;
  /** @throws NeoError integrity when authentication fails */
  open(suite: Suite, key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array;

  /**
   * One zstd frame (RFC 8878) with its content size. Levels above the maximum are capped.
   * @throws NeoError failed above 4 MiB (MAX_FRAME_CONTENT): what every engine can read again
   */
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /**
   * @param room the result may be put into it, from its start on, where it fits and leaves a byte: for what is looked at
   * and forgotten
   * @throws NeoError integrity unless the frame holds exactly `plainLength` bytes; never allocates more
   */
  decompress(frame: Uint8Array, plainLength: number, room?: Uint8Array): Uint8Array;

  argon2id(password: Uint8Array, salt: Uint8Array, parameters: Argon2Parameters, length: number): Promise<Uint8Array>;
  scrypt(password: Uint8Array, salt: Uint8Array, parameters: ScryptParameters, length: number): Promise<Uint8Array>;

  /** Ed25519 (RFC 8032) from a 32-byte seed. */
  signPublicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The same in another thread, where there is one; for large messages. */
  verifyLater(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;

  /** X-Wing (draft-connolly-cfrg-xwing-kem): X25519 + ML-KEM-768 from a 32-byte seed; public key 1,216 bytes. */
  kemPublicKey(seed: Uint8Array): Uint8Array;
  /** `entropy`: 64 random bytes. Ciphertext 1,120 bytes, shared secret 32. */
  kemEncapsulate(
    publicKey: Uint8Array,
    entropy: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array };
  kemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}
