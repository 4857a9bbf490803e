/**
 * What a history holds of an entry: all of it as JSON, and before that what most questions ask for, so that of hundreds
 * of thousands none has to be decoded.
 */
import type { ByteWriter } from '../../core/bytes.ts';
import { utf8 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { JsonWriter } from '../../core/json-writer.ts';
import type { Engine } from '../../engine/engine.ts';
import { contentIdentity } from '../../snapshot/identity.ts';
import type { Node, NodeType } from '../../snapshot/node.ts';
import { writeNode } from '../../snapshot/node-text.ts';

export interface HistoryEntry {
  readonly type: NodeType;
  /** Bytes, of a file. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** The same for the same content (snapshot/identity.ts), and for no other; latin1. */
  readonly identity: string;
  /** All of it, as JSON. */
  readonly json: Uint8Array;
}

const TYPES: readonly NodeType[] = ['file', 'directory', 'symlink', 'fifo', 'socket', 'chardev', 'blockdev'];

// Type, size, mtime, identity; the JSON takes the rest.
const SIZE = 1;
const MTIME = 9;
const IDENTITY = 17;
const IDENTITY_LENGTH = 16;
const JSON_AT = IDENTITY + IDENTITY_LENGTH;

/** Of what was just read. */
export function entryOf(engine: Engine, node: Node): HistoryEntry {
  const out = new JsonWriter();
  writeNode(out, node);
  const { type, size, mtime } = node;
  const identity = engine.blake3(utf8(contentIdentity(node))).subarray(0, IDENTITY_LENGTH);
  return { type, size, mtime, identity: Buffer.from(identity).toString('latin1'), json: out.view().slice() };
}

export function writeEntry(writer: ByteWriter, { type, size, mtime, identity, json }: HistoryEntry): void {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigInt64(0, mtime, true);
  writer
    .u32(JSON_AT + json.length)
    .u8(TYPES.indexOf(type))
    .u64(size);
  writer.bytes(time).bytes(Buffer.from(identity, 'latin1')).bytes(json);
}

/** As {@link writeEntry} wrote it, taken apart when it is asked for. */
export class StoredEntry implements HistoryEntry {
  readonly #bytes: Uint8Array;

  /** @throws NeoError integrity when it is cut short */
  constructor(bytes: Uint8Array) {
    if (bytes.length < JSON_AT) throw new NeoError('integrity', 'history is cut short');
    this.#bytes = bytes;
  }

  get type(): NodeType {
    return TYPES[this.#bytes[0] ?? 0] ?? 'file';
  }

  get size(): number {
    return Number(this.#view.getBigUint64(SIZE, true));
  }

  get mtime(): bigint {
    return this.#view.getBigInt64(MTIME, true);
  }

  get identity(): string {
    return Buffer.from(this.#bytes.subarray(IDENTITY, JSON_AT)).toString('latin1');
  }

  get json(): Uint8Array {
    return this.#bytes.subarray(JSON_AT);
  }

  get #view(): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset, JSON_AT);
  }
}
