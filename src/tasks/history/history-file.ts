/**
 * The history that a client keeps in its state folder, so that a question over a thousand snapshots reads one file. It
 * may be lost: that costs time. Sealed to a key that only role full has.
 */
import { ByteReader, ByteWriter, fromHex, toHex, utf8 } from '../../core/bytes.ts';
import { contentKey, type ObjectName, objectName } from '../../core/ids.ts';
import { openObject, sealObject } from '../../engine/aead.ts';
import { deriveKey } from '../../engine/keys.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { Repository } from '../../repo/repository.ts';
import { StoredEntry, writeEntry } from './entry.ts';
import { LineageHistory, type Span } from './lineage.ts';

const VERSION = 2;
const FRAME = 2 << 20;
const LEVEL = 1;

/** None for a client that cannot read snapshots, and where it is damaged. */
export async function readHistory(repository: Repository, state: ClientState): Promise<LineageHistory[]> {
  const key = keyOf(repository);
  if (key === undefined) return [];
  try {
    const sealed = await state.read(fileName(repository));
    if (sealed === undefined) return [];
    return decode(unpack(repository, openObject(repository.engine, key, sealed, aadOf(repository))));
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
  const key = keyOf(repository);
  if (key === undefined) return;
  const { engine, random } = repository;
  const sealed = sealObject(engine, key, pack(repository, encode(lineages)), aadOf(repository), random);
  await state.write(fileName(repository), sealed).catch(() => undefined);
}

function encode(lineages: readonly LineageHistory[]): Uint8Array {
  const writer = new ByteWriter(1 << 20).u32(lineages.length);
  for (const { name, snapshots, spans, tree } of lineages) {
    const text = utf8(name);
    writer.u32(text.length).bytes(text).u32(snapshots.length);
    for (const snapshot of snapshots) writer.bytes(fromHex(snapshot));
    writer.bytes(tree ?? new Uint8Array(32)).u32(spans.length);
    for (const { path, entry, first, last } of spans) {
      writer.u32(first).u32(last).u32(path.length).bytes(Buffer.from(path, 'latin1'));
      writeEntry(writer, entry);
    }
  }
  return writer.finish();
}

/** @throws NeoError integrity when it is cut short */
function decode(bytes: Uint8Array): LineageHistory[] {
  const reader = new ByteReader(bytes);
  return Array.from({ length: reader.u32() }, () => {
    const name = Buffer.from(reader.bytes(reader.u32())).toString();
    const snapshots: ObjectName[] = Array.from({ length: reader.u32() }, () => objectName(toHex(reader.bytes(32))));
    const tree = contentKey(reader.bytes(32).slice());
    const spans: Span[] = Array.from({ length: reader.u32() }, () => readSpan(reader));
    return new LineageHistory(name, snapshots, spans, tree);
  });
}

function readSpan(reader: ByteReader): Span {
  const first = reader.u32();
  const last = reader.u32();
  const bytes = reader.bytes(reader.u32());
  const path = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return { path, entry: new StoredEntry(reader.bytes(reader.u32())), first, last };
}

function pack({ engine }: Repository, bytes: Uint8Array): Uint8Array {
  const writer = new ByteWriter(bytes.length >> 1).u32(VERSION).u32(bytes.length);
  for (let at = 0; at < bytes.length; at += FRAME) {
    const frame = engine.compress(bytes.subarray(at, at + FRAME), LEVEL);
    writer.u32(frame.length).bytes(frame);
  }
  return writer.finish();
}

/** Empty for another version. @throws NeoError integrity */
function unpack({ engine }: Repository, packed: Uint8Array): Uint8Array {
  const reader = new ByteReader(packed);
  if (reader.u32() !== VERSION) return new Uint8Array(4);
  const bytes = new Uint8Array(reader.u32());
  for (let at = 0; at < bytes.length; at += FRAME) {
    const length = Math.min(FRAME, bytes.length - at);
    bytes.set(engine.decompress(reader.bytes(reader.u32()), length), at);
  }
  return bytes;
}

function keyOf({ engine, keys: { full } }: Repository): Uint8Array | undefined {
  return full === undefined ? undefined : deriveKey(engine, full.root, 'cache.history');
}

function aadOf({ id }: Repository): Uint8Array {
  return utf8(`history cache ${id}`);
}

function fileName({ id }: Repository): string {
  return `history.${id}`;
}
