/**
 * HTTP around the handlers: HTTP/2 on TLS 1.3, and HTTP/1.1 for curl and proxies. A request becomes a ServerRequest, an
 * answer becomes a status, headers and a body; nothing is decided here.
 */
import { once } from 'node:events';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ByteRange } from '../backends/backend.ts';
import { toHex } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { keyFingerprint } from '../engine/device-certificate.ts';
import { REQUESTS_AT_ONCE } from '../protocol/messages.ts';
import { refusalOf, statusOf } from '../protocol/refusals.ts';
import { routeOf } from '../protocol/verbs.ts';
import { Departure } from './departure.ts';
import { Doorkeeper, networkOf } from './doorkeeper.ts';
import type { Answer, Handler, Pieces, ServerRequest } from './handler.ts';
import { bodyOf } from './http-body.ts';
import { Idleness, Stillness } from './idleness.ts';
import { Presented, type PresentedKey } from './presented.ts';
import type { Caller } from './principal.ts';
import { Windows } from './windows.ts';

export interface HttpOptions {
  /** At least one. */
  readonly keys: readonly PresentedKey[];
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly handler: Handler;
  /** Of each connection. */
  readonly connectionId: () => string;
  /** What went wrong here, and is no refusal; for the log. */
  readonly onFault: (error: unknown) => void;
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpLimits {
  /** Connections: of all, and of one address. */
  readonly connections: number;
  readonly ofOneAddress: number;
  /** Milliseconds in which nothing moves. */
  readonly idle: number;
  /** Milliseconds for TLS, and over HTTP/1.1 for the headers of a request. */
  readonly handshake: number;
}

export interface HttpServer {
  readonly port: number;
  /** From now on, to whoever connects; those that are connected stay. */
  present(...keys: readonly PresentedKey[]): void;
  readonly counts: Doorkeeper['counts'];
  /** Takes nobody in from now on, and cuts off whoever is still being answered after so many milliseconds. */
  close(grace?: number): Promise<void>;
}

/**
 * SSL_OP_NO_TICKET (openssl/ssl.h): a copied ticket would let in without the key. What is left in TLS 1.3, tickets that
 * the server would have to remember, is never found: it remembers none.
 */
const NO_TICKETS = 0x4000;
const TLS = {
  minVersion: 'TLSv1.3',
  secureOptions: NO_TICKETS,
  // Devices have keys and nobody who vouches for them: the handshake proves the key, and the database knows whose it is.
  requestCert: true,
  rejectUnauthorized: false,
} as const;
export const LIMITS: HttpLimits = { connections: 2048, ofOneAddress: 1024, idle: 120_000, handshake: 20_000 };
const MOST_HEADER_BYTES = 16 << 10;
/** Of those who are told of what happens, and have nothing to say. */
const PING_MS = 15_000;
/** As Prometheus wants it. */
const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { keys, host, port, connectionId } = options;
  const limits = { ...LIMITS, ...options.limits };
  const callers = new WeakMap<object, Omit<Caller, 'token'>>();
  const know = (connection: object, socket: TLSSocket): void => {
    const network = networkOf(socket.remoteAddress ?? '');
    const [deviceKey, serverKey] = [deviceKeyOf(socket), serverKeyOf(socket)];
    callers.set(connection, { connection: connectionId(), network, deviceKey, serverKey });
  };
  const presented = new Presented(TLS);
  presented.set(keys);
  const doorkeeper = new Doorkeeper(limits.connections, limits.ofOneAddress);
  const departure = new Departure();
  const windows = new Windows();
  const idleness = new Idleness(limits.idle);
  const server = http2.createSecureServer(serverOptions(limits, windows, presented));
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    doorkeeper.admit(socket);
    // This one's is chosen already: it is for the next.
    if (presented.areSeveral) server.setSecureContext(presented.next());
  });
  server.on('session', (session) => {
    know(session, session.socket as TLSSocket);
    departure.watch(session);
    windows.add(session);
    session.on('error', () => session.destroy());
  });
  server.on('secureConnection', (socket) => {
    know(socket, socket);
    idleness.watch(socket);
    socket.on('error', () => socket.destroy());
  });
  server.on('request', (request, response) => {
    departure.began(response);
    const known = callers.get(request.stream?.session ?? request.socket) ?? { connection: connectionId(), network: '' };
    void answer({ ...options, idle: limits.idle }, { ...known, token: tokenOf(request) }, request, response);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    present(...all) {
      presented.set(all);
      server.setSecureContext(presented.next());
    },
    get counts() {
      return doorkeeper.counts;
    },
    async close(grace = 0) {
      const closed = once(server, 'close');
      server.close();
      if (grace > 0) await Promise.race([closed, departure.allDone(grace)]);
      doorkeeper.dismissAll();
      await closed;
      idleness.stop();
    },
  };
}

function serverOptions({ handshake }: HttpLimits, windows: Windows, presented: Presented): http2.SecureServerOptions {
  // Of HTTP/1.1; the types of http2 do not know them.
  const slowHeaders = {
    headersTimeout: handshake,
    connectionsCheckingInterval: handshake / 4,
    // A body may take as long as it moves.
    requestTimeout: 0,
  };
  return {
    ...presented.next(),
    SNICallback: (name, answer) => answer(null, presented.named(name)),
    allowHTTP1: true,
    ...slowHeaders,
    handshakeTimeout: handshake,
    maxHeaderListPairs: 64,
    maxSessionMemory: 16,
    settings: {
      maxConcurrentStreams: REQUESTS_AT_ONCE,
      initialWindowSize: windows.ofRequest,
      maxHeaderListSize: MOST_HEADER_BYTES,
      enablePush: false,
    },
  };
}

async function answer(
  { idle, ...options }: HttpOptions & { readonly idle: number },
  caller: Caller,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): Promise<void> {
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  const stillness = new Stillness(idle, () => cutOff(response, http2.constants.NGHTTP2_CANCEL));
  response.once('close', () => stillness.stop());
  try {
    const result = await options.handler(caller, requestOf(request, response, stillness.moved));
    if (result.type === 'lines') {
      result.cut.addEventListener('abort', () => cutOff(response));
      watchPeer(response, Math.min(PING_MS, idle / 4));
    }
    await send(response, result, request.method, stillness.moved);
  } catch (error) {
    if (!isNeoError(error)) options.onFault(error);
    refuse(request, response, isNeoError(error) ? error : new NeoError('failed', 'the server failed'));
  } finally {
    // What is left of a body that was refused is not waited for.
    if (!request.readableEnded) closeAfterAnswer(request);
  }
}

/**
 * Not before all of the answer is out: of a stream that is closed while its end is still to be sent by itself, Node 24 fills the memory with empty
 * frames of data, where the client has not ended its request with the head (`Http2Session::SendPendingData`).
 */
function closeAfterAnswer({ stream }: Http2ServerRequest): void {
  // Over HTTP/1.1 there is none.
  if (stream?.close === undefined) return;
  const close = (): void => stream.close(http2.constants.NGHTTP2_NO_ERROR);
  if (stream.writableFinished) close();
  else stream.once('finish', close);
}

/** SHA-256 in hex of the key that the other end has proved in the handshake. */
function deviceKeyOf(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) return undefined;
  return toHex(keyFingerprint(certificate.publicKey.export({ type: 'spki', format: 'der' })));
}

/** The public key that was shown to the other end. */
function serverKeyOf(socket: TLSSocket): Uint8Array | undefined {
  const certificate = socket.getX509Certificate?.();
  if (certificate === undefined) return undefined;
  return keyFingerprint(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}

function tokenOf({ headers }: Http2ServerRequest): string | undefined {
  return /^Bearer ([\x21-\x7e]{1,200})$/.exec(headers.authorization ?? '')?.[1];
}

/** @throws NeoError usage for what is no request of ours */
function requestOf(request: Http2ServerRequest, response: Http2ServerResponse, moved: () => void): ServerRequest {
  const [path = '', query = ''] = request.url.split('?', 2);
  const routed = routeOf(request.method, path);
  if (routed === undefined) {
    throw new NeoError('usage', 'there is no such request', { hint: 'GET /v1/help lists all that there is' });
  }
  const announced = request.headers['content-length'];
  const length = announced === undefined || !/^\d{1,15}$/.test(announced) ? undefined : Number(announced);
  const range = rangeOf(request.headers.range);
  return {
    ...routed,
    query: new Map(new URLSearchParams(query)),
    body: bodyOf(request, length, moved),
    gone: () => goneFrom(response),
    ...(range === undefined ? {} : { range }),
    ...(length === undefined ? {} : { length }),
  };
}

/** Fires when nobody takes the answer any more, or it was given. */
function goneFrom(response: Http2ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.closed || response.destroyed) gone.abort();
  else response.once('close', () => gone.abort());
  return gone.signal;
}

/** One range with both ends (RFC 9110, section 14.1.2): nothing else is of use here. @throws NeoError usage */
function rangeOf(header: string | undefined): ByteRange | undefined {
  if (header === undefined) return undefined;
  const [, first = '', last = ''] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === '' || to < from) throw new NeoError('usage', 'not a range: bytes=FIRST-LAST');
  return { offset: from, length: to - from + 1 };
}

function refuse(request: Http2ServerRequest, response: Http2ServerResponse, error: NeoError): void {
  if (response.headersSent) {
    cutOff(response);
    return;
  }
  // Those of an answer that was prepared.
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  // Over HTTP/1.1 the rest of a body that was refused would have to be read before the next request.
  if (request.httpVersionMajor === 1 && !request.complete) response.setHeader('connection', 'close');
  sendJson(response, statusOf(error.code), refusalOf(error));
}

/** Half an answer must not look like a whole one. */
function cutOff(response: Http2ServerResponse, code: number = http2.constants.NGHTTP2_INTERNAL_ERROR): void {
  response.stream?.close?.(code);
  response.socket?.destroy();
}

function sendJson(response: Http2ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

async function send(response: Http2ServerResponse, result: Answer, method: string, moved: () => void): Promise<void> {
  switch (result.type) {
    case 'json':
      return sendJson(response, 200, result.value);
    case 'text': {
      const body = Buffer.from(result.text);
      prepare(response, 200, { 'content-type': TEXT, 'content-length': body.length });
      response.end(body);
      return;
    }
    case 'done':
      prepare(response, 204, {});
      response.end();
      return;
    case 'absent':
      // A mark of its own: 404 is also what a proxy or another server says of a path that it does not know.
      response.setHeader('neo-object', 'absent');
      return sendJson(response, 404, { absent: true });
    case 'bytes':
      prepare(response, 200, { 'content-type': 'application/octet-stream' });
      return sendPieces(response, result.bytes, moved);
    case 'lines':
      prepare(response, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
      return sendPieces(response, result.bytes, moved);
    case 'object':
      return sendObject(response, result, method, moved);
  }
}

async function sendObject(
  response: Http2ServerResponse,
  { info, range, bytes }: Extract<Answer, { type: 'object' }>,
  method: string,
  moved: () => void,
): Promise<void> {
  const { offset, length } = range ?? { offset: 0, length: info.size };
  const isPart = range !== undefined && length > 0 && (offset > 0 || length < info.size);
  prepare(response, isPart ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': method === 'HEAD' ? info.size : length,
    'accept-ranges': 'bytes',
    // Milliseconds, as `last-modified` has none.
    'neo-modified': info.modified,
    ...(isPart ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${info.size}` } : {}),
  });
  if (bytes === undefined || method === 'HEAD') response.end();
  else await sendPieces(response, bytes, moved);
}

/**
 * The head goes with the first bytes, and alone where there are none: of a body without any, whose head was sent before, Node 24 can
 * fill the memory with empty frames of data (`Http2Session::SendPendingData`, seen when 16 empty objects are asked for at once).
 */
function prepare(
  response: Http2ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>>,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

/**
 * What is written to somebody who is gone without a word waits in the system for a quarter of an hour, and counts as something that moves: so he is
 * asked. Over HTTP/1.1 he cannot be.
 */
function watchPeer(response: Http2ServerResponse, every: number): void {
  const session = response.stream?.session;
  if (session === undefined) return;
  let isThere = true;
  const timer = setInterval(() => {
    if (!isThere) session.destroy();
    if (session.destroyed) return;
    isThere = false;
    session.ping(() => {
      isThere = true;
    });
  }, every);
  response.once('close', () => clearInterval(timer));
}

/** As fast as the client takes them. */
async function sendPieces(response: Http2ServerResponse, pieces: Pieces, moved: () => void): Promise<void> {
  for await (const piece of pieces) {
    if (response.destroyed || response.closed) return;
    if (piece.length > 0) await written(response, piece);
    moved();
  }
  response.end();
}

/** Resolves when all of a piece is out, as its memory is used again then; or when nobody takes anything any longer. */
function written(response: Http2ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('close', go);
      resolve();
    };
    response.on('close', go);
    response.write(piece, go);
  });
}
