/** The end of a server in good order: whoever is being answered gets the answer. */
import type { Http2ServerResponse, ServerHttp2Session } from 'node:http2';

/** Answers that are done may still be on their way. */
const LAST_BYTES_MS = 500;

export class Departure {
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #underWay = new Set<Http2ServerResponse>();
  #isLeaving = false;
  #whenDone: () => void = () => undefined;

  watch(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#isLeaving) session.close();
  }

  began(response: Http2ServerResponse): void {
    this.#underWay.add(response);
    if (this.#isLeaving && response.stream === undefined) response.setHeader('connection', 'close');
    response.once('close', () => {
      this.#underWay.delete(response);
      if (this.#underWay.size === 0) this.#whenDone();
    });
  }

  /** Nobody asks anything new on a connection that is there. Resolves when all is answered, or after so many milliseconds. */
  async allDone(milliseconds: number): Promise<void> {
    this.#isLeaving = true;
    for (const session of this.#sessions) session.close();
    const over = new Promise<void>((resolve) => setTimeout(resolve, milliseconds).unref());
    if (this.#underWay.size > 0) {
      const done = new Promise<void>((resolve) => {
        this.#whenDone = resolve;
      });
      await Promise.race([done, over]);
    }
    await Promise.race([over, new Promise<void>((resolve) => setTimeout(resolve, LAST_BYTES_MS))]);
  }
}
