/**
 * Packets of the SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH speaks it. Integers are
 * big-endian; a packet is `u32 length ‖ u8 type ‖ …`, and all but the greeting carry a `u32` request id.
 */
import { NeoError } from '../../core/errors.ts';

export const REQUEST = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  realpath: 16,
  rename: 18,
  extended: 200,
} as const;

export const REPLY = { version: 2, status: 101, handle: 102, data: 103, name: 104, attrs: 105, extended: 201 } as const;

export const STATUS = { ok: 0, eof: 1, absent: 2, denied: 3, failure: 4, unsupported: 8 } as const;

export const OPEN = { read: 1, write: 2, create: 8, exclusive: 32 } as const;

/** The longest packet that is taken: a reply to a read of 255 KiB, or some hundred names. */
export const MAX_PACKET = 1 << 20;

/** To copy so many bytes costs more than to send them as a part of their own. */
const LONG = 16 << 10;

const PERMISSIONS = 4;
const TYPE_MASK = 0o170000;
const IS_FILE = 0o100000;
const IS_FOLDER = 0o040000;

export interface Attributes {
  readonly size: number;
  /** Milliseconds since 1970; the protocol knows seconds. */
  readonly modified: number;
  readonly is: 'file' | 'folder' | 'other';
}

/** Writes one packet. */
export class PacketWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32BE(value);
    return this.raw(part);
  }

  u64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64BE(BigInt(value));
    return this.raw(part);
  }

  u8(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  bytes(value: Uint8Array): this {
    return this.u32(value.length).raw(value);
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value));
  }

  raw(value: Uint8Array): this {
    this.#parts.push(value);
    this.#length += value.length;
    return this;
  }

  /** Attributes that say only the mode. */
  mode(mode: number): this {
    return this.u32(PERMISSIONS).u32(mode);
  }

  /** The packet, ready to be sent: its head with all that is small, and a long end as it was given, not copied. */
  finish(type: number, id?: number): readonly Uint8Array[] {
    const head = Buffer.alloc(id === undefined ? 5 : 9);
    head.writeUInt32BE(this.#length + head.length - 4);
    head[4] = type;
    if (id !== undefined) head.writeUInt32BE(id, 5);
    const last = this.#parts.at(-1);
    if (last === undefined || last.length < LONG) return [Buffer.concat([head, ...this.#parts])];
    return [Buffer.concat([head, ...this.#parts.slice(0, -1)]), last];
  }
}

/** Reads what a server sent. @throws NeoError unreachable where it ends too early: nothing a server says is believed */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    return this.#take(1)[0] ?? 0;
  }

  u32(): number {
    return this.#take(4).readUInt32BE();
  }

  u64(): number {
    const value = this.#take(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed();
    return Number(value);
  }

  bytes(): Buffer {
    return this.#take(this.u32());
  }

  attributes(): Attributes {
    const flags = this.u32();
    const size = (flags & 1) > 0 ? this.u64() : 0;
    if ((flags & 2) > 0) this.#take(8);
    const mode = (flags & PERMISSIONS) > 0 ? this.u32() & TYPE_MASK : 0;
    let modified = 0;
    if ((flags & 8) > 0) {
      this.u32();
      modified = this.u32() * 1000;
    }
    const extensions = (flags & 0x8000_0000) === 0 ? 0 : this.u32();
    for (let n = 0; n < extensions; n++) {
      this.bytes();
      this.bytes();
    }
    return { size, modified, is: mode === IS_FILE ? 'file' : mode === IS_FOLDER ? 'folder' : 'other' };
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw malformed();
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}

function malformed(): NeoError {
  return new NeoError('unreachable', 'the SFTP server sent what is no answer');
}
