/** JSON straight into bytes: what is written for each of a million files leaves no strings behind to be collected. */
import { toByteString, utf8 } from './bytes.ts';
import { NeoError } from './errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const BASE64 = new Uint8Array(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'));
/** Up to here a number's digits come out of 32-bit arithmetic. */
const SMALL = 0x7fff_ffff;

export class JsonWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** A view of what was written; the next write may overwrite or leave it. */
  view(from = 0, to = this.#length): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  /** Forgets all from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }

  /** Text that is JSON already, of ASCII alone. */
  ascii(text: string): void {
    const { length } = text;
    let at = this.#reserve(length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
  }

  /** Text that is JSON already. */
  json(text: string): void {
    this.raw(utf8(text));
  }

  /** A text, in quotes. */
  text(value: string): void {
    const { length } = value;
    for (let i = 0; i < length; i++) {
      if (!isPlainByte(value.charCodeAt(i))) {
        this.json(JSON.stringify(value));
        return;
      }
    }
    this.ascii('"');
    this.ascii(value);
    this.ascii('"');
  }

  /** Bytes that are JSON already. */
  raw(json: Uint8Array): void {
    const at = this.#reserve(json.length);
    this.#bytes.set(json, at);
  }

  /** @throws NeoError failed for a number that JSON does not keep */
  integer(value: number): void {
    if (value >= 0 && value <= SMALL && Number.isInteger(value)) this.#digits(value);
    else if (Number.isSafeInteger(value)) this.ascii(`${value}`);
    else throw new NeoError('failed', `not a safe integer: ${value}`);
  }

  #digits(value: number): void {
    let count = 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) count += 1;
    const from = this.#reserve(count);
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = from + count - 1; at >= from; at--) {
      const tens = (rest / 10) | 0;
      bytes[at] = ZERO + rest - tens * 10;
      rest = tens;
    }
  }

  /** base64url in quotes. */
  base64(value: Uint8Array): void {
    const { length } = value;
    let at = this.#reserve(2 + Math.ceil((length * 4) / 3));
    const bytes = this.#bytes;
    bytes[at++] = QUOTE;
    for (let i = 0; i < length; i += 3) {
      const word = ((value[i] ?? 0) << 16) | ((value[i + 1] ?? 0) << 8) | (value[i + 2] ?? 0);
      bytes[at++] = BASE64[word >> 18] ?? 0;
      bytes[at++] = BASE64[(word >> 12) & 63] ?? 0;
      if (i + 1 < length) bytes[at++] = BASE64[(word >> 6) & 63] ?? 0;
      if (i + 2 < length) bytes[at++] = BASE64[word & 63] ?? 0;
    }
    bytes[at] = QUOTE;
  }

  /** A byte string (bytes.ts): text in quotes, or escaped where the bytes are none. */
  byteString(value: Uint8Array): void {
    if (!isPlain(value)) {
      this.json(JSON.stringify(toByteString(value)));
      return;
    }
    let at = this.#reserve(value.length + 2);
    const bytes = this.#bytes;
    bytes[at++] = QUOTE;
    for (let i = 0; i < value.length; i++) bytes[at++] = value[i] ?? 0;
    bytes[at] = QUOTE;
  }

  /** An integer of any size, in quotes. */
  quotedInteger(value: bigint): void {
    const at = this.#reserve(1);
    this.#bytes[at] = QUOTE;
    this.ascii(value.toString());
    const end = this.#reserve(1);
    this.#bytes[end] = QUOTE;
  }
}

/** Printable ASCII that JSON does not escape. */
function isPlainByte(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== QUOTE && byte !== BACKSLASH;
}

function isPlain(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (!isPlainByte(bytes[i] ?? 0)) return false;
  return true;
}
