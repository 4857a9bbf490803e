/** Those who would keep a server busy: with connections, with silence, with slowness, with floods. Others are served meanwhile. */
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { Doorkeeper, networkOf } from '../../src/server/doorkeeper.ts';
import type { HttpLimits } from '../../src/server/http.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { startOwnServerProcess } from '../support/own-server-process.ts';

let server: OwnServer | undefined;

afterEach(async () => {
  const { faults } = server ?? {};
  await server?.stop();
  server = undefined;
  expect(faults ?? []).toEqual([]);
});

async function start(limits: Partial<HttpLimits>): Promise<OwnServer> {
  server = await startOwnServer(undefined, { limits });
  return server;
}

async function hello(port: number): Promise<number> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  const stream = session.request({ ':path': '/v1/hello' });
  stream.resume();
  const [headers] = await once(stream, 'response');
  session.destroy();
  return headers[':status'];
}

/** Milliseconds until the server hangs up. */
async function hungUp(socket: net.Socket): Promise<number> {
  const from = performance.now();
  socket.on('error', () => undefined).resume();
  await new Promise((resolve) => socket.once('close', resolve));
  return performance.now() - from;
}

function connectTls(port: number, protocol: string): tls.TLSSocket {
  return tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [protocol] });
}

/** RFC 9113, section 4.1. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

describe('connections', () => {
  it('are as many as there is room for; who goes makes room', async () => {
    const { port } = await start({ connections: 3 });
    const inside = Array.from({ length: 3 }, () => connectTls(port, 'h2'));
    await Promise.all(inside.map((socket) => once(socket, 'secureConnect')));
    await hungUp(net.connect(port, '127.0.0.1'));
    inside[0]?.destroy();
    await expect.poll(() => hello(port).catch(() => 0)).toBe(200);
    for (const socket of inside) socket.destroy();
  });

  it('of one address leave room for others', async () => {
    const { port } = await start({ connections: 10, ofOneAddress: 2 });
    const inside = Array.from({ length: 2 }, () => connectTls(port, 'h2'));
    await Promise.all(inside.map((socket) => once(socket, 'secureConnect')));
    await hungUp(net.connect(port, '127.0.0.1'));
    const other = tls.connect({
      socket: net.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' }),
      rejectUnauthorized: false,
    });
    await once(other, 'secureConnect');
    for (const socket of [...inside, other]) socket.destroy();
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.0.0.7', '10.0.0.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ])('from %s are of %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('are counted right when they go', async () => {
    const doorkeeper = new Doorkeeper(2, 1);
    const place = net.createServer((socket) => doorkeeper.admit(socket)).listen(0, '127.0.0.1');
    await once(place, 'listening');
    const { port } = place.address() as net.AddressInfo;
    for (let n = 0; n < 5; n += 1) {
      const first = net.connect(port, '127.0.0.1');
      await once(first, 'connect');
      await hungUp(net.connect(port, '127.0.0.1'));
      const gone = hungUp(first);
      doorkeeper.dismissAll();
      await gone;
    }
    place.close();
  });
});

describe('silence', () => {
  it('before and in the midst of a handshake is not waited for', async () => {
    const { port } = await start({ handshake: 200 });
    const silent = net.connect(port, '127.0.0.1');
    const half = net.connect(port, '127.0.0.1');
    half.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00));
    expect(await hello(port)).toBe(200);
    expect(Math.max(...(await Promise.all([hungUp(silent), hungUp(half)])))).toBeLessThan(5000);
  });

  it('on a connection ends it, and does not end one that is in use', async () => {
    const { port } = await start({ idle: 300 });
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    const over = once(session, 'close');
    const from = performance.now();
    while (performance.now() - from < 900) {
      const stream = session.request({ ':path': '/v1/hello' });
      stream.resume();
      await once(stream, 'end');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await over;
  });

  it('in the midst of a body ends the request, and nothing becomes visible', async () => {
    const { port, folder } = await start({ idle: 300 });
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    const stream = session.request({
      ':method': 'PUT',
      ':path': '/v1/targets/one/objects/packs/00/aa',
      authorization: 'Bearer append-token',
      'content-length': 100,
    });
    stream.on('error', () => undefined).resume();
    stream.write('half');
    await new Promise((resolve) => stream.once('close', resolve));
    session.destroy();
    await expect
      .poll(() =>
        fs.readdirSync(folder('one'), { recursive: true, withFileTypes: true }).filter((each) => each.isFile()),
      )
      .toEqual([]);
    expect(await hello(port)).toBe(200);
  });
});

describe('slowness', () => {
  it('in the headers of HTTP/1.1 is not borne for ever', async () => {
    const { port } = await start({ handshake: 400 });
    const socket = connectTls(port, 'http/1.1');
    await once(socket, 'secureConnect');
    socket.write('GET /v1/hello HTTP/1.1\r\nhost: x\r\n');
    const timer = setInterval(() => socket.write('x-a: b\r\n'), 50);
    expect(await hungUp(socket)).toBeLessThan(5000);
    clearInterval(timer);
  });
});

describe('a flood', () => {
  // Node's own client would send nothing of a request that is taken back at once.
  it('of requests that are taken back at once is ended, and others are served', async () => {
    const { port } = await start({});
    const socket = connectTls(port, 'h2');
    await once(socket, 'secureConnect');
    const over = hungUp(socket);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(4, 0, 0, new Uint8Array()));
    // RFC 7541: GET and https by their numbers, the path as it is.
    const headers = Buffer.concat([
      Buffer.from([0x82, 0x87, 0x04, 9]),
      Buffer.from('/v1/hello'),
      Buffer.from([0x01, 1, 0x78]),
    ]);
    let sent = 0;
    for (; socket.writable && sent < 20_000; sent += 100) {
      const pairs = Array.from({ length: 100 }, (_, n) => {
        const stream = 2 * (sent + n) + 1;
        return Buffer.concat([frame(1, 5, stream, headers), frame(3, 0, stream, Uint8Array.of(0, 0, 0, 8))]);
      });
      if (!socket.write(Buffer.concat(pairs))) await Promise.race([once(socket, 'drain'), over]);
      await new Promise(setImmediate);
    }
    await over;
    expect(sent).toBeLessThan(20_000);
    expect(await hello(port)).toBe(200);
  });

  // Node filled the memory with empty frames, and the server with it.
  it('of requests for an empty object is answered', async () => {
    const child = await startOwnServerProcess();
    try {
      const session = http2.connect(`https://127.0.0.1:${child.port}`, { rejectUnauthorized: false });
      session.on('error', () => undefined).setMaxListeners(0);
      const ask = async (method: string): Promise<number> => {
        const headers = { authorization: 'Bearer append-token', ':path': '/v1/targets/one/objects/packs/00/empty' };
        const length = method === 'PUT' ? { 'content-length': 0 } : {};
        const stream = session.request({ ...headers, ...length, ':method': method }, { endStream: false });
        stream.resume().end();
        const [found] = await once(stream, 'response', { signal: AbortSignal.timeout(5000) });
        if (!stream.closed) await once(stream, 'close');
        return found[':status'];
      };
      expect(await ask('PUT')).toBe(204);
      for (let n = 0; n < 20; n += 1) {
        expect(new Set(await Promise.all(Array.from({ length: 16 }, () => ask('GET'))))).toEqual(new Set([200]));
      }
      session.destroy();
      expect(await child.faults()).toEqual([]);
      expect(child.memory('VmHWM')).toBeLessThan(400);
    } finally {
      await child.stop();
    }
  });

  it('of headers is refused, and the connection lives', async () => {
    const { port } = await start({});
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, 'y']));
    for (const headers of [many, { x: 'y'.repeat(20_000) }]) {
      const stream = session.request({ ...headers, ':path': '/v1/hello' });
      let status = 0;
      stream.on('response', (found) => {
        status = Number(found[':status']);
      });
      stream.on('error', () => undefined).resume();
      await new Promise((resolve) => stream.once('close', resolve));
      expect(status).not.toBe(200);
    }
    expect(await hello(port)).toBe(200);
    session.destroy();
  });
});
