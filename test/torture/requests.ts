/**
 * What anybody may send to our own server, and what those who are known may: requests that are almost right, texts of HTTP/1.1 and frames of
 * HTTP/2 with bytes that are not. The server answers or hangs up, serves others meanwhile, and keeps its memory; no object is visible under a wrong name.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import tls from 'node:tls';
import { toHex } from '../../src/core/bytes.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { ROLES } from '../../src/protocol/control.ts';
import { VERBS } from '../../src/protocol/verbs.ts';
import { newDevice } from '../support/own-server.ts';
import { type OwnServerProcess, startOwnServerProcess } from '../support/own-server-process.ts';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import { controlRequest } from './control-requests.ts';

/** MiB; it begins with about 105. */
const MOST_MEMORY = 512;
const HELLO_MS = 5_000;
const engine = await loadEngine();

export interface Amounts {
  readonly cases: number;
  /** In a case. */
  readonly requests: number;
  readonly texts: number;
  readonly frames: number;
}

export const FULL: Amounts = { cases: 100, requests: 6_000, texts: 2_000, frames: 2_000 };

export async function requestsCampaign(seed: number, amounts: Amounts): Promise<Required<Campaign>> {
  const server = await startOwnServerProcess();
  return {
    name: 'requests',
    cases: amounts.cases,
    stop: () => server.stop(),
    async run(number) {
      const random = new SimRandom(seed * 100_003 + number);
      const counts = { ...NOTHING };
      const strange: string[] = [];
      await Promise.all([
        sendRequests(server, random, amounts.requests, counts, strange),
        sendTexts(server.port, random, amounts.texts, counts),
        sendFrames(server.port, random, amounts.frames, counts),
      ]);
      if (strange.length > 0) {
        const faults = (await server.faults()).slice(0, 3).join('; ');
        throw new Error(`strange answers: ${strange.slice(0, 3).join('; ')}; faults: ${faults}`);
      }
      await demandService(server);
      counts.compared = demandTrueNames(server.folder);
      return counts;
    },
  };
}

/** Of anything that may be wrong with a request; 500 and 507 would be faults of the server. */
const EXPECTED = [200, 204, 206, 400, 403, 404, 409, 413, 422, 503];

const NOTHING = {
  ...{ requests: 0, answers: 0, refusals: 0, texts: 0, frames: 0, compared: 0 },
  // Of the requests, those that are none of objects: asked, and answered to whom.
  ...{ controls: 0, byToken: 0, byAnybody: 0, byAdministrator: 0 },
};
type Counts = typeof NOTHING;

interface Asker {
  readonly as: 'token' | 'stranger' | 'administrator';
  readonly session: http2.ClientHttp2Session;
}

/** Several on one connection, and each connection for a while: two with tokens or none, one of a device that nobody knows, one of an administrator's. */
async function sendRequests(
  { port, administrator }: OwnServerProcess,
  random: SimRandom,
  count: number,
  counts: Counts,
  strange: string[],
): Promise<void> {
  const deviceOf = { token: () => ({}), stranger: newDevice, administrator: () => administrator };
  const lane = async (as: Asker['as'], share: number): Promise<void> => {
    for (let sent = 0; sent < share; ) {
      const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...deviceOf[as]() });
      session.setMaxListeners(0).on('error', () => undefined);
      for (const until = Math.min(share, sent + 256); sent < until && !session.destroyed; sent += 16) {
        await Promise.all(Array.from({ length: 16 }, () => sendRequest({ as, session }, random, counts, strange)));
      }
      session.destroy();
    }
  };
  await Promise.all((['token', 'token', 'stranger', 'administrator'] as const).map((as) => lane(as, count / 4)));
}

async function sendRequest(
  { as, session }: Asker,
  random: SimRandom,
  counts: Counts,
  strange: string[],
): Promise<void> {
  const { method, path, headers: all, body } = almostRight(random);
  const { authorization, ...rest } = all;
  const headers = as === 'token' ? all : rest;
  const isControl = path.startsWith('/v1/control/');
  counts.requests += 1;
  counts.controls += isControl ? 1 : 0;
  let stream: http2.ClientHttp2Stream;
  try {
    stream = session.request({ ...headers, ':method': method, ':path': path }, { endStream: false });
  } catch {
    // Node's own client sends no such thing; texts and frames do.
    return;
  }
  stream.on('error', () => undefined);
  let status = 0;
  stream.on('response', (found) => {
    status = Number(found[':status']);
    counts[status < 300 ? 'answers' : 'refusals'] += 1;
    if (isControl && status < 300) counts[ANSWERED[as]] += 1;
  });
  stream.on('data', () => {
    // These would never end.
    if (path.startsWith('/v1/events')) stream.close();
  });
  const over = new Promise<void>((resolve) => {
    stream.once('close', resolve).once('end', resolve).once('aborted', resolve);
    session.once('close', resolve);
    stream.setTimeout(20_000, () => resolve());
  });
  if (random.below(50) === 0) {
    stream.write(body);
    stream.close(random.below(14));
  } else stream.end(body);
  await over;
  stream.close();
  if (status !== 0 && !EXPECTED.includes(status)) strange.push(`${method} ${path.slice(0, 99)}: ${status}`);
}

const ANSWERED = { token: 'byToken', stranger: 'byAnybody', administrator: 'byAdministrator' } as const;

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** One of the verbs, of which perhaps one thing is wrong. */
function almostRight(random: SimRandom): Sent {
  if (random.below(3) === 0) return almostRightControl(random);
  const verb = pick(random, Object.values(VERBS));
  const body = random.bytes(random.below(random.below(20) === 0 ? 100_000 : 300));
  const name = random.below(2) === 0 ? toHex(engine.blake3(body)) : toHex(random.bytes(32));
  const object = `${pick(random, ['packs/00', 'index', 'snapshots', 'tmp', 'removals', 'tombs'])}/${name}`;
  const path = verb.route.replace('TARGET', pick(random, ['one', 'two', 'none'])).replace('PATH', object);
  const json = JSON.stringify({ ranges: [[object, random.below(99), random.below(999)]] });
  const sent: Sent = {
    method: verb.method,
    path: verb.route.endsWith('list') ? `${path}?folder=packs&after=packs/00` : path,
    headers: {
      authorization: `Bearer ${pick(random, [...ROLES, 'no', ''])}-token`,
      ...(verb.body === 'none' ? {} : { 'content-length': String(verb.body === 'json' ? json.length : body.length) }),
      ...(random.below(8) === 0 ? { range: `bytes=${random.below(200)}-${random.below(200)}` } : {}),
    },
    body: verb.body === 'none' ? new Uint8Array() : verb.body === 'json' ? new TextEncoder().encode(json) : body,
  };
  return random.below(4) === 0 ? sent : mutated(random, sent);
}

function almostRightControl(random: SimRandom): Sent {
  const { verb, json } = controlRequest(random);
  const body = new TextEncoder().encode(json);
  const sent = {
    method: 'POST',
    path: VERBS.control.route.replace('PATH', verb),
    headers: {
      authorization: `Bearer ${pick(random, [...ROLES, 'no', ''])}-token`,
      'content-length': String(body.length),
    },
    body,
  };
  return random.below(4) > 0 ? sent : mutated(random, sent);
}

const STRANGE = [
  '..',
  '.',
  '%2e%2e',
  '%00',
  '\u0000',
  '//',
  '?',
  '#',
  '\\',
  'ü',
  '\n',
  ' ',
  '{',
  '*',
  'con',
  '-',
  '\ud800',
];

function mutated(random: SimRandom, sent: Sent): Sent {
  const strange = random.below(3) === 0 ? 'a'.repeat(random.below(20_000)) : pick(random, STRANGE);
  const at = random.below(sent.path.length + 1);
  const header = pick(random, [
    'content-length',
    'range',
    'authorization',
    'neo-object',
    'x',
    'accept',
    'content-type',
  ]);
  const changes: readonly (() => Partial<Sent>)[] = [
    () => ({ path: sent.path.slice(0, at) + strange + sent.path.slice(at) }),
    () => ({ path: sent.path.slice(0, at) + sent.path.slice(at + random.below(20)) }),
    () => ({
      method: pick(random, ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'TRACE', 'OPTIONS', 'X', strange]),
    }),
    () => ({ headers: { ...sent.headers, [header]: strange } }),
    () => ({
      headers: { ...sent.headers, 'content-length': pick(random, ['0', '-1', '1e9', '99999999999', '', 'x', '7']) },
    }),
    () => ({
      headers: { ...sent.headers, range: `bytes=${pick(random, ['', '-', '0-', '-5', '5-1', '0-99999999999999'])}` },
    }),
    () => ({
      headers: Object.fromEntries(
        Array.from({ length: random.below(200) }, (_, n) => [`x-${n}`, strange.slice(0, 99)]),
      ),
    }),
    () => ({ body: flipped(random, sent.body) }),
    () => ({ body: random.bytes(random.below(5000)) }),
  ];
  return { ...sent, ...pick(random, changes)() };
}

function flipped(random: SimRandom, bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (let n = random.below(8); n >= 0 && changed.length > 0; n -= 1)
    changed[random.below(changed.length)] = random.below(256);
  return changed.subarray(0, random.below(4) === 0 ? random.below(changed.length + 1) : changed.length);
}

function pick<T>(random: SimRandom, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

/** Ten after each other on a connection, whatever is answered. */
async function sendTexts(port: number, random: SimRandom, count: number, counts: Counts): Promise<void> {
  for (let n = 0; n < count; n += 10) {
    const texts = Array.from({ length: 10 }, () => {
      const { method, path, headers, body } = almostRight(random);
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const head = Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n`);
      return random.below(2) === 0 ? Buffer.concat([head, body]) : flipped(random, Buffer.concat([head, body]));
    });
    counts.texts += texts.length;
    await sendBytes(port, 'http/1.1', texts);
  }
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** RFC 9113, section 4.1: length, type, flags, stream. Ten on a connection, after a beginning that is mostly right. */
async function sendFrames(port: number, random: SimRandom, count: number, counts: Counts): Promise<void> {
  for (let n = 0; n < count; n += 10) {
    const frames = Array.from({ length: 10 }, () => {
      const payload = random.bytes(random.below(random.below(10) === 0 ? 20_000 : 60));
      const frame = Buffer.alloc(9 + payload.length);
      frame.writeUIntBE(random.below(20) === 0 ? random.below(1 << 24) : payload.length, 0, 3);
      frame[3] = random.below(12);
      frame[4] = random.below(3) === 0 ? random.below(256) : pick(random, [0, 1, 4, 5]);
      frame.writeUInt32BE(random.below(3) === 0 ? random.below(2 ** 31) : random.below(8), 5);
      frame.set(payload, 9);
      return frame;
    });
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    counts.frames += frames.length;
    await sendBytes(port, 'h2', [random.below(20) === 0 ? flipped(random, PREFACE) : PREFACE, settings, ...frames]);
  }
}

/** Until the server hangs up, or has nothing more to say for a moment. */
async function sendBytes(port: number, protocol: string, pieces: readonly Uint8Array[]): Promise<void> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [protocol] });
  socket.on('error', () => undefined).resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const piece of pieces) socket.write(piece);
  socket.setTimeout(200, () => socket.destroy());
  await closed;
}

/** @throws when the server is gone, slow, swollen, or had a fault of its own */
async function demandService(server: OwnServerProcess): Promise<void> {
  const faults = await server.faults();
  if (faults.length > 0) throw new Error(`faults of the server: ${faults.slice(0, 3).join('; ')}`);
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  const stream = session.request({ ':path': '/v1/hello' });
  stream.resume();
  const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(HELLO_MS) });
  session.destroy();
  if (headers[':status'] !== 200) throw new Error(`hello: ${headers[':status']}`);
  const memory = server.memory('VmRSS');
  if (memory > MOST_MEMORY) throw new Error(`the server takes ${memory} MiB`);
}

/** @returns how many objects there are. @throws when one lies under a name that is not that of its bytes, or where none may be */
function demandTrueNames(folder: string): number {
  let objects = 0;
  const targets = join(folder, 'targets');
  for (const entry of fs.readdirSync(targets, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const [target = '', ...rest] = path
      .slice(targets.length)
      .split('/')
      .filter((part) => part !== '');
    if (!entry.isFile()) continue;
    if (!/^[0-9a-f]{32}$/.test(target)) throw new Error(`${path} is in no target`);
    objects += 1;
    const name = /^[0-9a-f]{64}$/.exec(rest.at(-1) ?? '')?.[0];
    if (name !== undefined && rest[0] !== 'tmp' && toHex(engine.blake3(fs.readFileSync(path))) !== name) {
      throw new Error(`${path} has other bytes than its name says`);
    }
  }
  return objects;
}
