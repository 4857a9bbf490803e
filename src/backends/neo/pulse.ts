/**
 * Whether whoever is at the other end of a connection is still there, asked while something is under way. A server that is killed may leave a
 * connection on which nothing ever moves again, and no error either; one that thinks for long answers a ping all the same (RFC 9113, section 6.7).
 */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** After twice as long without a byte in either direction it is taken for gone. */
const BEAT_MS = 10_000;
/** More than a ping takes in TLS. */
const PING_BYTES = 200;

/** Bytes, each way. */
interface Moved {
  readonly read: number;
  readonly written: number;
}

export class Pulse {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #onGone: () => void;
  #underWay = 0;
  #before: Moved | undefined;
  /** When a ping was sent that nobody has answered yet. */
  #asked: Moved | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: ClientHttp2Session, socket: Socket, onGone: () => void) {
    this.#session = session;
    this.#socket = socket;
    this.#onGone = onGone;
  }

  /** It is watched until this ends. */
  during(stream: ClientHttp2Stream): void {
    this.#underWay += 1;
    this.#timer ??= setInterval(() => this.#beat(), BEAT_MS).unref();
    stream.once('close', () => {
      this.#underWay -= 1;
      // Nothing is said on a line that nobody uses.
      if (this.#underWay === 0) this.#stop();
    });
  }

  #beat(): void {
    if (this.#session.destroyed) {
      this.#stop();
      return;
    }
    const { bytesRead: read, bytesWritten: written } = this.#socket;
    const [before, asked] = [this.#before, this.#asked];
    this.#before = { read, written };
    this.#asked = undefined;
    if (asked !== undefined && read === asked.read && written - asked.written < PING_BYTES) {
      this.#stop();
      this.#onGone();
    } else if (asked === undefined && read === before?.read && written === before.written) {
      this.#asked = { read, written };
      this.#session.ping(() => undefined);
    }
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#before = undefined;
    this.#asked = undefined;
  }
}
