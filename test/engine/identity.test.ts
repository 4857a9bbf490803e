/** Signature lists: what they cover, and how unknown algorithms are taken. */
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter, concatBytes, toHex, utf8 } from '../../src/core/bytes.ts';
import { readSignatures, signBytes, verifySignatures } from '../../src/engine/identity.ts';
import { engines, expectNeoError, noise, pairs } from './support.ts';

const SEED = noise(32, 9);
const REPOSITORY = noise(16, 10);
const BYTES = utf8('an object');

test.each(pairs)('%s signs, %s verifies, and only that', (_a, _b, signer, verifier) => {
  const list = signBytes(signer, SEED, 'index', REPOSITORY, BYTES);
  const key = signer.signPublicKey(SEED);
  const verify = (kind: string, repository: Uint8Array, bytes: Uint8Array, signatures = list) =>
    verifySignatures(verifier, key, kind, repository, bytes, signatures);
  expect(verify('index', REPOSITORY, BYTES)).toBe(true);
  expect(verify('inde', REPOSITORY, BYTES)).toBe(false);
  expect(verify('index', noise(16, 11), BYTES)).toBe(false);
  expect(verify('index', REPOSITORY, concatBytes(BYTES, Uint8Array.of(0)))).toBe(false);
  expect(verifySignatures(verifier, verifier.signPublicKey(noise(32)), 'index', REPOSITORY, BYTES, list)).toBe(false);
  for (let length = 0; length < list.length; length++) {
    expect(verify('index', REPOSITORY, BYTES, list.subarray(0, length))).toBe(false);
  }
  expect(verify('index', REPOSITORY, BYTES, concatBytes(list, Uint8Array.of(0)))).toBe(false);
});

describe.each(engines)('%s', (_name, engine) => {
  const key = engine.signPublicKey(SEED);
  const value = signBytes(engine, SEED, 'pack', REPOSITORY, BYTES).subarray(4);
  const listOf = (...signatures: [number, Uint8Array][]) => {
    const writer = new ByteWriter().u8(signatures.length);
    for (const [algorithm, bytes] of signatures) writer.u8(algorithm).u16(bytes.length).bytes(bytes);
    return writer.finish();
  };
  const verify = (list: Uint8Array) => verifySignatures(engine, key, 'pack', REPOSITORY, BYTES, list);

  test('the message and the list are as specified', () => {
    const message = concatBytes(utf8('neo/v1 pack\0'), REPOSITORY, BYTES);
    expect(toHex(value)).toBe(toHex(engine.sign(SEED, message)));
    expect(toHex(listOf([1, value]))).toBe(toHex(signBytes(engine, SEED, 'pack', REPOSITORY, BYTES)));
  });

  test('unknown algorithms are skipped, one known is needed, every known must verify', () => {
    const unknown: [number, Uint8Array] = [2, noise(3309)];
    const wrong: [number, Uint8Array] = [1, noise(64)];
    expect(verify(listOf([1, value]))).toBe(true);
    expect(verify(listOf([1, value], unknown))).toBe(true);
    expect(verify(listOf(unknown, [1, value]))).toBe(true);
    expect(verify(listOf([1, value], [1, value]))).toBe(true);
    expect(verify(listOf())).toBe(false);
    expect(verify(listOf(unknown))).toBe(false);
    expect(verify(listOf(wrong))).toBe(false);
    expect(verify(listOf([1, value], wrong))).toBe(false);
    expect(verify(listOf(wrong, [1, value]))).toBe(false);
    expect(verify(listOf([1, value.subarray(1)]))).toBe(false);
  });

  test('a list is read out of a longer object, whatever its algorithms', () => {
    const list = listOf([1, value], [200, noise(10)]);
    const reader = new ByteReader(concatBytes(list, utf8('rest')));
    expect(toHex(readSignatures(reader))).toBe(toHex(list));
    expect(reader.remaining).toBe(4);
    for (let length = 0; length < list.length; length++) {
      expectNeoError(() => readSignatures(new ByteReader(list.subarray(0, length))), 'integrity');
    }
  });

  test('a repository id is 16 bytes', () => {
    expectNeoError(() => signBytes(engine, SEED, 'pack', noise(15), BYTES), 'failed');
  });
});
