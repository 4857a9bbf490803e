/** One blob's place in a pack, and a finished pack: the words that writers and readers share. */
import type { BlobId, ObjectName } from '../core/ids.ts';

export const BLOB_KINDS = { data: 1, tree: 2, list: 3 } as const;
export type BlobKind = keyof typeof BLOB_KINDS;

export interface BlobEntry {
  readonly id: BlobId;
  readonly kind: BlobKind;
  readonly contentEpoch: number;
  /** Bytes from the start of the pack. */
  readonly offset: number;
  readonly length: number;
  /** BLAKE3 of the sealed blob. */
  readonly hash: Uint8Array;
}

export interface FinishedPack {
  readonly name: ObjectName;
  readonly bytes: Uint8Array;
  readonly entries: readonly BlobEntry[];
}
