/** SHA-256 and HMAC (FIPS 180-4, RFC 2104), for what others sign with them; of ours everything is BLAKE3. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';

/** In the form in which signers of requests take it: with a key it is an HMAC. */
export class Sha256 {
  readonly #key: string | Uint8Array | undefined;
  #hash: Hash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = key === undefined || typeof key === 'string' ? key : bytesOf(key);
    this.#hash = begin(this.#key);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = begin(this.#key);
  }
}

function begin(key: string | Uint8Array | undefined): Hash | Hmac {
  return key === undefined ? createHash('sha256') : createHmac('sha256', key);
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
