/** A server that is gone from one moment to the next: killed, or behind a router that was. */
import { once } from 'node:events';
import http2, { type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { askFingerprint, ControlClient, type Trust } from '../../src/backends/neo-control.ts';
import { toHex } from '../../src/core/bytes.ts';
import { run } from '../house/run.ts';
import { listed } from '../support/backend-suite.ts';
import { makeCertificate } from '../support/certificate.ts';
import { SimRandom } from '../support/sim-random.ts';

const WAYS = [
  ['reset', (socket: Socket) => socket.resetAndDestroy()],
  ['closed', (socket: Socket) => socket.end()],
] as const;

let server: Http2SecureServer;
let line: Server;
let port = 0;
let trust: Trust;
/** Those of clients. */
const open = new Set<Socket>();
/** What the server does with a request. */
let answer: (stream: ServerHttp2Stream) => void = () => undefined;
/** What happens to a line when its client has sent so many pieces. */
let after: { readonly pieces: number; readonly end: (socket: Socket) => void } | undefined;

beforeAll(async () => {
  const { key, cert } = makeCertificate();
  server = http2.createSecureServer({ key, cert });
  server.on('sessionError', () => undefined).on('stream', (stream) => answer(stream.on('error', () => undefined)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  line = createServer((client) => {
    const inner = connect((server.address() as AddressInfo).port, '127.0.0.1');
    open.add(client.on('error', () => inner.destroy()).on('close', () => open.delete(client) && inner.destroy()));
    inner.on('error', () => client.destroy()).pipe(client);
    let pieces = 0;
    client.on('data', (piece: Buffer) => {
      pieces += 1;
      if (pieces === after?.pieces) after.end(client);
      else inner.write(piece);
    });
  });
  await once(line.listen(0, '127.0.0.1'), 'listening');
  ({ port } = line.address() as AddressInfo);
  trust = { fingerprint: await askFingerprint('127.0.0.1', port), token: 'x' };
});
afterAll(() => {
  line.close();
  server.close();
});
beforeEach(() => {
  after = undefined;
});

const target = () => openNeo({ host: '127.0.0.1', port, target: 'documents' }, { trust });
const CUT = { code: 'unreachable', isPermanent: false };

describe.each(WAYS)('a connection that is %s', (_, end) => {
  // The first piece is the hello, the second one ends the handshake.
  it.each([1, 2, 3])('after %i pieces is one that can be tried again', async (pieces) => {
    after = { pieces, end };
    for (let n = 0; n < 30; n++) {
      const backend = target();
      await expect(backend.stat('a')).rejects.toMatchObject(CUT);
      await backend.close();
    }
  });

  it.each([
    ['an object', () => target().get('a')],
    ['a range', () => target().getRange('a', { offset: 0, length: 5 })],
    ['a large range', () => target().getRange('a', { offset: 0, length: 500_000 })],
    ['a list', () => listed(target(), '')],
    ['a time', () => target().now()],
    ['an answer to a question', () => new ControlClient({ host: '127.0.0.1', port }, trust).call('whoami', {})],
  ])('in the midst of %s is one that can be tried again', async (_, ask) => {
    answer = (stream) => {
      stream.respond({ ':status': 200, 'content-length': 500_000 });
      stream.write('{"list');
      setTimeout(() => open.forEach((socket) => void end(socket)), 30);
    };
    await expect(ask()).rejects.toMatchObject(CUT);
  });
});

it('a process that waits for an answer goes on waiting, whatever becomes of the connection', async () => {
  answer = (stream) => {
    stream.resume();
    stream.respond({ ':status': 200, 'content-length': 100_000, 'neo-modified': 1 });
    stream.end(Buffer.alloc(100_000));
  };
  const random = new SimRandom(1);
  const cuts = setInterval(() => {
    for (const socket of open) {
      if (random.below(2) === 0) socket.resetAndDestroy();
      else socket.end();
    }
  }, 12);
  const child = join(import.meta.dirname, '../support/asking-child.ts');
  const { code, stderr } = await run(process.execPath, [child, String(port), toHex(trust.fingerprint), '4000'], {
    env: process.env,
  });
  clearInterval(cuts);
  expect([code, stderr]).toEqual([0, '']);
});
