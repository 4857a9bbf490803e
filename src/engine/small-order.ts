/**
 * Ed25519 points of order 1, 2, 4 and 8. Under such a key nearly any signature verifies, so both engines refuse them as
 * keys and as R, whatever their library does (RFC 8032 leaves it open; OpenSSL's answer changed between versions).
 */
const Y_COORDINATES: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  // p and p + 1: not canonical, but read as 0 and 1.
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
const ENCODED = Y_COORDINATES.map((text) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)),
);

/** True for every encoding, of either sign. `point`: its first 32 bytes count. */
export function isSmallOrder(point: Uint8Array): boolean {
  return ENCODED.some((known) => known.every((byte, i) => byte === ((point[i] ?? 0) & (i === 31 ? 0x7f : 0xff))));
}
