/**
 * Signatures that only an attacker makes: keys and R with a part of small order. Implementations of RFC 8032 differ on
 * them; two engines that did would disagree on which objects of a repository count.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { expect, test } from 'vitest';
import { fromHex } from '../../src/core/bytes.ts';
import { native, portable } from './support.ts';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
type EdPoint = InstanceType<typeof Point>;

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

function scalarBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** Orders 1, 2, 4 and 8. */
const torsion: readonly EdPoint[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
].map((hex) => Point.fromBytes(Uint8Array.from(fromHex(hex))));

interface Verdicts {
  accepted: number;
  refused: number;
}

/** Signs `runs` messages with A = a·B + first and R = r·B + second, and compares the engines on each. */
function compare(a: bigint, first: EdPoint, r: bigint, second: EdPoint, runs: number): Verdicts {
  const key = Point.BASE.multiplyUnsafe(a).add(first).toBytes();
  const nonce = Point.BASE.multiplyUnsafe(r).add(second).toBytes();
  const verdicts = { accepted: 0, refused: 0 };
  for (let m = 0; m < runs; m++) {
    const message = Uint8Array.of(m);
    const k = littleEndian(sha512(new Uint8Array([...nonce, ...key, m])));
    const signature = new Uint8Array([...nonce, ...scalarBytes((r + k * a) % ORDER)]);
    const verdict = native.verify(key, message, signature);
    expect(portable.verify(key, message, signature)).toBe(verdict);
    if (verdict) verdicts.accepted++;
    else verdicts.refused++;
  }
  return verdicts;
}

const A = 0x1234_5678_9abc_def0_1234_5678_9abcn;
const R = 0x0fed_cba9_8765_4321_0fed_cba9n;

test('keys and R with a part of small order: both engines decide alike', () => {
  const total = { accepted: 0, refused: 0 };
  for (const first of torsion) {
    for (const second of torsion) {
      const verdicts = compare(A, first, R, second, 12);
      total.accepted += verdicts.accepted;
      total.refused += verdicts.refused;
    }
  }
  // Both kinds occur, or the comparison would show nothing.
  expect(total.accepted).toBeGreaterThan(12);
  expect(total.refused).toBeGreaterThan(12);
});

test('a key or R that is of small order altogether is refused, though the equation holds', () => {
  for (const point of torsion) {
    expect(compare(0n, point, R, Point.ZERO, 9).accepted).toBe(0);
    expect(compare(A, Point.ZERO, 0n, point, 9).accepted).toBe(0);
  }
});

test('s must be below the order, and points must be of the curve', () => {
  const seed = new Uint8Array(32).fill(3);
  const message = Uint8Array.of(1, 2, 3);
  const key = native.signPublicKey(seed);
  const signature = native.sign(seed, message);
  const raised = new Uint8Array([
    ...signature.subarray(0, 32),
    ...scalarBytes(littleEndian(signature.subarray(32)) + ORDER),
  ]);
  const noPoint = new Uint8Array(32).fill(0).with(0, 2);
  for (const engine of [native, portable]) {
    expect(engine.verify(key, message, signature)).toBe(true);
    expect(engine.verify(key, message, raised)).toBe(false);
    expect(engine.verify(noPoint, message, signature)).toBe(false);
  }
});
