/**
 * Ends what nothing moves on for long: connections, and requests while others of their connection go on. The timers that Node has for sessions and
 * streams of HTTP/2 are not used: they are not taken back where those are destroyed, and keep all of it in memory until they fire, so that whoever
 * comes and goes quickly would fill the memory.
 */
import type { TLSSocket } from 'node:tls';

/** Looks within the time that is given. */
const LOOKS = 8;

interface Seen {
  readonly bytes: number;
  readonly looks: number;
}

export class Idleness {
  readonly #sockets = new Map<TLSSocket, Seen>();
  readonly #timer: NodeJS.Timeout;

  /** @param milliseconds until a connection is ended; up to an eighth later */
  constructor(milliseconds: number) {
    this.#timer = setInterval(() => this.#look(), milliseconds / LOOKS).unref();
  }

  watch(socket: TLSSocket): void {
    this.#sockets.set(socket, { bytes: 0, looks: 0 });
    socket.once('close', () => this.#sockets.delete(socket));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const [socket, seen] of this.#sockets) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      const looks = bytes === seen.bytes ? seen.looks + 1 : 0;
      this.#sockets.set(socket, { bytes, looks });
      if (looks >= LOOKS) socket.destroy();
    }
  }
}

/** Of one request. */
export class Stillness {
  readonly #timer: NodeJS.Timeout;

  /** @param end once nothing was moved for so many milliseconds */
  constructor(milliseconds: number, end: () => void) {
    this.#timer = setTimeout(end, milliseconds).unref();
  }

  readonly moved = (): void => {
    this.#timer.refresh();
  };

  stop(): void {
    clearTimeout(this.#timer);
  }
}
