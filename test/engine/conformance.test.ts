/** One suite over both engines: known answers, odd memory, misuse; and each reads what the other wrote. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { type Engine, SUITES, type Suite } from '../../src/engine/engine.ts';
import { hchacha20 } from '../../src/engine/hchacha.ts';
import { engines, expectNeoError, fixture, noise, oddView, pairs, sharedView } from './support.ts';

interface Blake3Vectors {
  readonly key: string;
  readonly context: string;
  readonly cases: readonly { length: number; hash: string; keyed: string; derived: string }[];
}
interface AeadVector {
  readonly source: string;
  readonly suite: Suite;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly sealed: string;
}
interface KeyVectors {
  readonly hchacha20: readonly { source: string; key: string; nonce: string; out: string }[];
  readonly hkdf: readonly { source: string; key: string; info: string; out: string }[];
  readonly argon2id: readonly {
    password: string;
    salt: string;
    memory: number;
    passes: number;
    lanes: number;
    out: string;
  }[];
  readonly scrypt: readonly { password: string; salt: string; n: number; r: number; p: number; out: string }[];
  readonly ed25519: readonly { source: string; seed: string; publicKey: string; message: string; signature: string }[];
}

const blake3 = fixture<Blake3Vectors>('blake3');
const aead = fixture<readonly AeadVector[]>('aead');
const keys = fixture<KeyVectors>('keys');
const suites = Object.keys(SUITES) as Suite[];
const KEY = noise(32, 77);
const AAD = utf8('what it belongs to');

function nonceOf(suite: Suite): Uint8Array {
  return noise(suite === 'xchacha20-poly1305' ? 24 : 12, 5);
}

describe.each(engines)('%s: known answers', (_name, engine) => {
  test.each(blake3.cases)('BLAKE3 of $length bytes', ({ length, hash, keyed, derived }) => {
    const input = Uint8Array.from({ length }, (_, i) => i % 251);
    const key = utf8(blake3.key);
    expect(toHex(engine.blake3(input))).toBe(hash);
    expect(toHex(engine.blake3(input, key))).toBe(keyed);
    expect(toHex(engine.blake3Derive(blake3.context, input))).toBe(derived);
    const running = engine.blake3Hasher(key);
    running.update(input.subarray(0, length >> 1));
    running.update(input.subarray(length >> 1));
    expect(toHex(running.digest())).toBe(keyed);
  });

  test.each(aead)('$suite, $source', (vector) => {
    const key = fromHex(vector.key);
    const nonce = fromHex(vector.nonce);
    const aad = fromHex(vector.aad);
    expect(toHex(engine.seal(vector.suite, key, nonce, fromHex(vector.plaintext), aad))).toBe(vector.sealed);
    expect(toHex(engine.open(vector.suite, key, nonce, fromHex(vector.sealed), aad))).toBe(vector.plaintext);
  });

  test.each(keys.hkdf)('HKDF, $source', ({ key, info, out }) => {
    expect(toHex(engine.hkdf(fromHex(key), fromHex(info), out.length / 2))).toBe(out);
  });

  test.each(keys.argon2id)('Argon2id, $memory KiB, $passes passes, $lanes lanes', async (vector) => {
    const key = await engine.argon2id(utf8(vector.password), utf8(vector.salt), vector, 32);
    expect(toHex(key)).toBe(vector.out);
  });

  test.each(keys.scrypt)('scrypt N=$n r=$r p=$p', async (vector) => {
    expect(toHex(await engine.scrypt(utf8(vector.password), utf8(vector.salt), vector, 64))).toBe(vector.out);
  });

  test.each(keys.ed25519)('Ed25519, $source', ({ seed, publicKey, message, signature }) => {
    expect(toHex(engine.signPublicKey(fromHex(seed)))).toBe(publicKey);
    expect(toHex(engine.sign(fromHex(seed), fromHex(message)))).toBe(signature);
    expect(engine.verify(fromHex(publicKey), fromHex(message), fromHex(signature))).toBe(true);
  });
});

test.each(keys.hchacha20)('HChaCha20, $source', ({ key, nonce, out }) => {
  expect(toHex(hchacha20(fromHex(key), fromHex(nonce)))).toBe(out);
});

describe.each(engines)('%s: memory', (_name, engine) => {
  const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 70_001];

  test.each(suites)('%s takes sub-views and shared memory, and keeps nothing', (suite) => {
    for (const length of lengths) {
      const plaintext = noise(length, 9);
      const expected = engine.seal(suite, KEY, nonceOf(suite), plaintext, AAD);
      for (const view of [oddView, sharedView]) {
        const nonce = view(nonceOf(suite));
        expect(engine.seal(suite, view(KEY), nonce, view(plaintext), view(AAD))).toEqual(expected);
        const opened = engine.open(suite, view(KEY), nonce, view(expected), view(AAD));
        expect(toHex(opened)).toBe(toHex(plaintext));
      }
    }
  });

  test('hashes, signatures, keys and frames take sub-views and shared memory', () => {
    for (const length of lengths) {
      const bytes = noise(length, 4);
      for (const view of [oddView, sharedView]) {
        expect(toHex(engine.blake3(view(bytes)))).toBe(toHex(engine.blake3(bytes)));
        expect(toHex(engine.blake3(view(bytes), view(KEY)))).toBe(toHex(engine.blake3(bytes, KEY)));
        expect(toHex(engine.blake3Derive('neo/v1 t', view(bytes)))).toBe(toHex(engine.blake3Derive('neo/v1 t', bytes)));
        expect(toHex(engine.hkdf(view(KEY), view(bytes.subarray(0, 900)), 32))).toBe(
          toHex(engine.hkdf(KEY, bytes.subarray(0, 900), 32)),
        );
        expect(toHex(engine.decompress(view(engine.compress(view(bytes), 3)), length))).toBe(toHex(bytes));
      }
    }
    for (const view of [oddView, sharedView]) {
      const signature = engine.sign(view(KEY), view(AAD));
      expect(engine.verify(view(engine.signPublicKey(view(KEY))), view(AAD), view(signature))).toBe(true);
      const publicKey = engine.kemPublicKey(view(KEY));
      const { ciphertext, secret } = engine.kemEncapsulate(view(publicKey), view(noise(64)));
      expect(toHex(engine.kemDecapsulate(view(KEY), view(ciphertext)))).toBe(toHex(secret));
    }
  });

  test('password keys take sub-views and shared memory', async () => {
    const parameters = { memory: 64, passes: 1, lanes: 2 };
    const expected = toHex(await engine.argon2id(AAD, KEY, parameters, 32));
    const expectedScrypt = toHex(await engine.scrypt(AAD, KEY, { n: 16, r: 1, p: 1 }, 32));
    for (const view of [oddView, sharedView]) {
      expect(toHex(await engine.argon2id(view(AAD), view(KEY), parameters, 32))).toBe(expected);
      expect(toHex(await engine.scrypt(view(AAD), view(KEY), { n: 16, r: 1, p: 1 }, 32))).toBe(expectedScrypt);
    }
  });

  test('running hashes do not disturb each other, nor one-shot hashes between', () => {
    const bytes = noise(5000, 3);
    const running = [undefined, KEY, noise(32, 8), undefined].map((key) => ({ key, hasher: engine.blake3Hasher(key) }));
    for (let at = 0; at < bytes.length; at += 250) {
      for (const { hasher } of running) hasher.update(bytes.subarray(at, at + 250));
      engine.blake3(bytes);
      engine.blake3(bytes, noise(32, at + 1));
    }
    for (const { key, hasher } of running) expect(toHex(hasher.digest())).toBe(toHex(engine.blake3(bytes, key)));
  });

  test('a running hash tells what it has so far, and goes on', () => {
    const bytes = noise(5000, 4);
    for (const key of [undefined, KEY]) {
      const hasher = engine.blake3Hasher(key);
      const other = engine.blake3Hasher(key);
      for (let at = 0; at < bytes.length; at += 1250) {
        hasher.update(bytes.subarray(at, at + 1250));
        other.update(noise(100, at));
        expect(toHex(hasher.soFar())).toBe(toHex(engine.blake3(bytes.subarray(0, at + 1250), key)));
        expect(toHex(hasher.soFar())).toBe(toHex(engine.blake3(bytes.subarray(0, at + 1250), key)));
      }
      expect(toHex(hasher.digest())).toBe(toHex(engine.blake3(bytes, key)));
    }
  });

  test('sealInto writes its bytes and no others', () => {
    for (const suite of suites) {
      const parts = [noise(5, 1), noise(0), noise(1000, 2)];
      const out = new Uint8Array(1100).fill(0xaa);
      const written = engine.sealInto(suite, KEY, nonceOf(suite), parts, AAD, out, 13);
      expect(written).toBe(1021);
      const whole = engine.seal(suite, KEY, nonceOf(suite), Buffer.concat(parts), AAD);
      expect(toHex(out.subarray(13, 13 + written))).toBe(toHex(whole));
      expect(out.subarray(0, 13).every((byte) => byte === 0xaa)).toBe(true);
      expect(out.subarray(13 + written).every((byte) => byte === 0xaa)).toBe(true);
    }
  });
});

describe.each(engines)('%s: misuse', (_name, engine) => {
  test.each(suites)('%s refuses every change', (suite) => {
    const nonce = nonceOf(suite);
    const sealed = engine.seal(suite, KEY, nonce, noise(100), AAD);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at & 7));
      expectNeoError(() => engine.open(suite, KEY, nonce, changed, AAD), 'integrity');
    }
    for (let length = 0; length < sealed.length; length++) {
      expectNeoError(() => engine.open(suite, KEY, nonce, sealed.subarray(0, length), AAD), 'integrity');
    }
    const longer = new Uint8Array([...sealed, 0]);
    expectNeoError(() => engine.open(suite, KEY, nonce, longer, AAD), 'integrity');
    expectNeoError(() => engine.open(suite, KEY, nonce, sealed, AAD.subarray(1)), 'integrity');
    expectNeoError(() => engine.open(suite, KEY, nonce, sealed, new Uint8Array(0)), 'integrity');
    expectNeoError(() => engine.open(suite, noise(32, 2), nonce, sealed, AAD), 'integrity');
    expectNeoError(() => engine.open(suite, KEY, noise(nonce.length, 99), sealed, AAD), 'integrity');
  });

  test.each(suites)('%s refuses keys and nonces of another length', (suite) => {
    const nonce = nonceOf(suite);
    for (const key of [16, 24, 31, 33]) {
      expectNeoError(() => engine.seal(suite, noise(key), nonce, AAD, AAD), 'failed');
      expectNeoError(() => engine.open(suite, noise(key), nonce, noise(40), AAD), 'failed');
    }
    for (const length of [0, 8, 11, 13, 16, nonce.length === 12 ? 24 : 12]) {
      expectNeoError(() => engine.seal(suite, KEY, noise(length), AAD, AAD), 'failed');
    }
  });

  test('a hash is read once, and keys are 32 bytes', () => {
    const hasher = engine.blake3Hasher();
    hasher.update(AAD);
    hasher.digest();
    expectNeoError(() => hasher.digest(), 'failed');
    expectNeoError(() => hasher.update(AAD), 'failed');
    expectNeoError(() => engine.blake3(AAD, noise(31)), 'failed');
    expectNeoError(() => engine.blake3Hasher(noise(33)), 'failed');
    expectNeoError(() => engine.sign(noise(31), AAD), 'failed');
    expectNeoError(() => engine.signPublicKey(noise(33)), 'failed');
  });

  test('a signature of other bytes, another key or another length is false, not an error', () => {
    const publicKey = engine.signPublicKey(KEY);
    const signature = engine.sign(KEY, AAD);
    expect(engine.verify(publicKey, KEY, signature)).toBe(false);
    expect(engine.verify(engine.signPublicKey(noise(32, 3)), AAD, signature)).toBe(false);
    for (const length of [0, 31, 33]) expect(engine.verify(noise(length), AAD, signature)).toBe(false);
    for (const length of [0, 63, 65]) expect(engine.verify(publicKey, AAD, noise(length))).toBe(false);
    for (let bit = 0; bit < 512; bit++) {
      const changed = Uint8Array.from(signature);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (engine.verify(publicKey, AAD, changed)) throw new Error(`bit ${bit} does not count`);
    }
  });
});

describe.each(pairs)('%s writes, %s reads', (_a, _b, writer: Engine, reader: Engine) => {
  test('any plaintext, any additional data, every suite', () => {
    const bytes = fc.uint8Array({ maxLength: 3000 });
    fc.assert(
      fc.property(fc.constantFrom(...suites), bytes, bytes, (suite, plaintext, aad) => {
        const sealed = writer.seal(suite, KEY, nonceOf(suite), plaintext, aad);
        expect(toHex(reader.open(suite, KEY, nonceOf(suite), sealed, aad))).toBe(toHex(plaintext));
      }),
      { numRuns: 60 },
    );
  });

  test('signatures', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 300 }),
        (seed, message) => {
          expect(reader.verify(writer.signPublicKey(seed), message, writer.sign(seed, message))).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });
});
