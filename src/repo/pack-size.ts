/** What blobs take in packs. */
import { ENTRY_LENGTH } from './pack/entry.ts';
import { paddedLength } from './pack/padding.ts';

/** Header, footer, seal and the rounding of a directory. */
const FRAME = 4096;

/** Bytes of the packs that a fresh repository would keep `count` blobs of together `bytes` in. */
export function sizeInPacks(count: number, bytes: number, packTarget: number): number {
  const all = bytes + count * ENTRY_LENGTH;
  const whole = Math.floor(all / packTarget) * packTarget;
  return whole + (all > whole ? paddedLength(all - whole + FRAME) : 0);
}
