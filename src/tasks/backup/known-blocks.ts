/**
 * Directories of the files cache as they are kept: encoded in compressed blocks, while the walk goes on. A million files
 * take some 20 MB in them; as objects they would take five times that, until the snapshot is done.
 */
import { ByteReader, ByteWriter } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type ContentKey, contentKey } from '../../core/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import { MAX_FRAME_CONTENT } from '../../engine/frame.ts';
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

/** Each with a NUL behind it: so the text is also what the system wants to be asked for. */
export function joinNames(names: readonly string[]): string {
  return names.length === 0 ? '' : `${names.join('\0')}\0`;
}

/** The other way round. */
export function namesOf(joined: string): string[] {
  return joined.length === 0 ? [] : joined.slice(0, -1).split('\0');
}

/** Plain bytes from which on a block is full. */
const BLOCK = 1 << 20;
/** The rows of neighbours are alike: higher levels gain little. */
const LEVEL = 1;

export class KnownBlocks {
  readonly #engine: Engine;
  readonly #blocks: Uint8Array[] = [];
  #block = new ByteWriter(BLOCK);

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  add(path: string, known: KnownDirectory): void {
    const length = lengthOf(path, known);
    if (this.#block.length + length > BLOCK) this.#close(length);
    writeDirectory(this.#block, path, known);
  }

  /** @param room for what the next block holds first */
  #close(room: number): void {
    if (this.#block.length > 0) this.#blocks.push(this.#encoded(this.#block.finish()));
    this.#block = new ByteWriter(Math.max(BLOCK, room));
  }

  /** plain length u32, then frames of at most MAX_FRAME_CONTENT plain bytes each: length u32, frame. */
  #encoded(plain: Uint8Array): Uint8Array {
    const out = new ByteWriter(plain.length >> 2).u32(plain.length);
    for (let at = 0; at < plain.length; at += MAX_FRAME_CONTENT) {
      const frame = this.#engine.compress(plain.subarray(at, at + MAX_FRAME_CONTENT), LEVEL);
      out.u32(frame.length).bytes(frame);
    }
    return out.finish();
  }

  /** Each by itself; joined they are what {@link readBlocks} reads. */
  finish(): readonly Uint8Array[] {
    this.#close(0);
    return this.#blocks;
  }
}

/**
 * All directories by path, in order, of blocks that lie one behind the other. Words and marks stay in the memory that
 * their block was decompressed to. @throws NeoError integrity
 */
export function readBlocks(engine: Engine, joined: Uint8Array): Map<string, KnownDirectory> {
  const directories = new Map<string, KnownDirectory>();
  const reader = new ByteReader(joined);
  while (reader.remaining > 0) {
    const block = new ByteReader(plainOf(engine, reader));
    while (block.remaining > 0) directories.set(...readDirectory(block));
  }
  return directories;
}

function plainOf(engine: Engine, reader: ByteReader): Uint8Array {
  const plain = new Uint8Array(reader.u32());
  for (let at = 0; at < plain.length; at += MAX_FRAME_CONTENT) {
    const length = Math.min(MAX_FRAME_CONTENT, plain.length - at);
    plain.set(engine.decompress(reader.bytes(reader.u32()), length), at);
  }
  return plain;
}

function lengthOf(path: string, { names, marks, rows, use }: KnownDirectory): number {
  const texts = 4 + path.length + 4 + names.length + 4 + marks.length;
  return texts + paddingFor(texts) + rows.byteLength + 32 + 4 + 4 + 8 + 4 + use.byteLength;
}

/** Zeros, so that words lie at multiples of four: they are used where they lie. */
function paddingFor(length: number): number {
  return -length & 3;
}

function writeDirectory(writer: ByteWriter, path: string, known: KnownDirectory): void {
  const { names, marks, rows, tree, tainted, files, bytes, use } = known;
  writer.u32(path.length).bytes(Buffer.from(path, 'latin1')).u32(names.length).bytes(Buffer.from(names, 'latin1'));
  writer
    .u32(marks.length)
    .bytes(marks)
    .bytes(new Uint8Array(paddingFor(path.length + names.length + marks.length)))
    .bytes(bytesOf(rows))
    .bytes(tree)
    .u32(tainted ? 1 : 0);
  writer.u32(files).u64(bytes).u32(use.length).bytes(bytesOf(use));
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function readWords(reader: ByteReader, count: number): Uint32Array {
  const { buffer, byteOffset } = reader.bytes(count * 4);
  if (byteOffset % 4 !== 0) throw new NeoError('integrity', 'words of the files cache lie askew');
  return new Uint32Array(buffer, byteOffset, count);
}

function readText(reader: ByteReader): string {
  const bytes = reader.bytes(reader.u32());
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function readDirectory(reader: ByteReader): readonly [string, KnownDirectory] {
  const path = readText(reader);
  const names = readText(reader);
  const marks = reader.bytes(reader.u32());
  reader.bytes(paddingFor(path.length + names.length + marks.length));
  const rows = readWords(reader, (marks.length + 1) * ROW_WORDS);
  const tree = contentKey(reader.bytes(32));
  const tainted = reader.u32() === 1;
  const files = reader.u32();
  const bytes = reader.u64();
  return [path, { names, marks, rows, tree, tainted, files, bytes, use: readWords(reader, reader.u32()) }];
}
