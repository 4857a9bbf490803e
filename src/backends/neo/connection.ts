/**
 * One connection to a server of ours: TLS 1.3 with a server whose key is known beforehand, and HTTP/2 on it. It is made when
 * it is needed, and anew when it was lost. Before the key was seen to be the right one nothing is sent.
 */
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import tls from 'node:tls';
import { equalBytes, toBase64 } from '../../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import { helloSchema } from '../../protocol/messages.ts';
import { ReadMemory } from '../../protocol/read-memory.ts';
import { errorOf } from '../../protocol/refusals.ts';
import { keyServerName } from '../../protocol/server-keys.ts';
import { urlOf } from '../../protocol/verbs.ts';
import { wholeBody } from '../bodies.ts';
import { Pulse } from './pulse.ts';

export interface Trust {
  /** SHA-256 of the server's public key (DER, SubjectPublicKeyInfo): 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** Of other keys that are known to be its own. */
  readonly others?: readonly Uint8Array[];
  /** Told once which keys the server says it has, as people see them; asked for beside whatever else is asked. */
  readonly onKeys?: (keys: readonly string[]) => Promise<void>;
  /** Who asks, by a token. */
  readonly token?: string;
  /** Who asks, by a key that never leaves this machine; both PEM. */
  readonly device?: { readonly key: string; readonly cert: string };
  /** A server that is gone without a word is noticed by pings: who goes on for ever, and is not asked again by anybody, needs that. */
  readonly pings?: boolean;
  /** Told of each request and answer: method, path and sizes, and nothing of what is in them. */
  readonly trace?: (line: string) => void;
}

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array | NodeJS.ReadableStream;
  /** For messages: what was being done. */
  readonly doing: string;
}

export interface Reply {
  readonly headers: IncomingHttpHeaders;
  readonly stream: ClientHttp2Stream;
  /** To be told of pieces of the body that were copied. */
  readonly memory: ReadMemory;
}

/** SSL_OP_NO_TICKET (openssl/ssl.h). With a resumed session the server's key would not be seen. */
const NO_TICKETS = 0x4000;
const CONNECT_MS = 20_000;
/** Nothing moves for so long. */
const SILENCE_MS = 60_000;
/** What may be under way on one request, and on the connection: 16 MiB are 320 MB/s over 50 ms. */
const WINDOW = 4 << 20;
const CONNECTION_WINDOW = 16 << 20;
const FIRST_REQUESTS = 16;
const MOST_REFUSAL_BYTES = 64 << 10;
/** For the answer of which keys there are, when all else is done. */
const LEARN_MS = 1_000;
const CUT = 'the connection was cut';

export class Connection {
  readonly #host: string;
  readonly #port: number;
  readonly #trust: Trust;
  #session: Promise<ClientHttp2Session> | undefined;
  #learning: Promise<void> | undefined;
  readonly #memories = new WeakMap<object, ReadMemory>();
  readonly #pulses = new WeakMap<object, Pulse>();

  constructor(host: string, port: number, trust: Trust) {
    this.#host = host;
    this.#port = port;
    this.#trust = trust;
  }

  /**
   * The answer, whose body is still to be read; undefined when the server says that there is no such object.
   * @throws NeoError what the server refuses with; unreachable
   */
  async ask(exchange: Exchange): Promise<Reply | undefined> {
    const { doing, method, url } = exchange;
    const { trace } = this.#trust;
    const began = performance.now();
    trace?.(`> ${method} ${url}${lengthSent(exchange)}`);
    try {
      const stream = await this.#send(exchange);
      const [headers] = (await answered(stream)) as [IncomingHttpHeaders & { ':status'?: number }];
      const status = headers[':status'] ?? 0;
      const length = headers['content-length'] === undefined ? '' : ` ${headers['content-length']} bytes`;
      trace?.(`< ${status} ${method} ${url}${length}, ${Math.round(performance.now() - began)} ms`);
      if (status >= 200 && status < 300) return { headers, stream, memory: this.#memoryOf(stream) };
      if (status === 404 && headers['neo-object'] === 'absent') {
        stream.close();
        return undefined;
      }
      const refusal = await jsonOf(stream, MOST_REFUSAL_BYTES).catch(() => undefined);
      // What was not sent yet is not wanted.
      stream.destroy();
      throw errorOf(status, refusal, doing);
    } catch (error) {
      if (!isNeoError(error)) trace?.(`< cut ${method} ${url}: ${messageOf(error)}`);
      throw isNeoError(error) ? error : cut(doing, error);
    }
  }

  #memoryOf({ session }: ClientHttp2Stream): ReadMemory {
    return (session && this.#memories.get(session)) ?? new ReadMemory();
  }

  async #send({ method, url, headers = {}, body }: Exchange): Promise<ClientHttp2Stream> {
    const session = await this.#connected();
    const { token } = this.#trust;
    const stream = session.request(
      {
        ...headers,
        ':method': method,
        ':path': url,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      { endStream: body === undefined },
    );
    holdProcess(stream);
    this.#pulses.get(session)?.during(stream);
    stream.setTimeout(SILENCE_MS, () => {
      // The next one goes over another connection.
      session.close();
      stream.destroy(new NeoError('unreachable', 'the server is silent'));
    });
    // Whoever reads it learns of it; and a refusal may come before all was sent.
    stream.on('error', () => undefined);
    if (body instanceof Uint8Array) stream.end(body);
    else body?.pipe(stream);
    return stream;
  }

  async #connected(): Promise<ClientHttp2Session> {
    const known = this.#session;
    if (known !== undefined) {
      const session = await known;
      if (!session.closed && !session.destroyed) return session;
      // Of all who find it closed the first makes a new one.
      if (this.#session !== known) return this.#connected();
    }
    const mine = this.#connect();
    this.#session = mine;
    mine.catch(() => {
      if (this.#session === mine) this.#session = undefined;
    });
    return mine;
  }

  async #connect(): Promise<ClientHttp2Session> {
    const socket = await this.#shakeHands();
    const session = http2.connect(
      `https://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.#port}`,
      {
        createConnection: () => socket,
        // MB; packs that wait to be sent count, and how many there are is bounded by whoever sends them.
        maxSessionMemory: 4096,
        // Until the server has said how many it takes at once; more wait here.
        peerMaxConcurrentStreams: FIRST_REQUESTS,
        settings: { enablePush: false, initialWindowSize: WINDOW },
      },
    );
    this.#memories.set(session, new ReadMemory());
    if (this.#trust.pings === true) this.#pulses.set(session, pulseOf(session, socket));
    session.on('error', () => session.destroy());
    await connected(session);
    session.unref();
    session.setLocalWindowSize(CONNECTION_WINDOW);
    const { onKeys } = this.#trust;
    if (onKeys !== undefined) this.#learning ??= this.#learn(onKeys).catch(() => undefined);
    return session;
  }

  /** Waits for the connection as whoever wanted it, and goes after him. What goes wrong here is nobody's concern. */
  async #learn(onKeys: NonNullable<Trust['onKeys']>): Promise<void> {
    const reply = await this.ask({ method: 'GET', url: urlOf('hello'), doing: 'learn the keys of the server' });
    const hello = helloSchema.parse(reply === undefined ? undefined : await jsonOf(reply.stream, MOST_REFUSAL_BYTES));
    await onKeys(hello.keys ?? []);
  }

  async #shakeHands(): Promise<tls.TLSSocket> {
    return (await meetServer(this.#host, this.#port, this.#trust)).socket;
  }

  async close(): Promise<void> {
    await Promise.race([this.#learning, new Promise((resolve) => setTimeout(resolve, LEARN_MS).unref())]);
    const session = await this.#session?.catch(() => undefined);
    session?.destroy();
  }
}

function pulseOf(session: ClientHttp2Session, socket: tls.TLSSocket): Pulse {
  return new Pulse(session, socket, () => session.destroy(new NeoError('unreachable', 'the server is gone')));
}

function lengthSent({ headers = {} }: Exchange): string {
  const length = headers['content-length'];
  return length === undefined ? '' : ` ${length} bytes`;
}

/**
 * While something is asked for; a connection that nobody needs any more must not keep a command from ending. Not by the connection: when the
 * server is killed Node may stop reading from it without a word, and then nothing would be left to wait for.
 */
function holdProcess(stream: ClientHttp2Stream): void {
  const held = setInterval(() => undefined, SILENCE_MS);
  stream.once('close', () => clearInterval(held));
}

interface Met {
  readonly isKnown: true;
  readonly socket: tls.TLSSocket;
  /** Of the key that the server has shown. */
  readonly found: Uint8Array;
}

interface Stranger {
  readonly isKnown: false;
  readonly found: Uint8Array | undefined;
}

/**
 * TLS with a server whose key is known, and nothing is sent yet. One that has several shows any of them; if that is not known, each that is known
 * is asked for.
 * @throws NeoError unreachable
 */
async function meetServer(host: string, port: number, trust: Trust): Promise<Met> {
  const first = await meet(host, port, trust);
  if (first.isKnown) return first;
  for (const each of [trust.fingerprint, ...(trust.others ?? [])]) {
    // What does not know such names may not like them.
    const next = await meet(host, port, trust, keyServerName(each)).catch(() => first);
    if (next.isKnown) return next;
  }
  throw new NeoError('unreachable', `${host}:${port} has another key than the one that is known`, {
    hint: `nothing was sent; if the server was set up anew, log in again: its fingerprint is ${showFingerprint(first.found)}`,
    isPermanent: true,
  });
}

async function meet(host: string, port: number, trust: Trust, name?: string): Promise<Met | Stranger> {
  const socket = await shakeHands(host, port, trust.device, name);
  try {
    const found = await serverKeyOf(socket);
    // A connection that is gone has no key.
    if (found === undefined && socket.destroyed) throw new Error(CUT);
    const known = [trust.fingerprint, ...(trust.others ?? [])];
    if (found === undefined || !known.some((each) => equalBytes(each, found))) {
      socket.destroy();
      return { isKnown: false, found };
    }
    // Nothing would ever come over it, and HTTP/2 would not notice.
    if (socket.readyState !== 'open') throw new Error(CUT);
    return { isKnown: true, socket, found };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** TLS with whoever is there; nothing is sent yet. `name`: of the key that is wanted. @throws NeoError unreachable */
async function shakeHands(host: string, port: number, device: Trust['device'], name?: string): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    host,
    port,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
    secureOptions: NO_TICKETS,
    // Nobody vouches for such servers: the key is known, and compared by the caller.
    rejectUnauthorized: false,
    ...(name === undefined && /^[\d.]+$|:/.test(host) ? {} : { servername: name ?? host }),
    ...(device ?? {}),
  });
  // Also between this and whoever listens next: the server may be gone at any moment.
  socket.on('error', () => undefined);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_MS) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw cut(`reach ${host}:${port}`, error);
  }
}

async function serverKeyOf(socket: tls.TLSSocket): Promise<Uint8Array | undefined> {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
  return key === undefined ? undefined : new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(key)));
}

/**
 * Which of the keys that are known the server shows now; nothing is sent.
 * @throws NeoError unreachable, also when it has none of them
 */
export async function knownKeyOf(host: string, port: number, trust: Trust): Promise<Uint8Array> {
  const { socket, found } = await meetServer(host, port, trust);
  socket.destroy();
  return found;
}

/** SHA-256 of the key that a server has, of which nobody knows yet whether it is the right one. @throws NeoError unreachable */
export async function askFingerprint(host: string, port: number): Promise<Uint8Array> {
  const socket = await shakeHands(host, port, undefined);
  const found = await serverKeyOf(socket);
  socket.destroy();
  if (found === undefined) throw new NeoError('unreachable', `${host}:${port} shows no key`);
  return found;
}

/** As OpenSSH writes them: `SHA256:` and base64 (RFC 4648, section 4) without padding. */
export function showFingerprint(fingerprint: Uint8Array | undefined): string {
  if (fingerprint === undefined) return 'unknown';
  return `SHA256:${toBase64(fingerprint).replaceAll('-', '+').replaceAll('_', '/')}`;
}

/** The first of: an answer, an error, the end. */
function answered(stream: ClientHttp2Stream): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve([headers]));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(CUT)));
  });
}

/** The first of: HTTP/2, an error, the end, and too long a wait. */
function connected(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => session.destroy(new Error('the server is silent')), CONNECT_MS);
    session.once('connect', () => resolve());
    session.once('error', reject);
    session.once('close', () => reject(new Error(CUT)));
    const done = (): void => clearTimeout(late);
    session.once('connect', done).once('close', done);
  });
}

/** Reads of a body: what is no error of ours is the line's. @throws NeoError unreachable when it was cut off */
export async function readingOf<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw isNeoError(error) ? error : cut('read the answer', error);
  }
}

/** @throws NeoError unreachable when it was cut off; failed for more than `most` bytes */
export async function wholeOf(stream: ClientHttp2Stream, most: number): Promise<Uint8Array> {
  const bytes = await readingOf(wholeBody(stream, most));
  // A line that was closed ends the body as if it were all.
  if (stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) throw cut('read the answer', new Error(CUT));
  return bytes;
}

/** @throws NeoError unreachable when it was cut off; failed for more than `most` bytes, and for what is no JSON */
export async function jsonOf(stream: ClientHttp2Stream, most: number): Promise<unknown> {
  const bytes = await wholeOf(stream, most);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new NeoError('failed', 'the server answers something else than JSON', { cause });
  }
}

function cut(doing: string, error: unknown): NeoError {
  return new NeoError('unreachable', `cannot ${doing}: ${messageOf(error)}`, { cause: error });
}
