/** Whoever comes and goes leaves nothing behind in the memory of the server, and whoever stays without a word is sent away. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http2, { type ServerHttp2Stream } from 'node:http2';
import v8 from 'node:v8';
import { afterEach, expect, it, vi } from 'vitest';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { RawClient } from '../support/raw-client.ts';

let server: OwnServer;
afterEach(() => server.stop());

// Node 24.21 keeps a session that has a timer until that fires, even when it is long over.
it('of a connection that is over, nothing is kept', async () => {
  let classes: Array<abstract new (...values: never[]) => object> = [http2.Http2ServerResponse];
  const known = (message: unknown): void => {
    const { stream } = message as { readonly stream: ServerHttp2Stream };
    if (stream.session !== undefined) classes = [...new Set([...classes, classOf(stream), classOf(stream.session)])];
  };
  subscribe('http2.server.stream.created', known);
  server = await startOwnServer();
  for (let n = 0; n < 10; n += 1) {
    const by = new RawClient(server.port, { token: server.token('write') });
    expect((await by.ask('hello')).status).toBe(200);
    const refused = by.start('put', { target: 'files', path: 'UPPER', headers: { 'content-length': 10 } });
    await once(refused, 'response');
    // These are still open when the connection ends.
    const asked = by.start('hello', {});
    await once(asked, 'response');
    by.start('put', { target: 'files', path: 'a/b', headers: { 'content-length': 10 } }).write('x');
    expect((await by.ask('time', { target: 'files' })).status).toBe(200);
    by.close();
  }
  unsubscribe('http2.server.stream.created', known);
  expect(classes.length).toBe(3);
  await vi.waitFor(() => expect(classes.map((one) => v8.queryObjects(one, { format: 'count' }))).toEqual([0, 0, 0]), {
    timeout: 10_000,
    interval: 200,
  });
});

it('a connection on which nothing moves is ended, one that moves is not', async () => {
  server = await startOwnServer(undefined, { limits: { idle: 800 } });
  const connect = (): http2.ClientHttp2Session =>
    http2.connect(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
  const [silent, lively] = [connect(), connect()];
  const ping = setInterval(() => lively.destroyed || lively.ping(() => undefined), 100);
  await once(silent, 'close');
  expect(lively.destroyed).toBe(false);
  clearInterval(ping);
  lively.destroy();
});

function classOf(value: object): abstract new (...values: never[]) => object {
  return value.constructor as never;
}
