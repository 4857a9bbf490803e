/**
 * X-Wing (draft-connolly-cfrg-xwing-kem-06) on node:crypto. Only encapsulation with given randomness is missing there:
 * it is @noble/post-quantum's, required at first use, because only snapshots and key slots seal.
 */
import { Buffer } from 'node:buffer';
import { createHash, createPrivateKey, createPublicKey, decapsulate, diffieHellman, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import { copyOf, equalBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from './engine.ts';

export const XWING_SEED_LENGTH = 32;
const KEM_PUBLIC_LENGTH = 1184;
const KEM_CIPHERTEXT_LENGTH = 1088;
/** The six bytes of the draft's art, in ASCII. */
const LABEL = Buffer.from('\\.//^\\');

/** draft-ietf-lamps-kyber-certificates §6: PKCS #8 around the seed of an ML-KEM-768 key. */
const ML_KEM_SEED_DER = Buffer.from('3054020100300b060960864801650304040204428040', 'hex');
/** RFC 8410: the DER around X25519 keys. */
const X25519_PRIVATE_DER = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex');

interface KeyPair {
  readonly kem: KeyObject;
  readonly dh: KeyObject;
  readonly dhPublic: Uint8Array;
}

function privateKey(prefix: Buffer, secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([prefix, secret]), format: 'der', type: 'pkcs8' });
}

/** The key's own bytes: the tail of its DER. */
function publicBytes(key: KeyObject, length: number): Uint8Array {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-length);
}

let last: { readonly seed: Uint8Array; readonly pair: KeyPair } | undefined;

/** §5.2, expandDecapsulationKey. Kept until another is wanted: a list of snapshots opens hundreds with the same. */
function expand(seed: Uint8Array): KeyPair {
  if (last === undefined || !equalBytes(last.seed, seed)) last = { seed: copyOf(seed), pair: expandAnew(seed) };
  return last.pair;
}

function expandAnew(seed: Uint8Array): KeyPair {
  if (seed.length !== XWING_SEED_LENGTH) throw new NeoError('failed', 'an X-Wing seed is 32 bytes');
  const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest();
  const dh = privateKey(X25519_PRIVATE_DER, expanded.subarray(64));
  return { kem: privateKey(ML_KEM_SEED_DER, expanded.subarray(0, 64)), dh, dhPublic: publicBytes(dh, 32) };
}

function agree(secret: KeyObject, publicKey: Uint8Array): Uint8Array {
  const key = createPublicKey({ key: Buffer.concat([X25519_PUBLIC_DER, publicKey]), format: 'der', type: 'spki' });
  return diffieHellman({ privateKey: secret, publicKey: key });
}

/** §5.3, Combiner. */
function combine(kemSecret: Uint8Array, dhSecret: Uint8Array, dhCiphertext: Uint8Array, dhPublic: Uint8Array) {
  const hash = createHash('sha3-256').update(kemSecret).update(dhSecret).update(dhCiphertext).update(dhPublic);
  return hash.update(LABEL).digest();
}

function mlKem(): typeof import('@noble/post-quantum/ml-kem.js') {
  return createRequire(import.meta.url)('@noble/post-quantum/ml-kem.js');
}

/** The parts of the engine that are X-Wing. */
export const nativeKem: Pick<Engine, 'kemPublicKey' | 'kemEncapsulate' | 'kemDecapsulate'> = {
  kemPublicKey(seed) {
    const { kem, dhPublic } = expand(seed);
    return Buffer.concat([publicBytes(kem, KEM_PUBLIC_LENGTH), dhPublic]);
  },

  kemEncapsulate(publicKey, entropy) {
    if (publicKey.length !== KEM_PUBLIC_LENGTH + 32 || entropy.length !== 64) {
      throw new NeoError('failed', 'X-Wing takes a public key of 1,216 bytes and 64 random ones');
    }
    const dhPublic = publicKey.subarray(KEM_PUBLIC_LENGTH);
    const ephemeral = privateKey(X25519_PRIVATE_DER, entropy.subarray(32));
    try {
      const kem = mlKem().ml_kem768.encapsulate(publicKey.slice(0, KEM_PUBLIC_LENGTH), entropy.slice(0, 32));
      const dhCiphertext = publicBytes(ephemeral, 32);
      const secret = combine(kem.sharedSecret, agree(ephemeral, dhPublic), dhCiphertext, dhPublic);
      return { ciphertext: Buffer.concat([kem.cipherText, dhCiphertext]), secret };
    } catch (cause) {
      throw new NeoError('integrity', 'not a valid X-Wing public key', { cause });
    }
  },

  kemDecapsulate(seed, ciphertext) {
    if (ciphertext.length !== KEM_CIPHERTEXT_LENGTH + 32) {
      throw new NeoError('integrity', 'an X-Wing ciphertext is 1,120 bytes');
    }
    const { kem, dh, dhPublic } = expand(seed);
    const dhCiphertext = ciphertext.subarray(KEM_CIPHERTEXT_LENGTH);
    try {
      const kemSecret = decapsulate(kem, ciphertext.subarray(0, KEM_CIPHERTEXT_LENGTH));
      return combine(kemSecret, agree(dh, dhCiphertext), dhCiphertext, dhPublic);
    } catch (cause) {
      throw new NeoError('integrity', 'not a valid X-Wing ciphertext', { cause });
    }
  },
};
