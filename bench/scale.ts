/**
 * Whether time grows as the files do, and memory does not: `node bench/scale.ts [--files 1000000] [--giant] [--json]`.
 * A first and an unchanged snapshot at a tenth, three tenths and all of the files, in memory where there is some; with
 * --giant one file of 100 GiB instead, with 3 GiB of data strewn in it. Needs the built program (`npm run build`).
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'neo.cjs');
const FILES_A_DIRECTORY = 200;
const GIB = 2 ** 30;
const GIANT = 100 * GIB;
const DENSE_PARTS = 48;
const DENSE_BYTES = 64 << 20;
const PEAK = 'peak-memory:';
/** Tells at the end what the process took, its threads included. */
const TELL = `data:text/javascript,process.on('exit',()=>process.stderr.write('${PEAK}'+process.resourceUsage().maxRSS+'%5Cn'))`;

interface Row {
  readonly files: number;
  readonly operation: string;
  readonly seconds: number;
  readonly filesPerSecond: number;
  readonly peakMiB: number;
}

function neo(base: string, ...args: readonly string[]): { readonly seconds: number; readonly peakMiB: number } {
  const env = {
    PATH: process.env['PATH'],
    HOME: join(base, 'home'),
    NEO_REPO: join(base, 'repository'),
    NEO_PASSWORD: 'bench',
    NODE_OPTIONS: `--import="${TELL}"`,
  };
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { env, encoding: 'utf8' });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`neo ${args.join(' ')}: exit code ${status}: ${stderr.slice(-1000)}`);
  const peaks = [...stderr.matchAll(new RegExp(`${PEAK}(\\d+)`, 'g'))].map(([, peak]) => Number(peak));
  return { seconds, peakMiB: Math.max(...peaks) / 1024 };
}

/** Files from `from` up to `to`, of 20 to 400 bytes that compress about as text does. */
function addFiles(source: string, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    const folder = join(source, `d${Math.floor(n / FILES_A_DIRECTORY / 100)}`, `e${Math.floor(n / FILES_A_DIRECTORY)}`);
    if (n === from || n % FILES_A_DIRECTORY === 0) fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(
      join(folder, `f${n}.txt`),
      `file ${n} ${(n * 2_654_435_761) % 4_294_967_296}\n`.repeat(1 + (n % 13)),
    );
  }
}

function* manyFiles(base: string, files: number): Generator<Row> {
  const source = join(base, 'source');
  let made = 0;
  for (const part of [0.1, 0.3, 1]) {
    const count = Math.round(files * part);
    addFiles(source, made, count);
    made = count;
    fs.rmSync(join(base, 'repository'), { recursive: true, force: true });
    neo(base, 'init');
    yield* twice(base, source, count);
  }
}

function* twice(base: string, source: string, files: number): Generator<Row> {
  for (const operation of ['first', 'unchanged']) {
    const { seconds, peakMiB } = neo(base, 'snapshot', '--quiet', source);
    yield { files, operation, seconds, filesPerSecond: files / seconds, peakMiB };
  }
}

function* giantFile(base: string): Generator<Row> {
  const source = join(base, 'source');
  fs.mkdirSync(source);
  const fd = fs.openSync(join(source, 'giant'), 'w');
  fs.ftruncateSync(fd, GIANT);
  const bytes = new Uint8Array(DENSE_BYTES);
  for (let i = 0; i < DENSE_PARTS; i++) {
    for (let at = 0; at < DENSE_BYTES; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    fs.writeSync(fd, bytes, 0, DENSE_BYTES, Math.floor(GIANT / DENSE_PARTS) * i);
  }
  fs.closeSync(fd);
  neo(base, 'init');
  yield* twice(base, source, 1);
}

function line({ files, operation, seconds, filesPerSecond, peakMiB }: Row): string {
  const cells = [files.toLocaleString('en'), operation, `${seconds.toFixed(1)} s`, `${Math.round(filesPerSecond)}/s`];
  return `${cells.map((cell) => cell.padEnd(12)).join('')}${Math.round(peakMiB)} MiB\n`;
}

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '1000000' },
    giant: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    at: { type: 'string' },
  },
});
const home = values.at ?? (fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
const base = fs.mkdtempSync(join(home, 'neo-scale-'));
try {
  fs.mkdirSync(join(base, 'home'));
  for (const row of values.giant ? giantFile(base) : manyFiles(base, Number(values.files))) {
    process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : line(row));
  }
} finally {
  fs.rmSync(base, { recursive: true, force: true });
}
