/** X-Wing (draft-connolly-cfrg-xwing-kem-06) on @noble. See native-kem.ts for the same on node:crypto. */
import { x25519 } from '@noble/curves/ed25519.js';
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { NeoError } from '../core/errors.ts';
import type { Engine } from './engine.ts';

const KEM_PUBLIC_LENGTH = 1184;
const KEM_CIPHERTEXT_LENGTH = 1088;
/** The six bytes of the draft's art, in ASCII. */
const LABEL = new TextEncoder().encode('\\.//^\\');

/** §5.2, expandDecapsulationKey. */
function expand(seed: Uint8Array) {
  if (seed.length !== 32) throw new NeoError('failed', 'an X-Wing seed is 32 bytes');
  const expanded = shake256(seed, { dkLen: 96 });
  const dhSecret = expanded.subarray(64);
  return { kem: ml_kem768.keygen(expanded.slice(0, 64)), dhSecret, dhPublic: x25519.getPublicKey(dhSecret) };
}

/** §5.3, Combiner. */
function combine(kemSecret: Uint8Array, dhSecret: Uint8Array, dhCiphertext: Uint8Array, dhPublic: Uint8Array) {
  const hash = sha3_256.create().update(kemSecret).update(dhSecret).update(dhCiphertext).update(dhPublic);
  return hash.update(LABEL).digest();
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/** The parts of the engine that are X-Wing. Copies of the inputs, where a library would keep or align them. */
export const portableKem: Pick<Engine, 'kemPublicKey' | 'kemEncapsulate' | 'kemDecapsulate'> = {
  kemPublicKey(seed) {
    const { kem, dhPublic } = expand(seed);
    return join(kem.publicKey, dhPublic);
  },

  kemEncapsulate(publicKey, entropy) {
    if (publicKey.length !== KEM_PUBLIC_LENGTH + 32 || entropy.length !== 64) {
      throw new NeoError('failed', 'X-Wing takes a public key of 1,216 bytes and 64 random ones');
    }
    const dhPublic = publicKey.slice(KEM_PUBLIC_LENGTH);
    const ephemeral = entropy.slice(32);
    try {
      const kem = ml_kem768.encapsulate(publicKey.slice(0, KEM_PUBLIC_LENGTH), entropy.slice(0, 32));
      const dhCiphertext = x25519.getPublicKey(ephemeral);
      const agreed = x25519.getSharedSecret(ephemeral, dhPublic);
      const secret = combine(kem.sharedSecret, agreed, dhCiphertext, dhPublic);
      return { ciphertext: join(kem.cipherText, dhCiphertext), secret };
    } catch (cause) {
      throw new NeoError('integrity', 'not a valid X-Wing public key', { cause });
    }
  },

  kemDecapsulate(seed, ciphertext) {
    if (ciphertext.length !== KEM_CIPHERTEXT_LENGTH + 32) {
      throw new NeoError('integrity', 'an X-Wing ciphertext is 1,120 bytes');
    }
    const { kem, dhSecret, dhPublic } = expand(seed);
    const dhCiphertext = ciphertext.slice(KEM_CIPHERTEXT_LENGTH);
    try {
      const kemSecret = ml_kem768.decapsulate(ciphertext.slice(0, KEM_CIPHERTEXT_LENGTH), kem.secretKey);
      return combine(kemSecret, x25519.getSharedSecret(dhSecret, dhCiphertext), dhCiphertext, dhPublic);
    } catch (cause) {
      throw new NeoError('integrity', 'not a valid X-Wing ciphertext', { cause });
    }
  },
};
