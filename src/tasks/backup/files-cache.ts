/**
 * What the last snapshot saw of each directory, kept by the client: names, a row of numbers for each, and the tree that
 * was made of them. A directory that looks the same in all that lies below it keeps its tree, without a look into the
 * repository. Sealed with a key of the client's own; a lost or foreign cache costs time.
 */
import { ByteReader, ByteWriter, utf8 } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import { type ContentKey, contentKey } from '../../core/ids.ts';
import type { Random } from '../../core/random.ts';
import { openObject, sealObject } from '../../engine/aead.ts';
import type { Engine } from '../../engine/engine.ts';
import { deriveKey } from '../../engine/keys.ts';
import { ROW_WORDS } from '../../fs/stat-row.ts';

/**
 * How an entry counts: all of it, its type alone (a directory left out), as the directory that it is, or all of it, and
 * in the summary once for all names of the file.
 */
export const WHOLE = 0;
export const TYPE_ONLY = 1;
export const ENTERED = 2;
export const LINKED = 3;

/** Words of each slice in {@link KnownDirectory.use}. */
export const USE_WORDS = 3;

export interface KnownDirectory {
  /** Every name that is in it, kept or left out: latin1, sorted, each with a NUL behind it. */
  readonly names: string;
  /** One of the marks above for each name. */
  readonly marks: Uint8Array;
  /** Its own row (fs/stat-row.ts), then one for each name. */
  readonly rows: Uint32Array;
  readonly tree: ContentKey;
  /** Something in it was not saved as it looks, or may change unseen: it is read again. */
  readonly tainted: boolean;
  /** Of its own files with one name only, as the summary counts them. */
  readonly files: number;
  readonly bytes: number;
  /** Three for each slice that its own files use: which of the cache's bundles, offset, bytes. */
  readonly use: Uint32Array;
}

export interface UsedBundle {
  readonly key: ContentKey;
  readonly length: number;
}

export interface FilesCache {
  /** The snapshot's root: the cache is good beside a parent with the same. */
  readonly root: ContentKey;
  /** Everything that decides what is saved, beyond the files themselves. */
  readonly settings: string;
  /** Users and groups in it, numbers and names, as JSON. */
  readonly owners: string;
  /** First 8 bytes of the names of all packs that the repository had. */
  readonly packs: ReadonlySet<string>;
  readonly bundles: readonly UsedBundle[];
  /** By path on disk, latin1. */
  readonly directories: ReadonlyMap<string, KnownDirectory>;
}

const VERSION = 2;
const AAD = utf8('neo/v1 files cache');
const PACK_PREFIX = 8;

function writeDirectory(writer: ByteWriter, path: string, known: KnownDirectory): void {
  const { names, marks, rows, tree, tainted, files, bytes, use } = known;
  writer.u32(path.length).bytes(Buffer.from(path, 'latin1')).u32(names.length).bytes(Buffer.from(names, 'latin1'));
  writer
    .u32(marks.length)
    .bytes(marks)
    .bytes(bytesOf(rows))
    .bytes(tree)
    .u8(tainted ? 1 : 0);
  writer.u32(files).u64(bytes).u32(use.length).bytes(bytesOf(use));
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** A copy, for words lie at multiples of four (and `slice` of a Buffer would be none). */
function readWords(reader: ByteReader, count: number): Uint32Array {
  return new Uint32Array(new Uint8Array(reader.bytes(count * 4)).buffer);
}

function readText(reader: ByteReader): string {
  const bytes = reader.bytes(reader.u32());
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function readDirectory(reader: ByteReader): readonly [string, KnownDirectory] {
  const path = readText(reader);
  const names = readText(reader);
  const marks = reader.bytes(reader.u32());
  const rows = readWords(reader, (marks.length + 1) * ROW_WORDS);
  const tree = contentKey(reader.bytes(32));
  const tainted = reader.u8() === 1;
  const files = reader.u32();
  const bytes = reader.u64();
  return [path, { names, marks, rows, tree, tainted, files, bytes, use: readWords(reader, reader.u32()) }];
}

function keyOf(engine: Engine, secret: Uint8Array): Uint8Array {
  return deriveKey(engine, secret, 'files-cache');
}

export function packPrefix(name: string): string {
  return name.slice(0, 2 * PACK_PREFIX);
}

/** Bytes of the encoding: a buffer that grew to tens of megabytes would need them three times. */
function lengthOf(cache: FilesCache, settings: Uint8Array, owners: Uint8Array): number {
  let length = 1 + 32 + 4 + settings.length + 4 + owners.length;
  length += 4 + cache.packs.size * PACK_PREFIX + 4 + cache.bundles.length * (32 + 4) + 4;
  for (const [path, { names, marks, rows, use }] of cache.directories) {
    length += 4 + path.length + 4 + names.length + 4 + marks.length + rows.byteLength;
    length += 32 + 1 + 4 + 8 + 4 + use.byteLength;
  }
  return length;
}

/** Rows are written as they lie in memory: a cache never leaves its machine. */
export function encodeFilesCache(engine: Engine, secret: Uint8Array, random: Random, cache: FilesCache): Uint8Array {
  const [settings, owners] = [utf8(cache.settings), utf8(cache.owners)];
  const writer = new ByteWriter(lengthOf(cache, settings, owners))
    .u8(VERSION)
    .bytes(cache.root)
    .u32(settings.length)
    .bytes(settings);
  writer.u32(owners.length).bytes(owners);
  writer.u32(cache.packs.size);
  for (const prefix of cache.packs) writer.bytes(Buffer.from(prefix, 'hex'));
  writer.u32(cache.bundles.length);
  for (const { key, length } of cache.bundles) writer.bytes(key).u32(length);
  writer.u32(cache.directories.size);
  for (const [path, known] of cache.directories) writeDirectory(writer, path, known);
  return sealObject(engine, keyOf(engine, secret), writer.finish(), AAD, random);
}

/** Undefined for anything that is not a whole cache of this client. */
export function decodeFilesCache(engine: Engine, secret: Uint8Array, sealed: Uint8Array): FilesCache | undefined {
  try {
    const reader = new ByteReader(openObject(engine, keyOf(engine, secret), sealed, AAD));
    if (reader.u8() !== VERSION) return undefined;
    const root = contentKey(reader.bytes(32));
    const settings = Buffer.from(reader.bytes(reader.u32())).toString();
    const owners = Buffer.from(reader.bytes(reader.u32())).toString();
    const packs = new Set<string>();
    for (let left = reader.u32(); left > 0; left--) packs.add(Buffer.from(reader.bytes(PACK_PREFIX)).toString('hex'));
    const bundles: UsedBundle[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      bundles.push({ key: contentKey(reader.bytes(32)), length: reader.u32() });
    }
    const directories = new Map<string, KnownDirectory>();
    for (let left = reader.u32(); left > 0; left--) directories.set(...readDirectory(reader));
    return { root, settings, owners, packs, bundles, directories };
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}
