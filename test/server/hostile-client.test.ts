/** What a client may send that means no good: a typed answer, nothing visible, and others are served as before. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

let server: OwnServer;
const engine = await loadEngine();

beforeAll(async () => {
  server = await startOwnServer();
});
afterAll(() => server.stop());
afterEach(() => expect(server.faults).toEqual([]));

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly headers?: Record<string, string | number>;
  readonly body?: Uint8Array | string;
  /** The line is cut when all of the body was sent. */
  readonly cut?: boolean;
}

/** Status and JSON, or what went wrong with the line. */
async function ask({ method = 'GET', path, token = 'prune-token', headers = {}, body, cut = false }: Sent) {
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  try {
    return await new Promise<{ status: number; answer?: { error?: { code: string; message: string } } }>((resolve) => {
      const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
      const stream = session.request({ ...headers, ...authorization, ':method': method, ':path': path });
      let text = '';
      let status = 0;
      stream.on('response', (found) => {
        status = Number(found[':status']);
      });
      stream.setEncoding('utf8');
      stream.on('data', (piece) => {
        text += piece;
      });
      stream.on('error', () => resolve({ status }));
      // Node leaves a stream open whose body was refused half-way.
      for (const over of ['end', 'close'])
        stream.on(over, () => resolve({ status, ...(text === '' ? {} : { answer: JSON.parse(text) }) }));
      if (!cut) stream.end(body);
      else stream.write(body ?? '', () => setImmediate(() => session.destroy()));
    });
  } finally {
    session.destroy();
  }
}

const named = (bytes: string): string => toHex(engine.blake3(new TextEncoder().encode(bytes)));
const objects = '/v1/targets/documents/objects';

function filesOf(target: string): string[] {
  const folder = target === '.' ? join(server.dataRoot, 'targets') : server.folder(target);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

it('an object is visible only under the name of its bytes', async () => {
  const path = `packs/00/${named('right')}`;
  const wrong = await ask({
    method: 'PUT',
    path: `${objects}/${path}`,
    headers: { 'content-length': 5 },
    body: 'wrong',
  });
  expect(wrong).toMatchObject({ status: 422, answer: { error: { code: 'integrity' } } });
  expect(filesOf('documents')).not.toContain(path);
  const right = await ask({
    method: 'PUT',
    path: `${objects}/${path}`,
    headers: { 'content-length': 5 },
    body: 'right',
  });
  expect(right.status).toBe(204);
  expect(filesOf('documents')).toContain(path);
});

it.each([
  ['half of what was announced, and then nothing', { headers: { 'content-length': 10 }, body: 'half', cut: true }],
  ['half of what was announced, and the end', { headers: { 'content-length': 10 }, body: 'half' }],
  ['more than was announced', { headers: { 'content-length': 2 }, body: 'more than two' }],
  ['no length', { body: 'bytes' }],
  ['a length beyond all objects', { headers: { 'content-length': 10 ** 12 }, body: 'bytes' }],
])('%s leaves nothing behind', async (_, sent) => {
  const { status } = await ask({ method: 'PUT', path: `${objects}/notes/x`, ...sent });
  expect([0, 400, 503]).toContain(status);
  await expect.poll(() => filesOf('documents').filter((file) => /notes|^tmp/.test(file))).toEqual([]);
});

it.each([
  '../x',
  'a/../../x',
  '%2e%2e/x',
  'a//b',
  '/etc/passwd',
  'tmp/x',
  'A',
  'a%00b',
  'a\\b',
  `${'a/'.repeat(400)}x`,
  'é',
])('the path %s is refused', async (path) => {
  const before = filesOf('.');
  const put = await ask({ method: 'PUT', path: `${objects}/${path}`, headers: { 'content-length': 1 }, body: 'x' });
  const get = await ask({ path: `${objects}/${path}` });
  const list = await ask({ path: `/v1/targets/documents/list?folder=${encodeURIComponent(path)}` });
  for (const { status } of [put, get]) expect([0, 400, 404]).toContain(status);
  expect(list.status).toBe(400);
  expect(filesOf('.')).toEqual(before);
});

it.each(['..', '.', 'UPPER', 'a%2fb', '-x', 'x'.repeat(65)])('the target %s is refused', async (target) => {
  const { status } = await ask({ path: `/v1/targets/${target}/list` });
  expect(status).toBe(400);
});

it('says of a target that is not there that it is not, but only to those who may know', async () => {
  expect(await ask({ path: '/v1/targets/none/list' })).toMatchObject({
    status: 404,
    answer: { error: { code: 'no-repository' } },
  });
  const stranger = await ask({ path: '/v1/targets/none/list', token: 'guess' });
  expect(stranger).toMatchObject({ status: 403, answer: { error: { code: 'permission-denied' } } });
  expect(stranger).toEqual(await ask({ path: '/v1/targets/documents/list', token: '' }));
});

it('a name that is a folder, or lies below an object, is in use: no fault, and no word of where it lies', async () => {
  expect(
    (await ask({ method: 'PUT', path: `${objects}/tmpx/a`, headers: { 'content-length': 1 }, body: 'x' })).status,
  ).toBe(204);
  for (const path of ['tmpx', 'tmpx/a/b']) {
    const sent = { method: 'PUT', path: `${objects}/${path}`, headers: { 'content-length': 1 }, body: 'x' };
    const { status, answer } = await ask(sent);
    expect([status, answer?.error?.code], path).toEqual([409, 'already-exists']);
    expect(answer?.error?.message).not.toMatch(/\/targets\/|\/tmp\//);
  }
});

const ranges = '/v1/targets/documents/ranges';
it.each([
  ['no JSON', 'ranges'],
  ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['another shape', '{"ranges":{}}'],
  ['a negative offset', '{"ranges":[["a",-1,1]]}'],
  ['half a number', '{"ranges":[["a",0.5,1]]}'],
  ['more bytes than may be', JSON.stringify({ ranges: Array.from({ length: 17 }, () => ['a', 0, 1 << 20]) })],
  ['more ranges than may be', JSON.stringify({ ranges: Array.from({ length: 5000 }, () => ['a', 0, 1]) })],
  ['a path that is none', '{"ranges":[["../../etc/passwd",0,1]]}'],
  ['very deep', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ['very long', `{"ranges":[["${'a'.repeat(2 << 20)}",0,1]]}`],
])('a request for ranges that is %s', async (_, body) => {
  const { status, answer } = await ask({ method: 'POST', path: ranges, body });
  expect([status, answer?.error?.code]).toEqual([400, 'usage']);
});

it.each(['bytes=5-', 'bytes=-5', 'bytes=3-1', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=0-99999999999999999999'])(
  'the range %s is refused',
  async (range) => {
    const { status } = await ask({ path: `${objects}/packs/00/${named('right')}`, headers: { range } });
    expect(status).toBe(400);
  },
);

it('of strangers it takes no more than a login needs', async () => {
  const device = 'x'.repeat(100);
  const long = JSON.stringify({ account: 'anna', proof: '0'.repeat(64), device, more: 'x'.repeat(5000) });
  const refused = await ask({ method: 'POST', path: '/v1/control/login', body: long, token: '' });
  expect(refused).toMatchObject({ status: 400, answer: { error: { message: 'a request of more than 4096 bytes' } } });
});

it('answers anything at all with a status of its own, and lives', async () => {
  const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'TRACE');
  const part = fc.oneof(
    fc.stringMatching(/^[!-~]{0,12}$/),
    fc.constantFrom('v1', 'targets', 'documents', 'objects', 'list', 'a'),
  );
  const path = fc.array(part, { maxLength: 7 }).map((parts) => `/${parts.join('/')}`);
  await fc.assert(
    fc.asyncProperty(method, path, fc.uint8Array({ maxLength: 40 }), async (verb, url, body) => {
      const sent = verb === 'GET' || verb === 'HEAD' ? {} : { body, headers: { 'content-length': body.length } };
      const { status } = await ask({ method: verb, path: url.replace('#', ''), ...sent });
      expect([0, 200, 204, 400, 403, 404, 422]).toContain(status);
    }),
    { numRuns: 150 },
  );
  expect((await ask({ path: '/v1/hello', token: '' })).status).toBe(200);
}, 60_000);

it('tells its limits, and keeps to them', async () => {
  const { answer } = await ask({ path: '/v1/help' });
  const { limits } = answer as unknown as { readonly limits: Readonly<Record<string, number>> };
  expect(Object.keys(limits).sort()).toEqual(
    ['changes', 'listed', 'marksBytes', 'objectBytes', 'ranges', 'rangesBytes', 'reachBytes', 'requestsAtOnce'].sort(),
  );
  const asked = (n: number) => JSON.stringify({ ranges: Array.from({ length: n }, () => ['a', 0, 1]) });
  const count = limits['ranges'] ?? 0;
  expect((await ask({ method: 'POST', path: ranges, body: asked(count + 1) })).status).toBe(400);
  expect(limits['objectBytes']).toBe(1 << 30);
});

it('names each connection, and tells two apart', async () => {
  const namesOf = async (): Promise<string[]> => {
    const session = http2.connect(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
    const names: string[] = [];
    for (let n = 0; n < 2; n++) {
      const stream = session.request({ ':path': '/v1/hello' });
      let text = '';
      for await (const piece of stream.setEncoding('utf8')) text += piece;
      names.push(JSON.parse(text).connection);
    }
    session.destroy();
    return names;
  };
  const [one, two] = [await namesOf(), await namesOf()];
  expect([one[0] === one[1], two[0] === two[1], one[0] === two[0]]).toEqual([true, true, false]);
});

it('speaks TLS 1.3 and nothing older', async () => {
  const socket = tls.connect({
    port: server.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
  });
  await expect(new Promise((_, reject) => socket.on('error', reject))).rejects.toThrow(/protocol version/);
});

it('a copied ticket does not let in: nobody is known again without a handshake', async () => {
  const tickets: Buffer[] = [];
  const connect = (session?: Buffer): Promise<tls.TLSSocket> =>
    new Promise((resolve, reject) => {
      const options = { port: server.port, host: '127.0.0.1', rejectUnauthorized: false };
      const socket = tls.connect({
        ...options,
        ...(session === undefined ? {} : { session }),
        ALPNProtocols: ['http/1.1'],
      });
      socket.on('session', (ticket) => tickets.push(ticket));
      socket.on('error', reject);
      socket.write('GET /v1/hello HTTP/1.1\r\nHost: x\r\n\r\n');
      socket.once('data', () => resolve(socket));
    });
  const first = await connect();
  first.destroy();
  expect(tickets.length).toBeGreaterThan(0);
  for (const ticket of [...tickets]) {
    const again = await connect(ticket);
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  }
});

it('serves curl, over HTTP/1.1 and HTTP/2 alike', async () => {
  const cert = join(server.dataRoot, 'cert.pem');
  fs.writeFileSync(cert, server.cert);
  const base = `https://127.0.0.1:${server.port}`;
  const path = `${base}${objects}/packs/00/${named('right')}`;
  const curl = async (...args: string[]): Promise<string> => {
    const all = ['-sS', '--cacert', cert, '-H', 'Authorization: Bearer prune-token', ...args];
    return (await promisify(execFile)('curl', all)).stdout;
  };
  for (const version of ['--http1.1', '--http2']) {
    expect(JSON.parse(await curl(version, `${base}/v1/hello`))).toMatchObject({
      protocol: { major: 1 },
      site: server.site,
    });
    expect(JSON.parse(await curl(version, `${base}/v1/help`)).verbs).toHaveProperty('put');
    expect(await curl(version, '-r', '1-3', path)).toBe('igh');
    expect(await curl(version, '-X', 'PUT', '--data-binary', 'right', '-w', '%{http_code}', path)).toBe('204');
    expect(JSON.parse(await curl(version, '-X', 'PUT', '--data-binary', 'wrong', path))).toMatchObject({
      error: { code: 'integrity' },
    });
  }
});
