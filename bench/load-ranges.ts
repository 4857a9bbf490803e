/** Packs in one target, and small parts of them, many in a request. */
import { once } from 'node:events';
import http2, { type ClientHttp2Session } from 'node:http2';
import type { Backend } from '../src/backends/backend.ts';
import { openNeo } from '../src/backends/neo.ts';
import type { Trust } from '../src/backends/neo-control.ts';
import { decodeRanges, type RangeAnswer } from '../src/protocol/ranges.ts';
import { urlOf } from '../src/protocol/verbs.ts';
import { inLanes, secondsOf } from './lanes.ts';
import { type LoadObject, makePack, requireSame } from './load-objects.ts';
import { Seeded } from './seeded.ts';

export interface Access {
  readonly port: number;
  readonly trust: Trust;
  readonly target: string;
}

/** All in memory: each range is compared. */
let packs: readonly LoadObject[] = [];

function opened({ port, trust, target }: Access): Backend {
  return openNeo({ host: '127.0.0.1', port, target }, { trust });
}

/** The seconds that sending took. */
export async function fillPacks(to: Access & { count: number; size: number; atOnce: number }): Promise<number> {
  packs = Array.from({ length: to.count }, (_, n) => makePack(`ranges-${n}`, to.size));
  const backend = opened(to);
  const put = async (n: number): Promise<void> => {
    const pack = packs[n];
    if (pack !== undefined) await backend.put(pack.path, pack.bytes);
  };
  const seconds = await secondsOf(() => inLanes(to.atOnce, to.count, put));
  await backend.close();
  return seconds;
}

/** All of them, once. */
export async function getPacks(from: Access & { atOnce: number }): Promise<number> {
  const backend = opened(from);
  const get = async (n: number): Promise<void> => {
    const pack = packs[n];
    if (pack !== undefined) requireSame(pack, await backend.get(pack.path));
  };
  const seconds = await secondsOf(() => inLanes(from.atOnce, packs.length, get));
  await backend.close();
  return seconds;
}

/** New objects of 1 KiB. */
export async function putSmall(to: Access & { count: number; atOnce: number }): Promise<number> {
  const objects = Array.from({ length: to.count }, (_, n) => makePack(`small-${n}`, 1024));
  const backend = opened(to);
  const put = async (n: number): Promise<void> => {
    const object = objects[n];
    if (object !== undefined) await backend.put(object.path.replace(/^packs\/../, 'index'), object.bytes);
  };
  const seconds = await secondsOf(() => inLanes(to.atOnce, to.count, put));
  await backend.close();
  return seconds;
}

interface Ranges extends Access {
  readonly requests: number;
  readonly inOne: number;
  readonly length: number;
  /** Requests. */
  readonly atOnce: number;
}

type Range = readonly [path: string, offset: number, length: number];

/** A request for so many ranges each, anywhere in the packs. The seconds of all; what was to be sent is made before. */
export async function askRanges({ port, trust, target, requests, inOne, length, atOnce }: Ranges): Promise<number> {
  const seeded = new Seeded('ranges');
  const ranges = (): Range[] => Array.from({ length: inOne }, () => rangeIn(seeded, length));
  const asked = Array.from({ length: requests }, ranges);
  const session = http2.connect(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    settings: { initialWindowSize: 4 << 20 },
    ...trust.device,
  });
  await once(session, 'connect');
  session.setLocalWindowSize(16 << 20);
  const url = urlOf('ranges', target);
  const seconds = await secondsOf(() =>
    inLanes(atOnce, requests, async (n) => {
      const mine = asked[n] ?? [];
      const answers = decodeRanges(
        await post(session, url, JSON.stringify({ ranges: mine })),
        mine.map(([, , many]) => many),
      );
      for (const [i, answer] of answers.entries()) compare(mine[i], answer);
    }),
  );
  session.destroy();
  return seconds;
}

/** One by one as a program asks for them, which the client puts together as it does; so many wait at a time. */
export async function askSmall(of: Access & { count: number; length: number; atOnce: number }): Promise<number> {
  const seeded = new Seeded('small');
  const backend = opened(of);
  const asked = Array.from({ length: of.count }, () => rangeIn(seeded, of.length));
  const ask = async (n: number): Promise<void> => {
    const [path, offset, length] = asked[n] ?? ['', 0, 0];
    compare(asked[n], (await backend.getRange(path, { offset, length })) ?? new Uint8Array());
  };
  const seconds = await secondsOf(() => inLanes(of.atOnce, of.count, ask));
  await backend.close();
  return seconds;
}

function rangeIn(seeded: Seeded, length: number): Range {
  const pack = packs[seeded.below(packs.length)];
  if (pack === undefined) throw new Error('there are no packs');
  return [pack.path, seeded.below(pack.bytes.length - length), length];
}

const byPath = new Map<string, LoadObject>();

function compare(asked: Range | undefined, answer: RangeAnswer): void {
  if (asked === undefined || typeof answer === 'number') throw new Error('a range is not there');
  const [path, offset, length] = asked;
  if (byPath.size !== packs.length) for (const pack of packs) byPath.set(pack.path, pack);
  const bytes = byPath.get(path)?.bytes.subarray(offset, offset + length);
  if (bytes === undefined || Buffer.compare(bytes, answer) !== 0) throw new Error(`${path} has other bytes`);
}

async function post(session: ClientHttp2Session, url: string, body: string): Promise<Uint8Array> {
  const stream = session.request({ ':method': 'POST', ':path': url, 'content-type': 'application/json' });
  stream.end(body);
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  const answer = Buffer.concat(pieces);
  if (headers[':status'] !== 200) throw new Error(`ranges: ${headers[':status']} ${answer.toString().slice(0, 300)}`);
  return answer;
}
