/**
 * Ed25519 verification that decides exactly as OpenSSL's does, on every input. Implementations of RFC 8032 differ for
 * keys and signatures that only an attacker makes (cofactor, non-canonical points); two engines that differ there
 * would disagree on which objects of a repository count.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { isSmallOrder } from './small-order.ts';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

function publicPoint(bytes: Uint8Array): InstanceType<typeof Point> | undefined {
  try {
    // True: coordinates of p and above are reduced, as in the reference code that OpenSSL uses.
    return Point.fromBytes(Uint8Array.from(bytes), true);
  } catch {
    return undefined;
  }
}

/** R = s·B − k·A compared as bytes: without cofactor, and non-canonical R never match (RFC 8032 §5.1.7). */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  if (isSmallOrder(publicKey) || isSmallOrder(signature)) return false;
  const s = littleEndian(signature.subarray(32));
  if (s >= ORDER) return false;
  const point = publicPoint(publicKey);
  if (point === undefined) return false;
  const hash = sha512.create().update(signature.subarray(0, 32)).update(publicKey).update(message).digest();
  const k = littleEndian(hash) % ORDER;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(k)).toBytes();
  return expected.every((byte, i) => byte === signature[i]);
}
