/** Pack files: header ‖ sealed blobs ‖ padding ‖ sealed directory ‖ footer (docs/format.md, section 5). */
import { ByteReader, ByteWriter, concatBytes, copyOf, equalBytes, fromHex, toHex } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type ObjectName, objectName, type SessionId, sessionId } from '../../core/ids.ts';
import type { Random } from '../../core/random.ts';
import { openObject, sealObject } from '../../engine/aead.ts';
import type { Engine, Hasher } from '../../engine/engine.ts';
import { deriveKey } from '../../engine/keys.ts';
import type { BlobEntry, FinishedPack } from '../blob-entry.ts';
import type { Certificate } from '../certificate.ts';
import { encodeHeader, FORMAT_VERSION, HEADER_LENGTH, MAGIC, newerNeo, readHeader } from '../header.ts';
import { type ObjectContext, readSignature, type Signer, signObject } from '../signed-object.ts';
import { ENTRY_LENGTH, MAX_PACK_SIZE, readEntry, writeEntry } from './entry.ts';
import { paddedLength } from './padding.ts';

export const FOOTER_LENGTH = 10;
const DIRECTORY_UNIT = 4096;
const SEAL_OVERHEAD = 24 + 16;
/** Bytes hashed in one go: few calls, and all of it still in the cache of the processor. */
const HASH_STEP = 256 << 10;

export interface PackContext extends ObjectContext {
  readonly random: Random;
  readonly indexKey: Uint8Array;
  readonly session: SessionId;
  readonly signer: Signer;
}

export function packPath(name: ObjectName): string {
  return `packs/${name.slice(0, 2)}/${name}`;
}

/** The most bytes that a directory of `count` blobs, and the footer, take. */
export function directoryRoom(count: number): number {
  const plain = 16 + 4 + count * ENTRY_LENGTH + 32 + 2 + 1024;
  return Math.ceil(plain / DIRECTORY_UNIT) * DIRECTORY_UNIT + SEAL_OVERHEAD + FOOTER_LENGTH;
}

/** Hashes a pack as it grows, while its bytes are still near; each byte once, though two hashes are made of most. */
export class PackHash {
  readonly #hasher: Hasher;
  #done = 0;

  constructor(engine: Engine) {
    this.#hasher = engine.blake3Hasher();
  }

  /** `buffer[0, used)` will not change any more. */
  grown(buffer: Uint8Array, used: number): void {
    if (used - this.#done >= HASH_STEP) this.#take(buffer, used);
  }

  /** BLAKE3 of `buffer[0, end)`. */
  upTo(buffer: Uint8Array, end: number): Uint8Array {
    this.#take(buffer, end);
    return this.#hasher.soFar();
  }

  #take(buffer: Uint8Array, end: number): void {
    if (end > this.#done) this.#hasher.update(buffer.subarray(this.#done, end));
    this.#done = end;
  }
}

/**
 * Closes a pack. `buffer[0, used)` holds the header and the blobs of `entries`; the rest of it, if large enough, takes
 * padding and directory in place, else a new buffer is made.
 */
export function finishPack(
  context: PackContext,
  buffer: Uint8Array,
  used: number,
  entries: readonly BlobEntry[],
  hash = new PackHash(context.engine),
): FinishedPack {
  const directoryLength = sealedDirectoryLength(context, entries.length);
  const total = paddedLength(used + directoryLength + FOOTER_LENGTH);
  if (total > MAX_PACK_SIZE) throw new NeoError('failed', `pack of ${total} bytes is too large`);
  const bytes = total <= buffer.length ? buffer.subarray(0, total) : grow(buffer, used, total);
  const directoryAt = total - FOOTER_LENGTH - directoryLength;
  if (directoryAt > used) bytes.set(context.random.bytes(directoryAt - used), used);
  const sealed = sealDirectory(context, entries, hash.upTo(bytes, directoryAt));
  bytes.set(sealed, directoryAt);
  bytes.set(
    new ByteWriter(FOOTER_LENGTH).u32(sealed.length).u16(FORMAT_VERSION).bytes(MAGIC).finish(),
    total - FOOTER_LENGTH,
  );
  return { name: objectName(toHex(hash.upTo(bytes, total))), bytes, entries };
}

function grow(buffer: Uint8Array, used: number, total: number): Uint8Array {
  const bytes = new Uint8Array(total);
  bytes.set(buffer.subarray(0, used));
  return bytes;
}

/** One Ed25519 signature: count, algorithm, length, 64 bytes. */
const SIGNATURE_LIST_LENGTH = 1 + 1 + 2 + 64;

function sealedDirectoryLength(context: PackContext, count: number): number {
  const certificate = context.signer.certificate.encoded.length;
  const plain = 16 + 4 + count * ENTRY_LENGTH + 32 + 2 + certificate + SIGNATURE_LIST_LENGTH;
  return Math.ceil(plain / DIRECTORY_UNIT) * DIRECTORY_UNIT + SEAL_OVERHEAD;
}

function sealDirectory(context: PackContext, entries: readonly BlobEntry[], before: Uint8Array): Uint8Array {
  const writer = new ByteWriter(entries.length * ENTRY_LENGTH + 512);
  writer.bytes(fromHex(context.session)).u32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  writer.bytes(before);
  const signed = signObject(context, 'pack', context.signer, writer.finish());
  const padding = Math.ceil(signed.length / DIRECTORY_UNIT) * DIRECTORY_UNIT - signed.length;
  const key = deriveKey(context.engine, context.indexKey, 'seal.pack');
  const header = encodeHeader('pack', context.repository);
  return sealObject(context.engine, key, concatBytes(signed, new Uint8Array(padding)), header, context.random);
}

export interface PackDirectory {
  readonly session: SessionId;
  readonly author: Certificate;
  readonly entries: readonly BlobEntry[];
  /** BLAKE3 of all bytes before the directory. */
  readonly before: Uint8Array;
}

/** Length of the sealed directory, from a pack's last {@link FOOTER_LENGTH} bytes. @throws NeoError */
export function readFooter(footer: Uint8Array, packSize: number): number {
  const reader = new ByteReader(footer);
  const length = reader.u32();
  const version = reader.u16();
  if (!equalBytes(reader.bytes(4), MAGIC)) throw new NeoError('integrity', 'pack has no footer');
  if (version > FORMAT_VERSION) throw newerNeo(`a pack of format version ${version}`);
  if (version < 1) throw new NeoError('integrity', 'pack has no footer');
  if (length > packSize - HEADER_LENGTH - FOOTER_LENGTH) throw new NeoError('integrity', 'pack directory is too long');
  return length;
}

export type DirectoryReader = ObjectContext & { readonly indexKey: Uint8Array };

/** Opens a sealed directory and verifies its author. @throws NeoError integrity */
export function openDirectory(context: DirectoryReader, sealed: Uint8Array): PackDirectory {
  const key = deriveKey(context.engine, context.indexKey, 'seal.pack');
  const body = openObject(context.engine, key, sealed, encodeHeader('pack', context.repository));
  const reader = new ByteReader(body);
  const session = sessionId(toHex(reader.bytes(16)));
  const count = reader.u32();
  if (count * ENTRY_LENGTH > reader.remaining) throw new NeoError('integrity', 'pack directory is cut short');
  const entries: BlobEntry[] = [];
  let at = HEADER_LENGTH;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(reader);
    if (entry.offset !== at) throw new NeoError('integrity', 'blobs of a pack overlap or leave gaps');
    at += entry.length;
    entries.push(entry);
  }
  const before = copyOf(reader.bytes(32));
  const author = readSignature(context, 'pack', body, reader, true);
  const rest = reader.bytes(reader.remaining);
  if (body.length % DIRECTORY_UNIT !== 0 || rest.length >= DIRECTORY_UNIT || rest.some((byte) => byte !== 0)) {
    throw new NeoError('integrity', 'pack directory is not padded with zeros');
  }
  return { session, author, entries, before };
}

/** Reads and verifies a whole pack: its name, its directory, and the hash of what lies before it. @throws NeoError */
export function readPack(context: DirectoryReader, name: ObjectName, bytes: Uint8Array): PackDirectory {
  if (toHex(context.engine.blake3(bytes)) !== name) {
    throw new NeoError('integrity', `pack ${name}: bytes do not give its name`);
  }
  readHeader(new ByteReader(bytes), 'pack', context.repository);
  if (bytes.length < HEADER_LENGTH + FOOTER_LENGTH) throw new NeoError('integrity', `pack ${name} is too short`);
  const length = readFooter(bytes.subarray(bytes.length - FOOTER_LENGTH), bytes.length);
  const directoryAt = bytes.length - FOOTER_LENGTH - length;
  const directory = openDirectory(context, bytes.subarray(directoryAt, directoryAt + length));
  const last = directory.entries.at(-1);
  if (last !== undefined && last.offset + last.length > directoryAt) {
    throw new NeoError('integrity', `pack ${name}: blobs reach into its directory`);
  }
  if (!equalBytes(context.engine.blake3(bytes.subarray(0, directoryAt)), directory.before)) {
    throw new NeoError('integrity', `pack ${name}: blobs were exchanged`);
  }
  return directory;
}
