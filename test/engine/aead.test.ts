/** Sealed blobs and objects: round trips across engines, and every way in which one may not pass for another. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex, utf8 } from '../../src/core/bytes.ts';
import { contentKey } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import {
  BLOB_OVERHEAD,
  MAX_BLOB_LENGTH,
  openBlob,
  openObject,
  sealBlob,
  sealBlobInto,
  sealObject,
} from '../../src/engine/aead.ts';
import { encodePayload } from '../../src/engine/codec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { blobIdOf, contentKeyOf, deriveKey } from '../../src/engine/keys.ts';
import { engines, expectNeoError, native, noise, pairs, portable, prose, sharedView } from './support.ts';

const SECRET = noise(32, 41);
const SUITES = ['aes-256-gcm', 'chacha20-poly1305'] as const;

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A blob whose inside is exactly these bytes, sealed rightly: what a holder of the content key can forge. */
function forged(engine: Engine, kind: 1 | 2 | 3, plaintext: Uint8Array, inner: Uint8Array): Uint8Array {
  const key = contentKeyOf(engine, SECRET, plaintext);
  const aad = concatBytes(Uint8Array.of(1, kind), blobIdOf(engine, key));
  const nonce = noise(12);
  const sealingKey = engine.blake3Derive('neo/v1 aes-256-gcm', key);
  return concatBytes(Uint8Array.of(1), nonce, engine.seal('aes-256-gcm', sealingKey, nonce, inner, aad));
}

describe.each(pairs)('%s seals, %s opens', (_a, _b, writer, reader) => {
  test.each(SUITES)('blobs of any content, with %s', (suite) => {
    const level = fc.constantFrom(0, 1, 3);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), level, fc.constantFrom(1, 2, 3), (bytes, chosen, kind) => {
        const plaintext = concatBytes(bytes, prose(bytes.length));
        const key = contentKeyOf(writer, SECRET, plaintext);
        const { codec, payload } = encodePayload(writer, plaintext, chosen);
        const sealed = sealBlob(writer, suite, kind, key, payload, codec, plaintext.length, systemRandom);
        expect(sealed.length).toBe(BLOB_OVERHEAD + payload.length);
        expect(same(openBlob(reader, kind, key, sealed), plaintext)).toBe(true);
        expect(same(openBlob(reader, kind, key, sharedView(sealed)), plaintext)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('objects', () => {
    for (const length of [0, 1, 100, 10_000]) {
      const sealed = sealObject(writer, SECRET, noise(length), utf8('aad'), systemRandom);
      expect(same(openObject(reader, SECRET, sealed, utf8('aad')), noise(length))).toBe(true);
      expectNeoError(() => openObject(reader, SECRET, sealed, utf8('add')), 'integrity');
      expectNeoError(() => openObject(reader, noise(32, 3), sealed, utf8('aad')), 'integrity');
      for (const cut of [0, 23, 24, 39, sealed.length - 1]) {
        expectNeoError(() => openObject(reader, SECRET, sealed.subarray(0, cut), utf8('aad')), 'integrity');
      }
    }
  });
});

test('the layout is the one of the specification, byte for byte', () => {
  const plaintext = utf8('hello');
  const key = contentKeyOf(native, SECRET, plaintext);
  const random = { bytes: (count: number) => noise(count, 7) };
  for (const engine of [native, portable]) {
    const sealed = sealBlob(engine, 'aes-256-gcm', 2, key, plaintext, 0, plaintext.length, random);
    const inner = concatBytes(Uint8Array.of(0, 5, 0, 0, 0), plaintext);
    const aad = concatBytes(Uint8Array.of(1, 2), engine.blake3(concatBytes(utf8('neo/v1 id'), key)));
    const sealingKey = engine.blake3Derive('neo/v1 aes-256-gcm', key);
    const box = engine.seal('aes-256-gcm', sealingKey, noise(12, 7), inner, aad);
    expect(toHex(sealed)).toBe(`01${toHex(noise(12, 7))}${toHex(box)}`);
    expect(toHex(deriveKey(engine, SECRET, 'index', noise(16)))).toBe(
      toHex(engine.hkdf(SECRET, concatBytes(utf8('neo/v1 index'), Uint8Array.of(0), noise(16)), 32)),
    );
  }
});

describe.each(engines)('%s refuses', (_name, engine) => {
  const plaintext = prose(3000);
  const key = contentKeyOf(engine, SECRET, plaintext);
  const { codec, payload } = encodePayload(engine, plaintext, 3);
  const sealed = sealBlob(engine, 'aes-256-gcm', 1, key, payload, codec, plaintext.length, systemRandom);

  test('another kind, key or suite, and every change or cut', () => {
    expect(same(openBlob(engine, 1, key, sealed), plaintext)).toBe(true);
    expectNeoError(() => openBlob(engine, 2, key, sealed), 'integrity');
    expectNeoError(() => openBlob(engine, 3, key, sealed), 'integrity');
    expectNeoError(() => openBlob(engine, 1, contentKey(noise(32)), sealed), 'integrity');
    for (let at = 0; at < sealed.length; at++) {
      expectNeoError(() => openBlob(engine, 1, key, Uint8Array.from(sealed).with(at, ~(sealed[at] ?? 0))), 'integrity');
    }
    for (const suite of [0, 2, 3, 255]) {
      expectNeoError(() => openBlob(engine, 1, key, Uint8Array.from(sealed).with(0, suite)), 'integrity');
    }
    for (let length = 0; length < sealed.length; length += 1 + (length >> 3)) {
      expectNeoError(() => openBlob(engine, 1, key, sealed.subarray(0, length)), 'integrity');
    }
  });

  test('an inside that lies about its codec or length', () => {
    const lies = [
      [],
      [0],
      [0, 0, 0, 0],
      [2, 3, 0, 0, 0, 1, 2, 3],
      [0, 4, 0, 0, 0, 1, 2, 3],
      [0, 2, 0, 0, 0, 1, 2, 3],
      [1, 3, 0, 0, 0, 1, 2, 3],
      [1, 0, 0, 0, 0],
      [1, 255, 255, 255, 255, 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 255, 255, 255, 255, 3, 0, 0x10, 0x41],
      [0, 1, 0, 0, 1],
    ];
    for (const inner of lies) {
      const blob = forged(engine, 1, plaintext, Uint8Array.from(inner));
      expectNeoError(() => openBlob(engine, 1, key, blob), 'integrity');
    }
  });

  test('to seal what is too large, or with long nonces', () => {
    const seal = (suite: 'aes-256-gcm' | 'xchacha20-poly1305', length: number) =>
      sealBlob(engine, suite, 1, key, new Uint8Array(1), 1, length, systemRandom);
    expectNeoError(() => seal('aes-256-gcm', MAX_BLOB_LENGTH + 1), 'failed');
    expectNeoError(() => seal('xchacha20-poly1305', 1), 'failed');
  });

  test('nothing of the bytes around a blob that is sealed in place', () => {
    const pack = new Uint8Array(sealed.length + 100).fill(0x5a);
    const length = plaintext.length;
    const written = sealBlobInto(engine, 'aes-256-gcm', 1, key, payload, codec, length, systemRandom, pack, 60);
    expect(written).toBe(sealed.length);
    expect(same(openBlob(engine, 1, key, pack.subarray(60, 60 + written)), plaintext)).toBe(true);
    expect(pack.subarray(0, 60).every((byte) => byte === 0x5a)).toBe(true);
    expect(pack.subarray(60 + written).every((byte) => byte === 0x5a)).toBe(true);
  });

  test('to repeat a nonce', () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const blob = sealBlob(engine, 'aes-256-gcm', 1, key, payload, codec, plaintext.length, systemRandom);
      nonces.add(toHex(blob.subarray(1, 13)));
    }
    expect(nonces.size).toBe(50);
  });
});

describe.each(engines)('%s: payloads', (_name, engine) => {
  test('are raw where compression is off or does not pay', () => {
    for (const [bytes, level] of [
      [prose(100_000), 0],
      [noise(100_000), 3],
      [noise(100), 3],
      [new Uint8Array(0), 3],
      [utf8('a'), 19],
      [noise(40_000), 22],
    ] as const) {
      const { codec, payload } = encodePayload(engine, bytes, level);
      expect(codec).toBe(0);
      expect(payload).toBe(bytes);
    }
  });

  test('are frames where it pays, also when only a part compresses', () => {
    for (const bytes of [
      prose(100),
      prose(40_000),
      new Uint8Array(1 << 20),
      Buffer.concat([noise(200_000), prose(60_000)]),
      Buffer.concat([prose(60_000), noise(200_000)]),
    ]) {
      const { codec, payload } = encodePayload(engine, bytes, 3);
      expect(codec).toBe(1);
      expect(payload.length).toBeLessThan(bytes.length);
      expect(same(engine.decompress(payload, bytes.length), bytes)).toBe(true);
    }
  });

  test('above 4 MiB are raw', () => {
    expect(encodePayload(engine, new Uint8Array((4 << 20) + 1), 3).codec).toBe(0);
  });
});
