/**
 * What a history holds of an entry: what most questions ask for, and where all of it stands as JSON, so that of hundreds
 * of thousands none has to be decoded.
 */
import { type ByteWriter, utf8 } from '../../core/bytes.ts';
import { JsonWriter } from '../../core/json-writer.ts';
import type { Engine } from '../../engine/engine.ts';
import { contentIdentity } from '../../snapshot/identity.ts';
import type { Node, NodeType } from '../../snapshot/node.ts';
import { writeNode } from '../../snapshot/node-text.ts';
import type { JsonFrames, JsonPlace } from './json-frames.ts';

export interface HistoryEntry {
  readonly type: NodeType;
  /** Bytes, of a file. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** The same for the same content (snapshot/identity.ts), and for no other; latin1. */
  readonly identity: string;
  /** All of it, as JSON. @throws NeoError integrity */
  readonly json: Uint8Array;
  /** Where that is stored already. */
  readonly stored?: { readonly frames: JsonFrames; readonly place: JsonPlace };
}

const TYPES: readonly NodeType[] = ['file', 'directory', 'symlink', 'fifo', 'socket', 'chardev', 'blockdev'];

// Type, size, mtime, identity, then the place of the JSON: frame, offset, length.
const SIZE = 1;
const MTIME = 9;
const IDENTITY = 17;
const IDENTITY_LENGTH = 16;
const PLACE = IDENTITY + IDENTITY_LENGTH;
/** Bytes of an entry in a table. */
export const ENTRY_LENGTH = PLACE + 12;

/** Of what was just read. */
export function entryOf(engine: Engine, node: Node): HistoryEntry {
  const out = new JsonWriter();
  writeNode(out, node);
  const { type, size, mtime } = node;
  const identity = engine.blake3(utf8(contentIdentity(node))).subarray(0, IDENTITY_LENGTH);
  return { type, size, mtime, identity: Buffer.from(identity).toString('latin1'), json: out.view().slice() };
}

export function writeEntry(writer: ByteWriter, entry: HistoryEntry, { frame, offset, length }: JsonPlace): void {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigInt64(0, entry.mtime, true);
  writer.u8(TYPES.indexOf(entry.type)).u64(entry.size).bytes(time).bytes(Buffer.from(entry.identity, 'latin1'));
  writer.u32(frame).u32(offset).u32(length);
}

/** Bytes with entries in them: one for all of a history. */
export class EntryTable {
  readonly frames: JsonFrames;
  readonly bytes: Buffer;
  readonly view: DataView;

  constructor(bytes: Uint8Array, frames: JsonFrames) {
    this.frames = frames;
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The entry that begins at a byte. */
  at(offset: number): HistoryEntry {
    return new StoredEntry(this, offset);
  }
}

/** As {@link writeEntry} wrote it, taken apart when it is asked for: of most of a hundred thousand nobody asks. */
class StoredEntry implements HistoryEntry {
  readonly #table: EntryTable;
  readonly #at: number;

  constructor(table: EntryTable, at: number) {
    this.#table = table;
    this.#at = at;
  }

  get type(): NodeType {
    return TYPES[this.#table.bytes[this.#at] ?? 0] ?? 'file';
  }

  get size(): number {
    return Number(this.#table.view.getBigUint64(this.#at + SIZE, true));
  }

  get mtime(): bigint {
    return this.#table.view.getBigInt64(this.#at + MTIME, true);
  }

  get identity(): string {
    return this.#table.bytes.toString('latin1', this.#at + IDENTITY, this.#at + PLACE);
  }

  get stored(): { readonly frames: JsonFrames; readonly place: JsonPlace } {
    return { frames: this.#table.frames, place: this.#place };
  }

  get json(): Uint8Array {
    return this.#table.frames.read(this.#place);
  }

  get #place(): JsonPlace {
    const { view } = this.#table;
    const at = this.#at + PLACE;
    return {
      frame: view.getUint32(at, true),
      offset: view.getUint32(at + 4, true),
      length: view.getUint32(at + 8, true),
    };
  }
}
