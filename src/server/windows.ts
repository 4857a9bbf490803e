/**
 * What clients may send ahead of what the server has taken (RFC 9113, section 5.2): all of it may have to be kept in memory, so the more connections
 * there are, the less each of them may.
 */
import type { ServerHttp2Session } from 'node:http2';

/** Bytes of all connections together, about. */
const ALL = 32 << 20;
const MOST = 16 << 20;
const LEAST = 128 << 10;
/** Of one request, in parts of its connection's: others are not to wait for one that is slow. */
const PART = 4;

export class Windows {
  readonly #sessions = new Set<ServerHttp2Session>();
  #window = MOST;

  /** Bytes that a request on a new connection may send ahead. */
  get ofRequest(): number {
    return this.#window / PART;
  }

  add(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => {
      this.#sessions.delete(session);
      this.#tune();
    });
    if (!this.#tune()) this.#apply(session);
  }

  /** By powers of two: not with every connection all others. */
  #tune(): boolean {
    const fair = 2 ** Math.floor(Math.log2(ALL / Math.max(1, this.#sessions.size)));
    const window = Math.max(LEAST, Math.min(MOST, fair));
    if (window === this.#window) return false;
    this.#window = window;
    for (const session of this.#sessions) this.#apply(session);
    return true;
  }

  #apply(session: ServerHttp2Session): void {
    if (session.closed || session.destroyed) return;
    session.setLocalWindowSize(this.#window);
    session.settings({ initialWindowSize: this.ofRequest });
  }
}
