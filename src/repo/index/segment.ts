/** Index segments: where the blobs of many packs lie (docs/format.md, section 5). */
import { ByteReader, ByteWriter, fromHex, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type ClientId, clientId, type ObjectName, objectName, type SessionId, sessionId } from '../../core/ids.ts';
import type { BlobEntry } from '../blob-entry.ts';
import { type Role, roleByte, roleOf } from '../certificate.ts';
import { newerNeo } from '../header.ts';
import { ENTRY_LENGTH, MAX_PACK_SIZE, readEntry, writeEntry } from '../pack/entry.ts';

/** The only flag of version 1. */
const FINAL = 1;
const PACK_RECORD_LENGTH = 32 + 4 + 16 + 1 + 4;

export interface PackRecord {
  readonly name: ObjectName;
  /** Bytes of the whole file. */
  readonly size: number;
  /** The signer of the pack's directory. */
  readonly author: ClientId;
  readonly authorRole: Role;
  readonly entries: readonly BlobEntry[];
}

export interface IndexSegment {
  /** The last segment of a run; interim ones lie in the session's folder. */
  readonly final: boolean;
  readonly session: SessionId;
  /** Sessions whose folders readers may skip. */
  readonly covered: readonly SessionId[];
  /** Segments that this one stands for. */
  readonly replaced: readonly ObjectName[];
  readonly packs: readonly PackRecord[];
}

export function encodeSegment(segment: IndexSegment): Uint8Array {
  const blobs = segment.packs.reduce((sum, pack) => sum + pack.entries.length, 0);
  const writer = new ByteWriter(256 + segment.packs.length * PACK_RECORD_LENGTH + blobs * ENTRY_LENGTH);
  writer.u8(segment.final ? FINAL : 0).bytes(fromHex(segment.session));
  writer.u32(segment.covered.length);
  for (const session of segment.covered) writer.bytes(fromHex(session));
  writer.u32(segment.replaced.length);
  for (const name of segment.replaced) writer.bytes(fromHex(name));
  writer.u32(segment.packs.length);
  for (const pack of segment.packs) {
    writer.bytes(fromHex(pack.name)).u32(pack.size).bytes(fromHex(pack.author)).u8(roleByte(pack.authorRole));
    writer.u32(pack.entries.length);
    for (const entry of pack.entries) writeEntry(writer, entry);
  }
  return writer.finish();
}

/** @throws NeoError integrity; needs-newer-neo for flags and kinds of a later version */
export function decodeSegment(body: Uint8Array): IndexSegment {
  const reader = new ByteReader(body);
  const flags = reader.u8();
  if (flags > FINAL) throw newerNeo(`an index segment with flags ${flags}`);
  const session = sessionId(toHex(reader.bytes(16)));
  const covered = readMany(reader, 16, () => sessionId(toHex(reader.bytes(16))));
  const replaced = readMany(reader, 32, () => objectName(toHex(reader.bytes(32))));
  const packs = readMany(reader, PACK_RECORD_LENGTH, () => readPackRecord(reader));
  reader.end();
  return { final: flags === FINAL, session, covered, replaced, packs };
}

function readMany<T>(reader: ByteReader, atLeast: number, read: () => T): T[] {
  const count = reader.u32();
  if (count * atLeast > reader.remaining) throw new NeoError('integrity', 'index segment is cut short');
  return Array.from({ length: count }, read);
}

function readPackRecord(reader: ByteReader): PackRecord {
  const name = objectName(toHex(reader.bytes(32)));
  const size = reader.u32();
  const author = clientId(toHex(reader.bytes(16)));
  const authorRole = roleOf(reader.u8());
  if (size > MAX_PACK_SIZE) throw new NeoError('integrity', 'index segment names a pack that is too large');
  const entries = readMany(reader, ENTRY_LENGTH, () => readEntry(reader));
  if (entries.some((entry) => entry.offset + entry.length > size)) {
    throw new NeoError('integrity', 'index segment names a blob outside its pack');
  }
  return { name, size, author, authorRole, entries };
}
