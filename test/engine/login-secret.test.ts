/** What a client makes of an account's secret, and what a server keeps of it. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { DEFAULT_ARGON2 } from '../../src/engine/kdf.ts';
import { deriveLogin, type LoginParameters } from '../../src/engine/login-secret.ts';
import { decoySalt, equalSecret, hashToken, verifierOf } from '../../src/engine/verifier.ts';
import { engines, native, noise } from './support.ts';

/** A server's fingerprint, of which the first 16 bytes count. */
const SERVER = Uint8Array.from({ length: 32 }, (_, at) => 255 - at);

/** The root by Argon2id of @noble/hashes, which neither engine uses, and HKDF and SHA-256 by Python's hmac and hashlib. */
const VECTORS = [
  {
    secret: 'correct horse battery staple',
    kdf: { salt: Uint8Array.from({ length: 16 }, (_, at) => at), memory: 64 * 1024, passes: 3, lanes: 4 },
    proof: '44de58793df1816746d08c989f16284364040c0db9d1a75bc05dcf568c3796ea',
    sealingKey: 'e7e8546d727bd59c039458af8c58acc5a83367ace0c96bb02c537d51f8628b31',
    verifier: '298e67d472ca76d4261f7bd45e246e7a8604b58aa53c25dfc7c8d17adc533546',
  },
  {
    secret: 'Schlüssel',
    kdf: { salt: new Uint8Array(16).fill(0xa5), memory: 96 * 1024, passes: 2, lanes: 1 },
    proof: 'f057c7f58c0c29223b6a96437b6bd64e7777d7470720399c535c75140180ad03',
    sealingKey: 'ef732a534a440d2e2c141d8ce3b1fc965f16d264958041ff7324b15f6b111e1f',
    verifier: 'd47b2be86c161078c7c6a109522389321bfd558f6aa9c7bbc9415bd3c064a334',
  },
] as const;

describe.each(engines)('with the %s engine', (_name, engine) => {
  test.each(VECTORS)('of "$secret" come the recorded keys', async ({ secret, kdf, ...expected }) => {
    const { proof, sealingKey } = await deriveLogin(engine, utf8(secret), kdf, SERVER);
    expect([toHex(proof), toHex(sealingKey)]).toEqual([expected.proof, expected.sealingKey]);
    expect(toHex(verifierOf(proof))).toBe(expected.verifier);
  });
});

/** An engine whose Argon2id costs nothing and is recorded. */
function recording(): { engine: Engine; roots: Uint8Array[] } {
  const roots: Uint8Array[] = [];
  const argon2id: Engine['argon2id'] = async (_password, _salt, _parameters, length) => {
    const root = noise(length, 7);
    roots.push(root);
    return root;
  };
  return { engine: { ...native, argon2id }, roots };
}

function asked(change: Partial<LoginParameters> = {}): LoginParameters {
  return { ...DEFAULT_ARGON2, salt: noise(16), ...change };
}

describe('parameters of a server', () => {
  test.each([
    asked(),
    asked({ lanes: 1 }),
    asked({ memory: 96 * 1024, passes: 2 }),
    asked({ memory: 1024 * 1024, passes: 1 }),
    asked({ memory: 1024 * 1024, passes: 64, lanes: 64 }),
  ])('are taken: %j', async (kdf) => {
    const { engine, roots } = recording();
    const { proof, sealingKey } = await deriveLogin(engine, utf8('x'), kdf, SERVER);
    expect([proof.length, sealingKey.length]).toEqual([32, 32]);
    expect(proof).not.toEqual(sealingKey);
    // Forgotten.
    expect(roots).toEqual([new Uint8Array(32)]);
  });

  test.each([
    asked({ memory: 64 * 1024 - 1 }),
    asked({ passes: 2 }),
    asked({ memory: 96 * 1024 - 1, passes: 2 }),
    asked({ memory: 19 * 1024, passes: 64 }),
    asked({ memory: 32, passes: 1 }),
  ])('that are too weak are refused before anything is derived: %j', async (kdf) => {
    const { engine, roots } = recording();
    await expect(deriveLogin(engine, utf8('x'), kdf, SERVER)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(/^server asks for too weak a protection of the secret \(Argon2id with \d+ KiB/),
      hint: expect.stringContaining('guess the secret'),
    });
    expect(roots).toEqual([]);
  });

  test.each([
    asked({ memory: 1024 * 1024 + 1 }),
    asked({ memory: Number.NaN }),
    asked({ memory: 65_536.5 }),
    asked({ memory: -65_536 }),
    asked({ passes: 65 }),
    asked({ passes: 0 }),
    asked({ lanes: 65 }),
    asked({ lanes: 0 }),
    asked({ salt: noise(7) }),
    asked({ salt: noise(65) }),
  ])('that are too much, or none, are refused before anything is derived: %j', async (kdf) => {
    const { engine, roots } = recording();
    await expect(deriveLogin(engine, utf8('x'), kdf, SERVER)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(/^server asks for .*: refused$/),
      hint: 'the server is damaged or was made to exhaust this machine',
    });
    expect(roots).toEqual([]);
  });

  it('of which each gets a proof that is of use nowhere else', async () => {
    const { engine } = recording();
    const [one, other] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    const [here, there] = await Promise.all([one, other].map((each) => deriveLogin(engine, utf8('x'), asked(), each)));
    expect(here?.proof).not.toEqual(there?.proof);
    expect(here?.sealingKey).toEqual(there?.sealingKey);
  });

  it('cannot choose another derivation than Argon2id', async () => {
    const { engine, roots } = recording();
    const kdf = { ...asked(), name: 'scrypt', n: 2, r: 1, p: 1 };
    await deriveLogin(engine, utf8('x'), kdf, SERVER);
    expect(roots).toHaveLength(1);
  });

  it('leave no root where what comes after fails', async () => {
    const { engine, roots } = recording();
    const hkdf = () => {
      throw new Error('no');
    };
    await expect(deriveLogin({ ...engine, hkdf }, utf8('x'), asked(), SERVER)).rejects.toThrow('no');
    expect(roots).toEqual([new Uint8Array(32)]);
  });
});

describe('what a server keeps', () => {
  it('of tokens is SHA-256', () => {
    expect(toHex(hashToken(''))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(toHex(hashToken('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(toHex(hashToken('tökén'))).toBe('c61a705e32913a858921fec03c7dc0259250783f37e3d82341e7bda6fe7e7833');
  });

  it('is compared by all bytes', () => {
    expect(equalSecret(new Uint8Array(0), new Uint8Array(0))).toBe(true);
    expect(equalSecret(new Uint8Array(32), new Uint8Array(31))).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
        expect(equalSecret(a, Uint8Array.from(a))).toBe(true);
        expect(equalSecret(a, b)).toBe(toHex(a) === toHex(b));
      }),
    );
    const bytes = noise(32);
    for (let bit = 0; bit < 256; bit++) {
      const other = Uint8Array.from(bytes);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(equalSecret(bytes, other)).toBe(false);
    }
  });

  it('and the salts of accounts that are not there stay the same, and differ by name and by server', () => {
    const pepper = new Uint8Array(32).fill(7);
    expect(toHex(decoySalt(pepper, 'alice'))).toBe('6a8851c590ddeb5a2ea0a50374798bce');
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        fc.pre(a !== b);
        expect(decoySalt(pepper, a)).toEqual(decoySalt(pepper, a));
        expect(decoySalt(pepper, a)).toHaveLength(16);
        expect(decoySalt(pepper, a)).not.toEqual(decoySalt(pepper, b));
        expect(decoySalt(pepper, a)).not.toEqual(decoySalt(noise(32), a));
      }),
    );
  });
});
