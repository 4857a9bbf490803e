/**
 * An engine for simulations of many clients: hashes in the place of ciphers, signatures and key exchange, so that a
 * schedule costs milliseconds. Nothing is hidden by it, and whoever knows a public key can sign with it: nothing that is
 * about secrets or forgery may be tested with this.
 */
import { NeoError } from '../../src/core/errors.ts';
import type { Engine, Suite } from '../../src/engine/engine.ts';
import { CheapHasher, cheapHash as hash } from './cheap-hash.ts';

export function cheapEngine(engine: Engine): Engine {
  const padded = (bytes: Uint8Array, length: number): Uint8Array => {
    const out = new Uint8Array(length);
    out.set(bytes);
    return out;
  };
  const verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
    Buffer.compare(signature.subarray(0, 32), hash(publicKey, message)) === 0;
  const tagOf = (key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, aad: Uint8Array): Uint8Array =>
    hash(key, nonce, aad, plain).subarray(0, TAG);
  const open = (_: Suite, key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array => {
    const plain = sealed.slice(0, Math.max(0, sealed.length - TAG));
    if (Buffer.compare(sealed.subarray(plain.length), tagOf(key, nonce, plain, aad)) === 0) return plain;
    throw new NeoError('integrity', 'authentication failed');
  };
  const derived = new Map<string, Uint8Array>();
  return {
    ...bound(engine),
    blake3: (bytes, key) => (key === undefined ? hash(bytes) : hash(key, bytes)),
    blake3Hasher: (key) => new CheapHasher(key),
    blake3Derive: (context, material) => hash(Buffer.from(context), material),
    hkdf: (key, info, length) => {
      const name = `${length} ${latin1(key)} ${latin1(info)}`;
      const known = derived.get(name) ?? derive(key, info, length);
      if (derived.size < MOST_DERIVED) derived.set(name, known);
      return known.slice();
    },
    seal: (_, key, nonce, plain, aad) => new Uint8Array(Buffer.concat([plain, tagOf(key, nonce, plain, aad)])),
    sealInto: (_, key, nonce, parts, aad, out, at) => {
      const plain = Buffer.concat(parts);
      out.set(plain, at);
      out.set(tagOf(key, nonce, plain, aad), at + plain.length);
      return plain.length + TAG;
    },
    open,
    signPublicKey: (seed) => hash(seed),
    sign: (seed, message) => padded(hash(hash(seed), message), 64),
    verify,
    verifyLater: async (publicKey, message, signature) => verify(publicKey, message, signature),
    kemPublicKey: (seed) => padded(hash(seed), 1216),
    kemEncapsulate: (publicKey, entropy) => {
      const secret = hash(publicKey.subarray(0, 32), entropy.subarray(0, 32));
      return { ciphertext: padded(entropy.subarray(0, 32), 1120), secret };
    },
    kemDecapsulate: (seed, ciphertext) => {
      if (ciphertext.length !== 1120) throw new NeoError('integrity', 'ciphertext of a wrong length');
      return hash(hash(seed), ciphertext.subarray(0, 32));
    },
  };
}

/** Keys that are derived again and again. */
const MOST_DERIVED = 1000;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function derive(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let n = 0; n * 32 < length; n++) parts.push(hash(key, info, new Uint8Array([n])));
  return new Uint8Array(Buffer.concat(parts).subarray(0, length));
}

const TAG = 16;

/** Methods of a class are not copied by a spread. */
function bound(engine: Engine): Engine {
  return {
    name: engine.name,
    maxCompressionLevel: engine.maxCompressionLevel,
    blake3: (bytes, key) => engine.blake3(bytes, key),
    blake3Hasher: (key) => engine.blake3Hasher(key),
    blake3Derive: (context, material) => engine.blake3Derive(context, material),
    hkdf: (key, info, length) => engine.hkdf(key, info, length),
    seal: (suite, key, nonce, plaintext, aad) => engine.seal(suite, key, nonce, plaintext, aad),
    sealInto: (suite, key, nonce, parts, aad, out, at) => engine.sealInto(suite, key, nonce, parts, aad, out, at),
    open: (suite, key, nonce, sealed, aad) => engine.open(suite, key, nonce, sealed, aad),
    compress: (bytes, level) => engine.compress(bytes, level),
    decompress: (frame, length, room) => engine.decompress(frame, length, room),
    argon2id: (password, salt, parameters, length) => engine.argon2id(password, salt, parameters, length),
    scrypt: (password, salt, parameters, length) => engine.scrypt(password, salt, parameters, length),
    signPublicKey: (seed) => engine.signPublicKey(seed),
    sign: (seed, message) => engine.sign(seed, message),
    verify: (publicKey, message, signature) => engine.verify(publicKey, message, signature),
    verifyLater: (publicKey, message, signature) => engine.verifyLater(publicKey, message, signature),
    kemPublicKey: (seed) => engine.kemPublicKey(seed),
    kemEncapsulate: (publicKey, entropy) => engine.kemEncapsulate(publicKey, entropy),
    kemDecapsulate: (seed, ciphertext) => engine.kemDecapsulate(seed, ciphertext),
  };
}
