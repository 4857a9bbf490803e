/**
 * The engine without native code: hash-wasm, @noble, zstd-codec. It runs wherever WebAssembly does, so nothing of Node
 * may be imported here, nor in what this file imports.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { argon2id, scrypt } from 'hash-wasm';
import { NeoError } from '../core/errors.ts';
import type { Argon2Parameters, Engine, ScryptParameters, Suite } from './engine.ts';
import { createPortableHash } from './portable-hash.ts';
import { portableKem } from './portable-kem.ts';
import { verifySignature } from './portable-verify.ts';
import { createPortableZstd, PORTABLE_MAX_LEVEL } from './portable-zstd.ts';

const TAG_LENGTH = 16;
const AEADS = { 'aes-256-gcm': gcm, 'chacha20-poly1305': chacha20poly1305, 'xchacha20-poly1305': xchacha20poly1305 };

function aead(suite: Suite, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array) {
  const nonceLength = suite === 'xchacha20-poly1305' ? 24 : 12;
  if (key.length !== 32 || nonce.length !== nonceLength) {
    throw new NeoError('failed', `${suite} takes a key of 32 bytes and a nonce of ${nonceLength}`);
  }
  return AEADS[suite](key, nonce, aad);
}

function seal(suite: Suite, key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
  return aead(suite, key, nonce, aad).encrypt(plaintext);
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
  const plaintext = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    plaintext.set(part, at);
    at += part.length;
  }
  out.set(seal(suite, key, nonce, plaintext, aad), start);
  return plaintext.length + TAG_LENGTH;
}

function open(suite: Suite, key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  const cipher = aead(suite, key, nonce, aad);
  if (sealed.length < TAG_LENGTH) throw new NeoError('integrity', 'sealed bytes are cut short');
  try {
    return cipher.decrypt(sealed);
  } catch (cause) {
    throw new NeoError('integrity', 'authentication failed', { cause });
  }
}

async function argon2Key(password: Uint8Array, salt: Uint8Array, parameters: Argon2Parameters, length: number) {
  const { memory: memorySize, passes: iterations, lanes: parallelism } = parameters;
  if (password.length === 0) {
    // hash-wasm refuses an empty password, which Argon2 allows; this one is slow and rarely needed.
    const { argon2idAsync } = await import('@noble/hashes/argon2.js');
    return argon2idAsync(password, salt, { t: iterations, m: memorySize, p: parallelism, dkLen: length });
  }
  return argon2id({ password, salt, memorySize, iterations, parallelism, hashLength: length, outputType: 'binary' });
}

function scryptKey(password: Uint8Array, salt: Uint8Array, parameters: ScryptParameters, length: number) {
  const { n: costFactor, r: blockSize, p: parallelism } = parameters;
  return scrypt({ password, salt, costFactor, blockSize, parallelism, hashLength: length, outputType: 'binary' });
}

function signingSeed(seed: Uint8Array): Uint8Array {
  if (seed.length !== 32) throw new NeoError('failed', 'a signing seed is 32 bytes');
  return seed;
}

/** Compiles the WebAssembly parts (about 20 ms). @throws Error where WebAssembly is missing */
export async function createPortableEngine(): Promise<Engine> {
  const [hash, zstd] = await Promise.all([createPortableHash(), createPortableZstd()]);
  return {
    name: 'portable',
    maxCompressionLevel: PORTABLE_MAX_LEVEL,
    ...hash,
    hkdf: (key, info, length) => hkdf(sha256, key, undefined, info, length),
    seal,
    sealInto,
    open,
    ...zstd,
    argon2id: argon2Key,
    scrypt: scryptKey,
    signPublicKey: (seed) => ed25519.getPublicKey(signingSeed(seed)),
    sign: (seed, message) => ed25519.sign(message, signingSeed(seed)),
    verify: verifySignature,
    verifyLater: async (...given) => verifySignature(...given),
    ...portableKem,
  };
}
