/** Bytes that differ at every place of interest, without being random. */
export function pattern(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, n) => (n * 31 + (n >>> 8) * 7 + salt) & 0xff);
}
