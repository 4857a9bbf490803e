/**
 * The decoder's primitives against independent ones: @noble writes the vectors (`vitest -u` renews the files), and
 * `docs/decoder/selftest.py` reproduces them from the written-out BLAKE3, HChaCha20 and ML-KEM.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, test } from 'vitest';
import { sealBlob } from '../../src/engine/aead.ts';
import { encodePayload } from '../../src/engine/codec.ts';
import { blobIdOf, contentKeyOf, deriveKey } from '../../src/engine/keys.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { decoderFolder, decoderIsReady, PYTHON } from './python.ts';

const fixtures = fileURLToPath(new URL('../fixtures/decoder/', import.meta.url));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ascii = (text: string) => new TextEncoder().encode(text);
/** The input of the official BLAKE3 vectors: 0, 1 … 250, 0, 1 … */
const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);
/** Deterministic bytes that differ from case to case. */
const filler = (name: string, length: number) => blake3(ascii(`decoder vector ${name}`), { dkLen: length });

function blake3Vectors() {
  const key = ascii('whats the Elvish word for friend');
  const context = 'BLAKE3 2019-12-27 16:29:52 test vectors context';
  const lengths = [0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3073, 5121, 8193, 31744, 102400];
  return lengths.map((length) => ({
    length,
    hash: hex(blake3(pattern(length))),
    keyed: hex(blake3(pattern(length), { key })),
    derived: hex(blake3(pattern(length), { context: ascii(context) })),
  }));
}

function xchachaVectors() {
  return [0, 1, 64, 1000].map((length) => {
    const [key, nonce, aad] = [filler('key', 32), filler(`nonce ${length}`, 24), filler('aad', length % 23)];
    const sealed = xchacha20poly1305(key, nonce, aad).encrypt(pattern(length));
    return { key: hex(key), nonce: hex(nonce), aad: hex(aad), length, sealed: hex(sealed) };
  });
}

function hkdfVectors() {
  const key = filler('root', 32);
  return [
    ['content.data', ''],
    ['index', ''],
    ['chunker', hex(filler('domain', 16))],
  ].map(([label = '', domain = '']) => {
    const info = Buffer.concat([ascii(`neo/v1 ${label}\0`), Buffer.from(domain, 'hex')]);
    return { key: hex(key), label, domain, out: hex(hkdf(sha256, key, undefined, info, 32)) };
  });
}

function mlKemVectors() {
  return ['one', 'two', 'three'].map((name) => {
    const seed = filler(`ml-kem ${name}`, 64);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    const sealed = ml_kem768.encapsulate(publicKey, filler(`coins ${name}`, 32));
    const forged = sealed.cipherText.map((byte, i) => (i === 700 ? byte ^ 4 : byte));
    return {
      seed: hex(seed),
      publicKey: hex(publicKey),
      secretKeyHash: hex(blake3(secretKey)),
      ciphertext: hex(sealed.cipherText),
      secret: hex(sealed.sharedSecret),
      forgedByte: 700,
      forgedBits: 4,
      forgedSecret: hex(ml_kem768.decapsulate(forged, secretKey)),
    };
  });
}

function xWingVectors() {
  return ['one', 'two', 'three'].map((name) => {
    const seed = filler(`x-wing ${name}`, 32);
    const { publicKey } = ml_kem768_x25519.keygen(seed);
    const sealed = ml_kem768_x25519.encapsulate(publicKey, filler(`x-wing coins ${name}`, 64));
    return {
      seed: hex(seed),
      publicKey: hex(publicKey),
      ciphertext: hex(sealed.cipherText),
      secret: hex(sealed.sharedSecret),
    };
  });
}

/** A recovery key by docs/format.md, section 9, for a secret and its two bytes of check sum. */
function onPaper(secret: Uint8Array): string {
  const check = blake3(Buffer.concat([ascii('neo/v1 paper'), secret])).subarray(0, 2);
  const bits = [...secret, ...check].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const digits = Array.from({ length: 55 }, (_, i) => Number.parseInt(bits.slice(5 * i, 5 * i + 5).padEnd(5, '0'), 2));
  const text = digits.map((digit) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[digit]).join('');
  return `NEO1-${text.match(/.{5}/g)?.join('-')}`;
}

function paperVectors() {
  return ['one', 'two', 'three'].map((name) => {
    const secret = filler(`paper ${name}`, 32);
    return { secret: hex(secret), text: onPaper(secret) };
  });
}

/** Blobs as neo's own engine seals them (§5): one of each kind, suite and codec. */
async function blobVectors() {
  const engine = await loadEngine('portable');
  let drawn = 0;
  const random = { bytes: (length: number) => filler(`nonce ${drawn++}`, length) };
  const texts = [ascii(''), ascii('a few bytes'), ascii('compresses '.repeat(50))];
  return (
    [
      ['data', 1],
      ['tree', 2],
      ['list', 3],
    ] as const
  ).flatMap(([kind, byte]) => {
    const secret = deriveKey(engine, filler('root', 32), `content.${kind}`);
    return (['aes-256-gcm', 'chacha20-poly1305'] as const).flatMap((suite) =>
      texts.map((plain) => {
        const key = contentKeyOf(engine, secret, plain);
        const { codec, payload } = encodePayload(engine, plain, 3);
        const sealed = sealBlob(engine, suite, byte, key, payload, codec, plain.length, random);
        const id = blobIdOf(engine, key);
        return {
          kind,
          root: hex(filler('root', 32)),
          plain: hex(plain),
          key: hex(key),
          id: hex(id),
          sealed: hex(sealed),
        };
      }),
    );
  });
}

describe('the vectors are what @noble and neo compute', () => {
  test.each([
    ['blake3', blake3Vectors],
    ['xchacha', xchachaVectors],
    ['hkdf', hkdfVectors],
    ['mlkem768', mlKemVectors],
    ['xwing', xWingVectors],
    ['paper', paperVectors],
    ['blobs', blobVectors],
  ])('%s', async (name, vectors) => {
    await expect(`${JSON.stringify(await vectors(), undefined, 1)}\n`).toMatchFileSnapshot(`${fixtures}${name}.json`);
  });
});

test.skipIf(!decoderIsReady())('the decoder reproduces all vectors', async () => {
  const { stdout } = await promisify(execFile)(PYTHON, [`${decoderFolder}selftest.py`]);
  expect(stdout).toMatch(/^all \d+ vectors agree\n$/);
});
