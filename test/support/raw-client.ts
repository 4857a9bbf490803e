/** Requests to our own server as they go over the wire: nothing of our client looks at them before. */
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import tls from 'node:tls';
import type { ControlVerb } from '../../src/protocol/control.ts';
import { urlOf, VERBS, type Verb } from '../../src/protocol/verbs.ts';

export interface Credentials {
  readonly token?: string;
  readonly device?: { readonly key: string; readonly cert: string };
}

export interface RawAnswer {
  /** 0: there was none. */
  readonly status: number;
  readonly body: Buffer;
  /** Of a refusal. */
  readonly code: string | undefined;
  readonly message: string;
}

export interface Asked {
  readonly target?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array | string;
}

export class RawClient {
  readonly #session: ClientHttp2Session;
  readonly #token: string | undefined;

  /** @param localAddress from where, such as 127.0.0.2 */
  constructor(port: number, { token, device }: Credentials = {}, localAddress = '127.0.0.1') {
    this.#token = token;
    const options = { host: '127.0.0.1', port, localAddress, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    this.#session = http2.connect(`https://127.0.0.1:${port}`, {
      createConnection: () => tls.connect({ ...options, ...device }),
    });
    this.#session.setMaxListeners(0).on('error', () => undefined);
  }

  /** The request's head is sent; its body is the caller's. */
  start(verb: Verb, { target, path, query = '', headers = {} }: Asked): ClientHttp2Stream {
    const authorization = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const stream = this.#session.request(
      { ...authorization, ...headers, ':method': VERBS[verb].method, ':path': urlOf(verb, target, path) + query },
      { endStream: false },
    );
    return stream.on('error', () => undefined);
  }

  ask(verb: Verb, asked: Asked = {}): Promise<RawAnswer> {
    const length = asked.body === undefined ? {} : { 'content-length': Buffer.byteLength(asked.body) };
    const stream = this.start(verb, { ...asked, headers: { ...length, ...asked.headers } });
    stream.end(asked.body);
    return answerOf(stream);
  }

  control(verb: ControlVerb, request: unknown = {}): Promise<RawAnswer> {
    return this.ask('control', { path: verb, body: JSON.stringify(request) });
  }

  close(): void {
    this.#session.destroy();
  }
}

/** What is answered, to its end, or until the line is cut. */
export function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const pieces: Buffer[] = [];
  let status = 0;
  stream.on('response', (headers) => {
    status = Number(headers[':status']);
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve) => {
    const over = (): void => {
      const body = Buffer.concat(pieces);
      resolve({ status, body, ...refusalIn(status, body) });
    };
    // Node leaves a stream open whose body was refused half-way.
    stream.on('end', over).on('close', over);
  });
}

function refusalIn(status: number, body: Buffer): Pick<RawAnswer, 'code' | 'message'> {
  if (status < 400 || body.length === 0) return { code: undefined, message: '' };
  const { error } = JSON.parse(body.toString()) as { error?: { code: string; message: string } };
  return { code: error?.code, message: error?.message ?? '' };
}

export function jsonIn<T = Record<string, unknown>>({ body }: RawAnswer): T {
  return JSON.parse(body.toString()) as T;
}
