/** A server that is gone without a word is noticed, and one that thinks is not taken for gone. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Pulse } from '../../src/backends/neo/pulse.ts';

let server: http2.Http2Server;
let session: http2.ClientHttp2Session;
let socket: Socket;
let between: ReturnType<typeof createServer>;
let isSwallowed = false;
beforeEach(async () => {
  isSwallowed = false;
  server = http2.createServer();
  // Never answers.
  server.on('stream', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  between = createServer((client) => {
    const other = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const over = (to: Socket) => (bytes: Buffer) => isSwallowed || to.write(bytes);
    client
      .on('data', over(other))
      .on('error', () => undefined)
      .on('close', () => other.destroy());
    other
      .on('data', over(client))
      .on('error', () => undefined)
      .on('close', () => client.destroy());
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  socket = connect((between.address() as AddressInfo).port, '127.0.0.1');
  session = http2.connect('http://127.0.0.1', { createConnection: () => socket });
  session.on('error', () => undefined);
  await once(session, 'connect');
});
afterEach(async () => {
  vi.useRealTimers();
  session.destroy();
  between.close();
  server.close();
});

/** Beats go by the clock of the test, bytes by that of the machine. */
async function beats(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    vi.advanceTimersByTime(10_000);
    // A way there and back, over the line between.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function start(): { readonly gone: () => boolean; readonly stream: http2.ClientHttp2Stream } {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const onGone = vi.fn();
  const pulse = new Pulse(session, socket, onGone);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  pulse.during(stream);
  return { gone: () => onGone.mock.calls.length > 0, stream };
}

it('a server that thinks for long is there', async () => {
  const { gone } = start();
  await beats(20);
  expect(gone()).toBe(false);
});

it('a server of which nothing comes, not even an answer to a ping, is gone', async () => {
  const { gone } = start();
  await beats(1);
  isSwallowed = true;
  await beats(4);
  expect(gone()).toBe(true);
});

it('nothing is asked while nothing is under way', async () => {
  const { stream, gone } = start();
  stream.close();
  await new Promise((resolve) => setImmediate(resolve));
  await beats(2);
  const { bytesWritten } = socket;
  isSwallowed = true;
  await beats(10);
  expect([gone(), socket.bytesWritten]).toEqual([false, bytesWritten]);
});
