/** Between a client and a server that speak HTTP: it counts, and answers or changes some requests in its own way. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Certificate } from './certificate.ts';

/** What becomes of a request. */
export type Fate =
  | 'pass'
  /** Never answered. */
  | 'cut'
  /** Half of the body of the answer, then the connection ends. */
  | 'half'
  /** A bit of what the client sends is flipped. */
  | 'flip'
  | { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> };

export interface HttpProxy {
  readonly endpoint: string;
  readonly requests: string[];
  /** Ways there and back, one after the other: a request that was sent after an answer has waited for it. */
  rounds: number;
  /** Milliseconds that each request takes: those that are sent together are then under way together. */
  delay: number;
  /** Bodies, bytes. */
  readonly sent: number;
  readonly received: number;
  /** Asked for each request, with `METHOD /path`. */
  fate: (line: string, number: number, headers: IncomingHttpHeaders) => Fate;
  /** What is said in the place of a status that the server answers. */
  answer: (status: number) => number;
  stop(): Promise<void>;
}

/** @param certificate the client speaks TLS with it */
export async function startHttpProxy(target: string, certificate?: Certificate): Promise<HttpProxy> {
  const { hostname, port } = new URL(target);
  const requests: string[] = [];
  const counted = { sent: 0, received: 0 };
  let rounds = 0;
  let answered = 0;
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const line = `${incoming.method} ${incoming.url}`;
    requests.push(line);
    const round = answered + 1;
    rounds = Math.max(rounds, round);
    outgoing.once('close', () => {
      answered = Math.max(answered, round);
    });
    const fate = proxy.fate(line, requests.length, incoming.headers);
    void collect(incoming).then(async (body) => {
      await setTimeout(proxy.delay);
      counted.sent += body.length;
      if (fate === 'cut') return incoming.socket.destroy();
      if (typeof fate === 'object') return outgoing.writeHead(fate.status, fate.headers).end(fate.body ?? '');
      if (fate === 'flip' && body.length > 0) body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
      return pass(incoming, outgoing, body, fate === 'half');
    });
  };
  const server = certificate === undefined ? createServer(serve) : createSecureServer(certificate, serve);

  function pass(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer, half: boolean): void {
    // The host that the client has signed stays what it was.
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers: { ...headers, connection: 'close' } });
    onward.on('error', () => incoming.socket.destroy());
    onward.on('response', (response) => {
      const status = response.statusCode ?? 500;
      const said = proxy.answer(status);
      if (said !== status) return response.resume() && outgoing.writeHead(said).end();
      outgoing.writeHead(status, response.headers);
      if (method === 'HEAD') return response.resume() && outgoing.end();
      void collect(response).then((bytes) => {
        counted.received += bytes.length;
        if (!half) return outgoing.end(bytes);
        return outgoing.write(bytes.subarray(0, bytes.length >> 1), () => incoming.socket.destroy());
      });
    });
    onward.end(body);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: HttpProxy = {
    endpoint: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get rounds() {
      return rounds;
    },
    set rounds(from) {
      rounds = from;
      answered = from;
    },
    delay: 0,
    get sent() {
      return counted.sent;
    },
    get received() {
      return counted.received;
    },
    fate: () => 'pass',
    answer: (status) => status,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of stream) pieces.push(piece as Buffer);
  } catch {
    // Whoever sent it is gone; what came is all there is.
  }
  return Buffer.concat(pieces);
}
