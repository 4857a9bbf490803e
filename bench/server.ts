/**
 * `node bench/server.ts`: what our own server bears on loopback, in a process of its own: bytes a second in and out, small ranges a
 * second, how long `hello` takes while others shake hands and upload, and its memory. Prints a table in Markdown.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { availableParallelism } from 'node:os';
import { openNeo } from '../src/backends/neo.ts';
import { fromHex, toHex } from '../src/core/bytes.ts';
import { startOwnServer } from '../test/support/own-server.ts';

if (process.argv[2] === 'serve') {
  const { port, fingerprint } = await startOwnServer();
  process.stdout.write(`${JSON.stringify({ port, fingerprint: toHex(fingerprint) })}\n`);
  process.stdin.resume();
  await once(process.stdin, 'end');
  process.exit(0);
}

const child = spawn(process.execPath, [import.meta.filename, 'serve'], { stdio: ['pipe', 'pipe', 'inherit'] });
const [line] = (await once(child.stdout, 'data')) as [Buffer];
const { port, fingerprint } = JSON.parse(line.toString()) as { port: number; fingerprint: string };

/** MiB: now, or the most so far. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
}

function client(target: string) {
  const trust = { fingerprint: fromHex(fingerprint), token: 'prune-token' };
  return openNeo({ host: '127.0.0.1', port, target }, { trust });
}

const rows: string[] = [];
const say = (what: string, figure: string): void => {
  rows.push(`| ${what} | ${figure} |`);
  process.stderr.write(`bench: ${what}: ${figure}\n`);
};
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
};
/** So many at a time. */
async function inLanes(lanes: number, count: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

say('memory at the start', `${memory('VmRSS')} MiB`);
const one = client('one');
const pack = crypto.getRandomValues.bind(crypto);
const bytes = new Uint8Array(16 << 20);
for (let at = 0; at < bytes.length; at += 65_536) pack(bytes.subarray(at, at + 65_536));
const PACKS = 64;
const MIB = (PACKS * bytes.length) / 2 ** 20;
say(
  'put, packs of 16 MiB, 4 at a time',
  `${(MIB / (await seconds(() => inLanes(4, PACKS, (n) => one.put(`packs/00/${n}`, bytes))))).toFixed(0)} MiB/s`,
);
say(
  'get, the same',
  `${(MIB / (await seconds(() => inLanes(4, PACKS, (n) => one.get(`packs/00/${n}`))))).toFixed(0)} MiB/s`,
);
const ranges = 40_000;
const range = (n: number) =>
  one.getRange(`packs/00/${n % PACKS}`, { offset: (n * 7919) % (bytes.length - 200), length: 200 });
say(
  'ranges of 200 bytes, 1,000 at a time',
  `${(ranges / (await seconds(() => inLanes(1000, ranges, range)))).toFixed(0)} a second`,
);
say(
  'objects of 1 KiB put, 64 at a time',
  `${(2000 / (await seconds(() => inLanes(64, 2000, (n) => one.put(`index/${n}`, bytes.subarray(n, n + 1024)))))).toFixed(0)} a second`,
);

const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
const hello = async (): Promise<number> => {
  const from = performance.now();
  const stream = session.request({ ':path': '/v1/hello' });
  stream.resume();
  await once(stream, 'end');
  return performance.now() - from;
};
await hello();
let isOver = false;
const uploads = inLanes(10, 200, async (n) => !isOver && client(`up-${n % 10}`).put(`packs/00/${n}`, bytes));
const handshakes = inLanes(100, 1000, async () => {
  if (isOver) return;
  const another = client('one');
  await another.stat('packs/00/0');
  await another.close();
});
const times: number[] = [];
for (const until = performance.now() + 15_000; performance.now() < until; ) times.push(await hello());
isOver = true;
await Promise.all([uploads, handshakes]);
times.sort((a, b) => a - b);
const percentile = (part: number): string => `${(times[Math.floor(times.length * part)] ?? 0).toFixed(0)} ms`;
say('hello, while 100 shake hands and 10 upload', `p50 ${percentile(0.5)}, p99 ${percentile(0.99)}`);
session.destroy();

const idle = Array.from({ length: 1000 }, () => client('one'));
await inLanes(50, idle.length, (n) => idle[n]?.stat('packs/00/0') ?? Promise.resolve());
say('memory with 1,000 idle connections', `${memory('VmRSS')} MiB`);
await Promise.all(idle.map((each) => each.close()));
const fifty = Array.from({ length: 50 }, (_, n) => client(`c-${n}`));
await inLanes(50, 400, async (n) => {
  await fifty[n % 50]?.put(`packs/00/${n}`, bytes);
  await fifty[n % 50]?.get(`packs/00/${n}`);
});
say('memory with 50 clients that put and get packs', `${memory('VmRSS')} MiB, at most ${memory('VmHWM')} MiB so far`);
await Promise.all([one, ...fifty].map((each) => each.close()));
child.stdin.end();
child.kill();
process.stdout.write(
  `${availableParallelism()} cores, shared with the clients\n\n| what | figure |\n| --- | --- |\n${rows.join('\n')}\n`,
);
process.exit(0);
