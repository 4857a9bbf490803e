/** Bytes as values: hex, base64url, comparison, byte strings in JSON, and little-endian cursors. */
import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { NeoError } from './errors.ts';

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** @throws NeoError integrity when the text is not lower-case hex of whole bytes */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new NeoError('integrity', 'not hexadecimal text');
  return Buffer.from(text, 'hex');
}

/** base64url without padding (RFC 4648 §5). */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64url');
}

/** Strict inverse of {@link toBase64}: exactly one text for each byte string. @throws NeoError integrity */
export function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new NeoError('integrity', 'not base64url text');
  return bytes;
}

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of valid UTF-8, or undefined. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  // Most is ASCII, and takes the shortest way.
  if (isAscii(bytes)) return view(bytes).toString('latin1');
  return isUtf8(bytes) ? view(bytes).toString() : undefined;
}

/**
 * Names, paths and link targets are bytes. In JSON, bytes that are valid UTF-8 stand as text, all others as
 * `{"b": base64url}`; so each byte string has exactly one form.
 */
export type ByteString = string | { readonly b: string };

export function toByteString(bytes: Uint8Array): ByteString {
  return decodeUtf8(bytes) ?? { b: toBase64(bytes) };
}

/** @throws NeoError integrity when the escaped form hides valid UTF-8 (then it is not canonical) */
export function fromByteString(value: ByteString): Uint8Array {
  if (typeof value === 'string') return utf8(value);
  const bytes = fromBase64(value.b);
  if (decodeUtf8(bytes) !== undefined) throw new NeoError('integrity', 'escaped name is plain UTF-8');
  return bytes;
}

/** For people: valid UTF-8 as it is, other bytes as `\xHH`, control characters and those that turn the line escaped. */
export function displayBytes(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  const raw = text ?? Array.from(bytes, (b) => (b < 0x80 ? String.fromCharCode(b) : `\\x${b.toString(16)}`)).join('');
  return displayText(raw);
}

/** The same of text. */
export function displayText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals obey control characters, names must not
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/**
 * Copies all of `source` into `target` from `at` on. The same as `target.set(source, at)`, which V8 carries out byte by
 * byte where one of them is memory that threads share and the two are not aligned alike: 2 GB/s instead of 15, as does
 * `Buffer.copy` of a whole source. A fill by as many bytes as there are to fill is one `memcpy`.
 * Only for memory that no other thread writes or reads meanwhile.
 */
export function copyInto(target: Uint8Array, at: number, source: Uint8Array): void {
  if (at < 0 || at + source.length > target.length) throw new RangeError('a copy does not fit');
  // Nothing to fill with would be an error.
  if (source.length > 0) Buffer.prototype.fill.call(target, source, at, at + source.length);
}

/** Of memory of its own. Not by `slice`: what looks like a Uint8Array may be a Buffer, whose `slice` is a view. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** From here on the memory is worth more than the call. Records of TLS, of which a body from a bucket is made, are as long. */
export const DISCARDED_FROM = 16_384;
/** A header that was cut off in front. */
const CUT_OFF = 64;

/**
 * Gives memory back at once that nobody will look at again, as a buffer that is empty from then on. Large outputs that
 * wait for the garbage collector make it run often, and the next ones come from memory that the system has to clear.
 */
export function discard({ buffer, byteLength }: Uint8Array): void {
  const isAll = byteLength >= DISCARDED_FROM && buffer.byteLength <= byteLength + CUT_OFF;
  if (isAll && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Appends fixed-width little-endian values to a growing buffer. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** May replace bytes and view: call it before either is read, in a statement of its own. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** Safe integers only. */
  u64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value), true);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** The bytes so far, and no more: a copy, unless the capacity was exactly right. Nothing is to be written after. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }
}

/** Reads what {@link ByteWriter} wrote; every read is bounds-checked. @throws NeoError integrity past the end */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  #take(count: number): number {
    if (count < 0 || count > this.remaining) throw new NeoError('integrity', 'object ends too early');
    const at = this.#offset;
    this.#offset += count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** @throws NeoError integrity above 2^53−1 */
  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new NeoError('integrity', 'number out of range');
    return Number(value);
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** A view, not a copy. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** @throws NeoError integrity when bytes are left over */
  end(): void {
    if (this.remaining !== 0) throw new NeoError('integrity', 'object has bytes after its end');
  }
}
