/** How long a pack is made, so that its length says little about what is in it. */

/**
 * Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019,
 * algorithm 1): at most 12 % more, log log L bits leak. Below 1 MiB the next power of two, at least 64 KiB.
 */
export function paddedLength(length: number): number {
  if (length <= 65_536) return 65_536;
  if (length < 1 << 20) return 2 ** Math.ceil(Math.log2(length));
  const exponent = Math.floor(Math.log2(length));
  const keep = Math.floor(Math.log2(exponent)) + 1;
  const unit = 2 ** (exponent - keep);
  return Math.ceil(length / unit) * unit;
}
