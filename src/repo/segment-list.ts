/** What a segment says, an object for each blob: to be shown. */
import { toHex } from '../core/bytes.ts';
import type { ObjectName } from '../core/ids.ts';
import { unpack } from './index/segment.ts';
import type { LoadedPacked } from './indexed.ts';

export interface SegmentBlob {
  readonly id: string;
  readonly kind: string;
  readonly offset: number;
  readonly length: number;
}

export function packsAt({ segment }: LoadedPacked): {
  readonly name: ObjectName;
  readonly author: string;
  readonly authorRole: string;
  readonly blobs: readonly SegmentBlob[];
}[] {
  return segment.packs.map((pack) => {
    const { name, author, authorRole, entries } = unpack(pack);
    const blobs = entries.map(({ id, kind, offset, length }) => ({ id: toHex(id), kind, offset, length }));
    return { name, author, authorRole, blobs };
  });
}
