/** One place as both parts of the index hold it: 7 words. */

export const RECORD_WORDS = 7;
/** In the word of the length. */
export const TRUSTED = 0x8000_0000;

/** The finaliser of MurmurHash3 (Appleby), 32 bits. */
export function mix(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Who writes segments chooses the ids in them; without the seed he cannot choose ids that all meet in one place. */
export function hashOf(seed: number, w0: number, w1: number, w2: number, w3: number): number {
  return mix(mix(mix(mix(seed ^ w0) ^ w1) ^ w2) ^ w3);
}

/**
 * Of a bucket only the first word decides. Ids that share it fill one bucket, which slows down nobody who asks for
 * others; to choose different ones that meet takes the seed.
 */
export function bucketOf(seed: number, bits: number, w0: number): number {
  // A shift by 32 is none.
  return bits === 0 ? 0 : mix(seed ^ w0) >>> (32 - bits);
}
