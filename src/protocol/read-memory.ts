/**
 * What Node reads from a connection of HTTP/2 lies in buffers of 16 KiB, one for each record of TLS, of which bodies are made as views. Left to the
 * garbage collector they make it run a full cycle for each 10 to 20 MiB, a third of all CPU time. So they are given back as soon as all that lies in
 * one was copied.
 */

/** Of a frame (RFC 9113, section 4.1). */
const HEADER = 9;

/** Of one connection. */
export class ReadMemory {
  #buffer: ArrayBufferLike | undefined;
  #copied = 0;

  /**
   * A piece of a body of which everything needed was copied; it must not be looked at again. A buffer goes only when a piece of the next one is here, as
   * Node may not have read all of it before that, and only when nothing but a header can be left in it: bytes of another body would have one of
   * their own beside them.
   */
  copied({ buffer, length }: Uint8Array): void {
    if (buffer !== this.#buffer) {
      this.#giveBack();
      this.#buffer = buffer;
      this.#copied = 0;
    }
    this.#copied += length;
  }

  /** For now nothing more comes: what was read last is not kept either. */
  forget(): void {
    this.#buffer = undefined;
  }

  #giveBack(): void {
    const buffer = this.#buffer;
    if (buffer instanceof ArrayBuffer && this.#copied >= buffer.byteLength - HEADER && !buffer.detached)
      buffer.transfer(0);
  }
}
