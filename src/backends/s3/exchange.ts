/** One request over HTTP/1.1 and its answer, on connections that are kept; no answer is waited for without end. */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { Readable } from 'node:stream';
import { systemCode } from '../../core/errors.ts';
import { giveBackWhatIsRead } from './read-memory.ts';

/**
 * Not by `import`: a module of Node that is imported has all of its exports read, and one of http's is the WebSocket of undici, which
 * takes 50 ms to load; https is 14 ms, and many a store of one's own does without (docs/decisions/0004-start-up.md).
 */
const modules = {
  http: () => process.getBuiltinModule('node:http'),
  https: () => process.getBuiltinModule('node:https'),
};

/** Requests under way at a time; more wait. */
const CONNECTIONS = 64;
const CONNECT_MS = 10_000;
/** Without a byte in either direction. */
const SILENCE_MS = 60_000;

export interface HttpRequest {
  readonly method: string;
  readonly hostname: string;
  readonly port?: number;
  /** With the query, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Readable;
}

export class Exchanges {
  readonly #isSecure: boolean;
  readonly #kept: Agent;
  /** Whose connections are all new. */
  readonly #fresh: Agent;

  /** @param authorities whom to trust, where it is not those that Node trusts: PEM */
  constructor(isSecure: boolean, authorities: Uint8Array | undefined) {
    const trust = authorities === undefined ? {} : { ca: Buffer.from(authorities) };
    const options: AgentOptions = { maxSockets: CONNECTIONS, ...trust };
    const { Agent } = isSecure ? modules.https() : modules.http();
    this.#isSecure = isSecure;
    this.#kept = new Agent({ ...options, keepAlive: true });
    this.#fresh = new Agent(options);
  }

  /**
   * The answer, whose body is still to be read.
   * @throws what Node throws when a connection is not made, is lost, or is silent for a minute
   */
  async ask(request: HttpRequest): Promise<IncomingMessage> {
    const sent = this.#send(request, this.#kept);
    try {
      return await answerOf(sent);
    } catch (error) {
      // The server had closed a connection that was kept before it could know of the request; perhaps all of them.
      const isStale = sent.reusedSocket && systemCode(error) === 'ECONNRESET';
      if (!isStale || !(request.body === undefined || request.body instanceof Uint8Array)) throw error;
      return answerOf(this.#send(request, this.#fresh));
    }
  }

  #send({ body, ...about }: HttpRequest, agent: Agent): ClientRequest {
    const { request } = this.#isSecure ? modules.https() : modules.http();
    const sent = request({ ...about, agent });
    sent.setTimeout(SILENCE_MS, () => sent.destroy(late('the storage is silent')));
    limitConnecting(sent, this.#isSecure);
    sent.once('socket', giveBackWhatIsRead);
    // A refusal that came before all was sent: the rest is not wanted.
    sent.once('response', (answer) => answer.once('end', () => sent.writableFinished || sent.destroy()));
    // After the answer has begun, whoever reads it learns of it.
    sent.on('error', () => undefined);
    if (body === undefined || body instanceof Uint8Array) sent.end(body);
    else {
      body.once('error', (error) => sent.destroy(error));
      sent.once('close', () => body.destroy());
      body.pipe(sent);
    }
    return sent;
  }

  close(): void {
    this.#kept.destroy();
    this.#fresh.destroy();
  }
}

function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
    // After `101 Switching Protocols`, which nobody asked for, there is neither.
    sent.once('close', () => reject(new Error('the connection was closed')));
  });
}

function limitConnecting(sent: ClientRequest, isSecure: boolean): void {
  sent.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => sent.destroy(late('no connection')), CONNECT_MS);
    const clear = (): void => clearTimeout(timer);
    socket.once(isSecure ? 'secureConnect' : 'connect', clear);
    sent.once('close', clear);
  });
}

function late(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}
