/** X-Wing: the draft's vectors, the engines against each other and against @noble's own X-Wing. */
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { engines, expectNeoError, fixture, noise, pairs } from './support.ts';

interface KemVectors {
  readonly cases: readonly {
    source: string;
    seed: string;
    entropy: string;
    publicKey: string;
    ciphertext: string;
    secret: string;
  }[];
}

const { cases } = fixture<KemVectors>('xwing');

describe.each(engines)('%s', (_name, engine) => {
  test.each(cases)('$source', ({ seed, entropy, publicKey, ciphertext, secret }) => {
    expect(toHex(engine.kemPublicKey(fromHex(seed)))).toBe(publicKey);
    const sealed = engine.kemEncapsulate(fromHex(publicKey), fromHex(entropy));
    expect(toHex(sealed.ciphertext)).toBe(ciphertext);
    expect(toHex(sealed.secret)).toBe(secret);
    expect(toHex(engine.kemDecapsulate(fromHex(seed), fromHex(ciphertext)))).toBe(secret);
  });

  test('is the X-Wing of another implementation', () => {
    for (let i = 0; i < 5; i++) {
      const seed = noise(32, 100 + i);
      const entropy = noise(64, 200 + i);
      const theirs = ml_kem768_x25519.keygen(seed);
      expect(toHex(engine.kemPublicKey(seed))).toBe(toHex(theirs.publicKey));
      const { ciphertext, secret } = engine.kemEncapsulate(theirs.publicKey, entropy);
      expect(toHex(ml_kem768_x25519.decapsulate(ciphertext, theirs.secretKey))).toBe(toHex(secret));
    }
  });

  test('a changed ciphertext gives another secret, never the right one', () => {
    const seed = noise(32);
    const { ciphertext, secret } = engine.kemEncapsulate(engine.kemPublicKey(seed), noise(64));
    for (const at of [0, 500, 1087, 1088, 1119]) {
      const changed = ciphertext.slice();
      // Not the top bit of the X25519 part, which RFC 7748 §5 ignores; but it is hashed too.
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(toHex(engine.kemDecapsulate(seed, changed))).not.toBe(toHex(secret));
    }
    expect(toHex(engine.kemDecapsulate(noise(32, 2), ciphertext))).not.toBe(toHex(secret));
  });

  test('refuses what is no key or ciphertext', () => {
    const seed = noise(32);
    const publicKey = engine.kemPublicKey(seed);
    const { ciphertext } = engine.kemEncapsulate(publicKey, noise(64));
    expectNeoError(() => engine.kemPublicKey(noise(31)), 'failed');
    expectNeoError(() => engine.kemEncapsulate(publicKey.subarray(1), noise(64)), 'failed');
    expectNeoError(() => engine.kemEncapsulate(publicKey, noise(32)), 'failed');
    expectNeoError(() => engine.kemDecapsulate(seed, ciphertext.subarray(1)), 'integrity');
    // FIPS 203 §7.2: coefficients of q and above; RFC 7748 §6.1: an X25519 point that gives all zeros.
    const overflowing = publicKey.slice().fill(0xff, 0, 1152);
    expectNeoError(() => engine.kemEncapsulate(overflowing, noise(64)), 'integrity');
    const zeroPoint = publicKey.slice().fill(0, 1184);
    expectNeoError(() => engine.kemEncapsulate(zeroPoint, noise(64)), 'integrity');
    const zeroShare = ciphertext.slice().fill(0, 1088);
    expectNeoError(() => engine.kemDecapsulate(seed, zeroShare), 'integrity');
  });
});

test.each(pairs)('%s encapsulates, %s decapsulates', (_a, _b, sender, receiver) => {
  for (let i = 0; i < 5; i++) {
    const seed = noise(32, 300 + i);
    const { ciphertext, secret } = sender.kemEncapsulate(receiver.kemPublicKey(seed), noise(64, 400 + i));
    expect(ciphertext.length).toBe(1120);
    expect(toHex(receiver.kemDecapsulate(seed, ciphertext))).toBe(toHex(secret));
  }
});
