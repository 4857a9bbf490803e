/**
 * How large objects can be at most (docs/format.md, section 2). Whoever may add to the storage can put anything there:
 * what is larger is none of ours, and is passed over unread.
 */
import { MAX_PACK_SIZE } from './pack/entry.ts';

/** Bytes. */
export const LARGEST = {
  config: 1 << 20,
  slot: 1 << 20,
  index: 64 << 20,
  snapshot: 64 << 20,
  removal: 16 << 20,
  tomb: 16 << 20,
  session: 64 << 10,
  record: 16 << 20,
  share: 64 << 20,
  pack: MAX_PACK_SIZE,
} as const;
