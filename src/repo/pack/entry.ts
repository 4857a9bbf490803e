/** One blob's place: 75 bytes in pack directories and index segments (docs/format.md, section 5). */
import type { ByteReader, ByteWriter } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type BlobId, blobId } from '../../core/ids.ts';

export const BLOB_KINDS = { data: 1, tree: 2, list: 3 } as const;
export type BlobKind = keyof typeof BLOB_KINDS;
export const ENTRY_LENGTH = 75;
export const MAX_PACK_SIZE = 64 << 20;

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

export function writeEntry(writer: ByteWriter, entry: BlobEntry): void {
  writer
    .bytes(entry.id)
    .u8(BLOB_KINDS[entry.kind])
    .u16(entry.contentEpoch)
    .u32(entry.offset)
    .u32(entry.length)
    .bytes(entry.hash);
}

/** @throws NeoError integrity when the place lies outside any pack */
export function readEntry(reader: ByteReader): BlobEntry {
  const id = blobId(reader.bytes(32).slice());
  const kindByte = reader.u8();
  const kind = kindByte === 1 ? 'data' : kindByte === 2 ? 'tree' : kindByte === 3 ? 'list' : undefined;
  const contentEpoch = reader.u16();
  const offset = reader.u32();
  const length = reader.u32();
  const hash = reader.bytes(32).slice();
  if (kind === undefined) throw new NeoError('integrity', `blob of unknown kind ${kindByte}`);
  if (offset + length > MAX_PACK_SIZE) throw new NeoError('integrity', 'blob lies outside its pack');
  return { id, kind, contentEpoch, offset, length, hash };
}
