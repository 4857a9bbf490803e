/** One blob's place: 75 bytes in pack directories and index segments (docs/format.md, section 5). */
import type { ByteReader, ByteWriter } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type BlobId, blobId } from '../../core/ids.ts';
import { BLOB_KINDS, type BlobEntry } from '../blob-entry.ts';
import { newerNeo } from '../header.ts';

export const ENTRY_LENGTH = 75;
export const MAX_PACK_SIZE = 64 << 20;

/** Where the fields stand: after 32 bytes of id. */
const KIND = 32;
const CONTENT_EPOCH = 33;
export const OFFSET = 35;
export const LENGTH = 39;

export function writeEntry(writer: ByteWriter, entry: BlobEntry): void {
  writer
    .bytes(entry.id)
    .u8(BLOB_KINDS[entry.kind])
    .u16(entry.contentEpoch)
    .u32(entry.offset)
    .u32(entry.length)
    .bytes(entry.hash);
}

/** @throws NeoError integrity when the place lies outside any pack; needs-newer-neo for a kind of a later version */
export function readEntry(reader: ByteReader): BlobEntry {
  // Not slice(): of a Buffer that is a view, which would keep the whole object.
  const id = blobId(new Uint8Array(reader.bytes(32)));
  const kindByte = reader.u8();
  const kind = kindByte === 1 ? 'data' : kindByte === 2 ? 'tree' : kindByte === 3 ? 'list' : undefined;
  const contentEpoch = reader.u16();
  const offset = reader.u32();
  const length = reader.u32();
  const hash = new Uint8Array(reader.bytes(32));
  if (kind === undefined) throw newerNeo(`a blob of kind ${kindByte}`);
  if (offset + length > MAX_PACK_SIZE) throw new NeoError('integrity', 'blob lies outside its pack');
  return { id, kind, contentEpoch, offset, length, hash };
}

/** Told of each blob: `id` is a view, and good until the next one. */
export function eachEpoch(entries: Uint8Array, tell: (id: BlobId, contentEpoch: number) => void): void {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  for (let at = 0; at < entries.length; at += ENTRY_LENGTH) {
    tell(blobId(entries.subarray(at, at + 32)), view.getUint16(at + CONTENT_EPOCH, true));
  }
}

/**
 * Many at once: what {@link readEntry} accepts, in a pack of `size` bytes, and nothing else.
 * @throws as {@link readEntry}
 */
export function checkEntries(entries: Uint8Array, size: number): void {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  for (let at = 0; at < entries.length; at += ENTRY_LENGTH) {
    const kind = view.getUint8(at + KIND);
    if (kind < BLOB_KINDS.data || kind > BLOB_KINDS.list) throw newerNeo(`a blob of kind ${kind}`);
    if (view.getUint32(at + OFFSET, true) + view.getUint32(at + LENGTH, true) > size) {
      throw new NeoError('integrity', 'index segment names a blob outside its pack');
    }
  }
}
