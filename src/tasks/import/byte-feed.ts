/** Bytes that arrive in pieces, taken in lengths that the taker wants. */
import { NeoError } from '../../core/errors.ts';

export class ByteFeed {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  /** Bytes taken so far. */
  position = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** At least one byte and at most so many; undefined at the end. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    this.position += part.length;
    return part;
  }

  /** Undefined where nothing more comes. @throws NeoError failed when it ends before that */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    const first = await this.some(length);
    if (first === undefined || first.length === length) return first;
    const bytes = new Uint8Array(length);
    bytes.set(first);
    for (let at = first.length; at < length; ) {
      const part = await this.some(length - at);
      if (part === undefined) throw brokenOff(this.position);
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Looks at what comes next without taking it: fewer bytes only at the end. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#rest.length < length) {
      const { done, value } = await this.#pieces.next();
      if (done === true) break;
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    return this.#rest.subarray(0, length);
  }

  /** In pieces of any length. @throws NeoError failed when there are fewer */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      const part = await this.some(left);
      if (part === undefined) throw brokenOff(this.position);
      left -= part.length;
      yield part;
    }
  }

  async skip(length: number): Promise<void> {
    for await (const _ of this.take(length));
  }

  /** All that is left. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let part = await this.some(MOST); part !== undefined; part = await this.some(MOST)) yield part;
  }
}

const MOST = Number.MAX_SAFE_INTEGER;

/** @param position bytes that there were */
export function brokenOff(position: number): NeoError {
  return new NeoError('failed', `the archive breaks off after ${position} bytes`, {
    hint: 'nothing was imported; make it again, or copy it again',
  });
}
