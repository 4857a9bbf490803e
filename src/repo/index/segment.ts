/** Index segments: where the blobs of many packs lie (docs/format.md, section 5). */
import { ByteReader, ByteWriter, fromHex, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type ClientId, clientId, type ObjectName, objectName, type SessionId, sessionId } from '../../core/ids.ts';
import type { BlobEntry } from '../blob-entry.ts';
import { type Role, roleByte, roleOf } from '../certificate.ts';
import { newerNeo } from '../header.ts';
import { checkEntries, ENTRY_LENGTH, MAX_PACK_SIZE, readEntry, writeEntry } from '../pack/entry.ts';

const FINAL = 1;
/** Some packs of it are said to be verified. */
const VERIFIED = 2;
/** In place of a role: of role write, and what is told of the pack was verified by the segment's signer. */
const VERIFIED_ROLE = 3;
const PACK_RECORD_LENGTH = 32 + 4 + 16 + 1 + 4;

interface PackHead {
  readonly name: ObjectName;
  /** Bytes of the whole file. */
  readonly size: number;
  /** The signer of the pack's directory. */
  readonly author: ClientId;
  readonly authorRole: Role;
  /**
   * Each of these blobs was decrypted and is what its id says: they are trusted though their author may only write. Perhaps
   * not all that the pack holds. Only role full may say so.
   */
  readonly verified?: true;
}

export interface PackRecord extends PackHead {
  readonly entries: readonly BlobEntry[];
}

/** A pack as it stands in the segment. */
export interface PackedRecord extends PackHead {
  /** Of {@link ENTRY_LENGTH} bytes each, all of them checked. A view of the segment. */
  readonly packed: Uint8Array;
}

interface SegmentOf<Pack> {
  /** The last segment of a run; interim ones lie in the session's folder. */
  readonly final: boolean;
  readonly session: SessionId;
  /** Sessions whose folders readers may skip. */
  readonly covered: readonly SessionId[];
  /** Segments that this one stands for. */
  readonly replaced: readonly ObjectName[];
  readonly packs: readonly Pack[];
}

export type IndexSegment = SegmentOf<PackRecord>;
/** A whole and valid segment without an object for each blob. */
export type PackedSegment = SegmentOf<PackedRecord>;

/** Packs with their blobs, or as they stood in another segment. */
export function encodeSegment(segment: SegmentOf<PackRecord | PackedRecord>): Uint8Array {
  const blobs = segment.packs.reduce((sum, pack) => sum + blobsIn(pack), 0);
  const writer = new ByteWriter(256 + segment.packs.length * PACK_RECORD_LENGTH + blobs * ENTRY_LENGTH);
  const verified = segment.packs.some((pack) => pack.verified === true);
  writer.u8((segment.final ? FINAL : 0) | (verified ? VERIFIED : 0)).bytes(fromHex(segment.session));
  writer.u32(segment.covered.length);
  for (const session of segment.covered) writer.bytes(fromHex(session));
  writer.u32(segment.replaced.length);
  for (const name of segment.replaced) writer.bytes(fromHex(name));
  writer.u32(segment.packs.length);
  for (const pack of segment.packs) {
    writer.bytes(fromHex(pack.name)).u32(pack.size).bytes(fromHex(pack.author)).u8(byteOf(pack));
    writer.u32(blobsIn(pack));
    if ('packed' in pack) writer.bytes(pack.packed);
    else for (const entry of pack.entries) writeEntry(writer, entry);
  }
  return writer.finish();
}

function byteOf({ authorRole, verified }: PackHead): number {
  return verified === true ? VERIFIED_ROLE : roleByte(authorRole);
}

export function blobsIn(pack: PackRecord | PackedRecord): number {
  return 'packed' in pack ? pack.packed.length / ENTRY_LENGTH : pack.entries.length;
}

/** @throws NeoError integrity; needs-newer-neo for flags and kinds of a later version */
export function decodeSegment(body: Uint8Array): IndexSegment {
  const segment = openSegment(body);
  return { ...segment, packs: segment.packs.map(unpack) };
}

export function unpack({ packed, ...head }: PackedRecord): PackRecord {
  const reader = new ByteReader(packed);
  const entries = Array.from({ length: packed.length / ENTRY_LENGTH }, () => readEntry(reader));
  return { ...head, entries };
}

/** What {@link decodeSegment} accepts, and nothing else. @throws as it does */
export function openSegment(body: Uint8Array): PackedSegment {
  const reader = new ByteReader(body);
  const flags = reader.u8();
  if (flags > (FINAL | VERIFIED)) throw newerNeo(`an index segment with flags ${flags}`);
  const session = sessionId(toHex(reader.bytes(16)));
  const covered = readMany(reader, 16, () => sessionId(toHex(reader.bytes(16))));
  const replaced = readMany(reader, 32, () => objectName(toHex(reader.bytes(32))));
  const packs = readMany(reader, PACK_RECORD_LENGTH, () => readPackRecord(reader));
  reader.end();
  if (packs.some(({ verified }) => verified === true) !== (flags & VERIFIED) > 0) {
    throw new NeoError('integrity', 'index segment is not told by its flags');
  }
  return { final: (flags & FINAL) > 0, session, covered, replaced, packs };
}

/** What is counted must be there before anything is made for it. */
function readCount(reader: ByteReader, atLeast: number): number {
  const count = reader.u32();
  if (count * atLeast > reader.remaining) throw new NeoError('integrity', 'index segment is cut short');
  return count;
}

function readMany<T>(reader: ByteReader, atLeast: number, read: () => T): T[] {
  return Array.from({ length: readCount(reader, atLeast) }, read);
}

function readPackRecord(reader: ByteReader): PackedRecord {
  const name = objectName(toHex(reader.bytes(32)));
  const size = reader.u32();
  const author = clientId(toHex(reader.bytes(16)));
  const role = reader.u8();
  const head =
    role === VERIFIED_ROLE ? { authorRole: 'write' as const, verified: true as const } : { authorRole: roleOf(role) };
  if (size > MAX_PACK_SIZE) throw new NeoError('integrity', 'index segment names a pack that is too large');
  const packed = reader.bytes(readCount(reader, ENTRY_LENGTH) * ENTRY_LENGTH);
  checkEntries(packed, size);
  return { name, size, author, ...head, packed };
}
