/**
 * The fast engine: node:crypto (OpenSSL), node:zlib (zstd) and @napi-rs/blake-hash. It runs in every worker, so loading
 * is kept small: parts that only a few commands use are required at first use.
 */
import { Buffer } from 'node:buffer';
import {
  argon2,
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type DecipherGCM,
  hkdfSync,
  type KeyObject,
  scrypt,
  sign,
  verify,
} from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import blakeHash from '@napi-rs/blake-hash';
import hashWasm from 'hash-wasm/dist/blake3.umd.min.js';
import { copyInto, discard } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Argon2Parameters, Engine, Hasher, ScryptParameters, Suite } from './engine.ts';
import { checkFrame, checkFrameContent } from './frame.ts';
import { hchacha20 } from './hchacha.ts';
import { nativeKem } from './native-kem.ts';
import { isSmallOrder } from './small-order.ts';
import { checkHashKey, createHashMachines } from './wasm-hash.ts';
import { compressRoom, keptContexts, type ZstdContexts } from './zstd-context.ts';

const { Blake3Hasher, blake3 } = blakeHash;

const TAG_LENGTH = 16;
const NO_SALT = new Uint8Array(0);
/** The deepest level of zstd; blobs of at most 4 MiB need no window above their length. */
const MAX_LEVEL = 22;

/** The same bytes as a Buffer: some calls take nothing else. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface AeadKey {
  readonly cipher: 'aes-256-gcm' | 'chacha20-poly1305';
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 §2.3): a sub-key by HChaCha20, then four zero bytes and the rest. */
function aeadKey(suite: Suite, key: Uint8Array, nonce: Uint8Array): AeadKey {
  if (suite !== 'xchacha20-poly1305') return { cipher: suite, key, nonce };
  const inner = new Uint8Array(12);
  inner.set(nonce.subarray(16, 24), 4);
  return { cipher: 'chacha20-poly1305', key: hchacha20(key, nonce.subarray(0, 16)), nonce: inner };
}

function checkAeadInput(suite: Suite, key: Uint8Array, nonce: Uint8Array): void {
  const nonceLength = suite === 'xchacha20-poly1305' ? 24 : 12;
  if (key.length !== 32 || nonce.length !== nonceLength) {
    throw new NeoError('failed', `${suite} takes a key of 32 bytes and a nonce of ${nonceLength}`);
  }
}

/** As a KeyObject the key costs a third of what its bytes do: node would make a checked copy for each call. */
function cipherOf({ cipher, key, nonce }: AeadKey): CipherGCM {
  // Two calls, because the type of the options differs between the ciphers.
  return cipher === 'aes-256-gcm'
    ? createCipheriv(cipher, createSecretKey(key), nonce)
    : createCipheriv(cipher, createSecretKey(key), nonce, { authTagLength: TAG_LENGTH });
}

function decipherOf({ cipher, key, nonce }: AeadKey): DecipherGCM {
  return cipher === 'aes-256-gcm'
    ? createDecipheriv(cipher, createSecretKey(key), nonce, { authTagLength: TAG_LENGTH })
    : createDecipheriv(cipher, createSecretKey(key), nonce, { authTagLength: TAG_LENGTH });
}

/**
 * One output is given back and serves the next. Most blobs are one piece: pieces of 64 KiB took 130 µs for 150 KB, all at
 * once 80.
 */
const PIECE = 1 << 20;

function updateInto(cipher: CipherGCM, bytes: Uint8Array, out: Uint8Array, start: number): void {
  for (let at = 0; at < bytes.length; at += PIECE) {
    const piece = cipher.update(bytes.subarray(at, at + PIECE));
    copyInto(out, start + at, piece);
    discard(piece);
  }
}

function sealInto(
  suite: Suite,
  key: Uint8Array,
  nonce: Uint8Array,
  parts: readonly Uint8Array[],
  aad: Uint8Array,
  out: Uint8Array,
  start: number,
): number {
  checkAeadInput(suite, key, nonce);
  const cipher = cipherOf(aeadKey(suite, key, nonce));
  cipher.setAAD(aad);
  let at = start;
  for (const part of parts) {
    updateInto(cipher, part, out, at);
    at += part.length;
  }
  cipher.final();
  out.set(cipher.getAuthTag(), at);
  return at + TAG_LENGTH - start;
}

function seal(suite: Suite, key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafeSlow(plaintext.length + TAG_LENGTH);
  sealInto(suite, key, nonce, [plaintext], aad, out, 0);
  return out;
}

/** In one call: an output for each piece, and copying it, would take half as long again. */
function open(suite: Suite, key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  checkAeadInput(suite, key, nonce);
  const length = sealed.length - TAG_LENGTH;
  if (length < 0) throw new NeoError('integrity', 'sealed bytes are cut short');
  const decipher = decipherOf(aeadKey(suite, key, nonce));
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
  } catch (cause) {
    throw new NeoError('integrity', 'authentication failed', { cause });
  }
  return plaintext;
}

/** The target is allocated once, at the greatest length that may be needed, so that zlib never joins pieces. */
function compress(contexts: ZstdContexts, bytes: Uint8Array, asked: number): Uint8Array {
  checkFrameContent(bytes);
  const level = Math.max(1, Math.min(asked, MAX_LEVEL));
  const frame = contexts.compress(bytes, level);
  if (frame !== undefined) return frame;
  return zstdCompressSync(bytes, {
    chunkSize: compressRoom(bytes.length),
    pledgedSrcSize: bytes.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
}

function decompress(contexts: ZstdContexts, frame: Uint8Array, plainLength: number, room?: Uint8Array): Uint8Array {
  checkFrame(frame, plainLength);
  if (plainLength === 0) return new Uint8Array(0);
  const known = contexts.decompress(frame, plainLength, room);
  if (known !== undefined) return known;
  let plain: Uint8Array;
  try {
    plain = zstdDecompressSync(frame, { chunkSize: Math.max(64, plainLength + 1), maxOutputLength: plainLength });
  } catch (cause) {
    throw new NeoError('integrity', 'damaged zstd frame', { cause });
  }
  if (plain.length !== plainLength) throw new NeoError('integrity', 'zstd frame is shorter than it declares');
  return plain;
}

function blake3Of(key: Uint8Array | undefined) {
  checkHashKey(key);
  return key === undefined ? new Blake3Hasher() : Blake3Hasher.newKeyed(asBuffer(key));
}

function nativeBlake3(bytes: Uint8Array, key?: Uint8Array): Uint8Array {
  return key === undefined ? blake3(bytes) : blake3Of(key).update(bytes).digestBuffer();
}

/** Up to here WebAssembly is the faster one: a keyed hash of native code costs 8 to 15 µs before it begins. */
const SMALL = 6144;

function blake3Hasher(key?: Uint8Array): Hasher {
  let hasher: ReturnType<typeof blake3Of> | undefined = blake3Of(key);
  const running = () => {
    if (hasher === undefined) throw new NeoError('failed', 'a hash is read only once');
    return hasher;
  };
  return {
    update: (bytes) => void running().update(bytes),
    soFar: () => running().digestBuffer(),
    digest() {
      const digest = running().digestBuffer();
      hasher = undefined;
      return digest;
    },
  };
}

function argon2id(password: Uint8Array, salt: Uint8Array, parameters: Argon2Parameters, length: number) {
  const { memory, passes, lanes: parallelism } = parameters;
  return new Promise<Uint8Array>((resolve, reject) => {
    const options = { message: password, nonce: salt, memory, passes, parallelism, tagLength: length };
    argon2('argon2id', options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

function scryptKey(password: Uint8Array, salt: Uint8Array, { n, r, p }: ScryptParameters, length: number) {
  return new Promise<Uint8Array>((resolve, reject) => {
    // What scrypt needs (RFC 7914 §2: 128·r·(N + p)), and room for its temporaries.
    const maxmem = 128 * r * (n + p + 2) + 4096;
    scrypt(password, salt, length, { N: n, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** RFC 8410 §7 and §4: the fixed DER around an Ed25519 seed and public key. */
const ED25519_SEED_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const ED25519_PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

function signingKey(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new NeoError('failed', 'a signing seed is 32 bytes');
  return createPrivateKey({ key: Buffer.concat([ED25519_SEED_DER, seed]), format: 'der', type: 'pkcs8' });
}

/** Of the keys seen last: most objects of a repository are signed by the same few, and to decode one takes as long as verifying. */
const publicKeys = new Map<string, KeyObject>();
const MOST_PUBLIC_KEYS = 32;

/** @throws what OpenSSL throws for what is not a point of the curve */
function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const text = asBuffer(publicKey).toString('latin1');
  const known = publicKeys.get(text);
  if (known !== undefined) return known;
  const der = Buffer.concat([ED25519_PUBLIC_DER, publicKey]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  if (publicKeys.size >= MOST_PUBLIC_KEYS) publicKeys.clear();
  publicKeys.set(text, key);
  return key;
}

/** Undefined for what is no key or no signature. */
function verifyingKey(publicKey: Uint8Array, signature: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== 32 || signature.length !== 64) return undefined;
  if (isSmallOrder(publicKey) || isSmallOrder(signature)) return undefined;
  try {
    return publicKeyObject(publicKey);
  } catch {
    return undefined;
  }
}

function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = verifyingKey(publicKey, signature);
  if (key === undefined) return false;
  try {
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

function verifySignatureLater(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const key = verifyingKey(publicKey, signature);
  if (key === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    verify(null, message, key, signature, (error, isRight) => resolve(error === null && isRight));
  });
}

const nativeEngine: Omit<Engine, 'compress' | 'decompress'> = {
  name: 'native',
  maxCompressionLevel: MAX_LEVEL,
  blake3: nativeBlake3,
  blake3Hasher,
  blake3Derive: (context, material) => Blake3Hasher.deriveKey(context, material),
  hkdf: (key, info, length) => new Uint8Array(hkdfSync('sha256', key, NO_SALT, info, length)),
  seal,
  sealInto,
  open,
  argon2id,
  scrypt: scryptKey,
  signPublicKey: (seed) =>
    createPublicKey(signingKey(seed)).export({ format: 'der', type: 'spki' }).subarray(ED25519_PUBLIC_DER.length),
  sign: (seed, message) => sign(null, message, signingKey(seed)),
  verify: verifySignature,
  verifyLater: verifySignatureLater,
  ...nativeKem,
};

/** @throws whatever the missing part throws when this module is imported; loadEngine falls back then */
export async function createNativeEngine(): Promise<Engine> {
  const { plain, keyed } = await createHashMachines(hashWasm.createBLAKE3, nativeBlake3);
  const contexts = keptContexts();
  return {
    ...nativeEngine,
    compress: (bytes, level) => compress(contexts, bytes, level),
    decompress: (frame, plainLength, room) => decompress(contexts, frame, plainLength, room),
    blake3(bytes, key) {
      if (bytes.length > SMALL) return nativeBlake3(bytes, key);
      checkHashKey(key);
      return (key === undefined ? plain : keyed).once(bytes, key);
    },
  };
}
