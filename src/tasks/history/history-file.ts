/**
 * The history that a client keeps in its state folder, so that a question over a thousand snapshots reads one file. It
 * may be lost: that costs time. Sealed to a key that only role full has.
 */
import { ByteReader, ByteWriter, copyOf, fromHex, toHex, utf8 } from '../../core/bytes.ts';
import { contentKey, type ObjectName, objectName } from '../../core/ids.ts';
import { openObject, sealObject } from '../../engine/aead.ts';
import { deriveKey } from '../../engine/keys.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { Repository } from '../../repo/repository.ts';
import { ENTRY_LENGTH, EntryTable, writeEntry } from './entry.ts';
import { type FrameSealing, FrameWriter, type JsonFrame, JsonFrames, type JsonPlace } from './json-frames.ts';
import { LineageHistory, type Span } from './lineage.ts';

const VERSION = 4;
/** The table is compressed in parts. */
const PART = 2 << 20;
const LEVEL = 1;

/** None for a client that cannot read snapshots, and where it is damaged. */
export async function readHistory(repository: Repository, state: ClientState): Promise<LineageHistory[]> {
  const sealing = sealingOf(repository);
  if (sealing === undefined) return [];
  try {
    const file = await state.read(fileName(repository));
    return file === undefined ? [] : decode(sealing, file);
  } catch {
    // Of another version, cut short, or not to be read.
    return [];
  }
}

/** A failure costs time alone. */
export async function writeHistory(
  repository: Repository,
  state: ClientState,
  lineages: readonly LineageHistory[],
): Promise<void> {
  const sealing = sealingOf(repository);
  if (sealing === undefined) return;
  await state.write(fileName(repository), encode(sealing, lineages)).catch(() => undefined);
}

/** u32 version ‖ u32 length of the sealed table ‖ table ‖ frames. The table says all but the JSON of the entries. */
function encode(sealing: FrameSealing, lineages: readonly LineageHistory[]): Uint8Array {
  const { engine, key, random } = sealing;
  const { table, frames } = encodeTable(sealing, lineages);
  const listed = new ByteWriter(table.length + frames.length * 40).u32(frames.length);
  for (const { sealed, hash, length } of frames) listed.u32(sealed.length).u32(length).bytes(hash);
  const packed = pack(sealing, listed.bytes(table).finish());
  const sealed = sealObject(engine, key, packed, aadOf(sealing), random);
  const size = frames.reduce((sum, frame) => sum + frame.sealed.length, 8 + sealed.length);
  const file = new ByteWriter(size).u32(VERSION).u32(sealed.length).bytes(sealed);
  for (const frame of frames) file.bytes(frame.sealed);
  return file.finish();
}

function encodeTable(
  sealing: FrameSealing,
  lineages: readonly LineageHistory[],
): { readonly table: Uint8Array; readonly frames: readonly JsonFrame[] } {
  const { kept, placeOf } = keptOf(lineages);
  const more = new FrameWriter(sealing, kept);
  const writer = new ByteWriter(1 << 20).u32(lineages.length);
  for (const { name, snapshots, spans, tree } of lineages) {
    const text = utf8(name);
    writer.u32(text.length).bytes(text).u32(snapshots.length);
    for (const snapshot of snapshots) writer.bytes(fromHex(snapshot));
    const listed = new ByteWriter(1 << 20);
    for (const { path, entry, first, last } of spans) {
      listed.u32(first).u32(last).u32(path.length).bytes(Buffer.from(path, 'latin1'));
      writeEntry(listed, entry, placeOf(entry) ?? more.write(entry.json));
    }
    writer
      .bytes(tree ?? new Uint8Array(32))
      .u32(listed.length)
      .bytes(listed.finish());
  }
  return { table: writer.finish(), frames: more.finish() };
}

/** Frames of the history that this one goes on from. */
function keptOf(lineages: readonly LineageHistory[]): {
  readonly kept: readonly JsonFrame[];
  readonly placeOf: (entry: Span['entry']) => JsonPlace | undefined;
} {
  let old: JsonFrames | undefined;
  let used = 0;
  for (const { spans } of lineages) {
    for (const { entry } of spans) {
      const { stored } = entry;
      old ??= stored?.frames;
      if (stored !== undefined && stored.frames === old) used += stored.place.length;
    }
  }
  const kept = old?.kept(used) ?? [];
  const placeOf = ({ stored }: Span['entry']): JsonPlace | undefined =>
    stored !== undefined && stored.frames === old && stored.place.frame < kept.length ? stored.place : undefined;
  return { kept, placeOf };
}

/** Empty for another version. @throws NeoError integrity when it is cut short or damaged */
function decode(sealing: FrameSealing, file: Uint8Array): LineageHistory[] {
  const { engine, key } = sealing;
  const outer = new ByteReader(file);
  if (outer.u32() !== VERSION) return [];
  const table = unpack(sealing, openObject(engine, key, outer.bytes(outer.u32()), aadOf(sealing)));
  const reader = new ByteReader(table);
  const listed = Array.from({ length: reader.u32() }, () => {
    const size = reader.u32();
    return { sealed: outer.bytes(size), length: reader.u32(), hash: reader.bytes(32) };
  });
  outer.end();
  const entries = new EntryTable(table, new JsonFrames(sealing, listed));
  return Array.from({ length: reader.u32() }, () => {
    const name = Buffer.from(reader.bytes(reader.u32())).toString();
    const snapshots: ObjectName[] = Array.from({ length: reader.u32() }, () => objectName(toHex(reader.bytes(32))));
    const tree = contentKey(copyOf(reader.bytes(32)));
    const length = reader.u32();
    const spans = new StoredSpans(entries, reader.offset, reader.offset + length);
    reader.skip(length);
    return new LineageHistory(name, snapshots, spans, tree);
  });
}

/** Of a hundred thousand most are passed over: they live no longer than that. */
class StoredSpans implements Iterable<Span> {
  readonly #entries: EntryTable;
  readonly #from: number;
  readonly #to: number;

  constructor(entries: EntryTable, from: number, to: number) {
    this.#entries = entries;
    this.#from = from;
    this.#to = to;
  }

  *[Symbol.iterator](): Generator<Span> {
    const { view, bytes } = this.#entries;
    for (let at = this.#from; at < this.#to; ) {
      const path = at + 12;
      const entry = path + view.getUint32(at + 8, true);
      yield {
        path: bytes.toString('latin1', path, entry),
        entry: this.#entries.at(entry),
        first: view.getUint32(at, true),
        last: view.getUint32(at + 4, true),
      };
      at = entry + ENTRY_LENGTH;
    }
  }
}

function pack({ engine }: FrameSealing, bytes: Uint8Array): Uint8Array {
  const writer = new ByteWriter(bytes.length >> 1).u32(bytes.length);
  for (let at = 0; at < bytes.length; at += PART) {
    const part = engine.compress(bytes.subarray(at, at + PART), LEVEL);
    writer.u32(part.length).bytes(part);
  }
  return writer.finish();
}

/** @throws NeoError integrity */
function unpack({ engine }: FrameSealing, packed: Uint8Array): Uint8Array {
  const reader = new ByteReader(packed);
  const bytes = new Uint8Array(reader.u32());
  for (let at = 0; at < bytes.length; at += PART) {
    const length = Math.min(PART, bytes.length - at);
    bytes.set(engine.decompress(reader.bytes(reader.u32()), length), at);
  }
  return bytes;
}

function sealingOf({ engine, random, id, keys: { full } }: Repository): FrameSealing | undefined {
  if (full === undefined) return undefined;
  return { engine, random, id, key: deriveKey(engine, full.root, 'cache.history') };
}

function aadOf({ id }: FrameSealing): Uint8Array {
  return utf8(`history table ${VERSION} ${id}`);
}

function fileName({ id }: Repository): string {
  return `history.${id}`;
}
