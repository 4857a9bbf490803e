/** Giant and odd inputs by the real program: each is saved, saved again unchanged, checked, restored and compared. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { contentKey } from '../../src/core/ids.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { ChunkListBuilder, contentPieces } from '../../src/snapshot/content.ts';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import { environment, fingerprintTree, neoCommand, summaryOf } from './neo.ts';

type Figures = Readonly<Record<string, number>>;

const MILLION = 1_000_000;
/** KiB that no command may take: a goal of its own, whatever the input. */
const MOST_MEMORY = 512 << 10;
const HOME_OF_FILES = '/dev/shm';
const PEAK = 'peak-memory:';
/** Tells at the end what the process took; in its threads too, with the same number. */
const TELL = `data:text/javascript,process.on('exit',()=>process.stderr.write('${PEAK}'+process.resourceUsage().maxRSS+'%5Cn'))`;

export function giantCampaign(folder: string): Campaign {
  const cases = [oddNames, hardLinks, strewnFile, longList, atOnce, millionFiles];
  return {
    name: 'giant',
    cases: cases.length,
    async run(number) {
      // In memory where there is some: a million files are made, and removed, in seconds.
      const base = join(fs.existsSync(HOME_OF_FILES) ? HOME_OF_FILES : folder, `neo-giant-${process.pid}`);
      fs.mkdirSync(join(base, 'home'), { recursive: true });
      try {
        return (await cases[number]?.(base)) ?? {};
      } finally {
        spawnSync('rm', ['-rf', base]);
      }
    },
  };
}

interface Measured {
  readonly stdout: string;
  readonly seconds: number;
  readonly peak: number;
}

function command(base: string, ...args: readonly string[]): Measured {
  const [program = '', ...rest] = neoCommand(...args);
  const env = environment(join(base, 'home'), { NODE_OPTIONS: `--import="${TELL}"`, NEO_REPO: join(base, 'repo') });
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(program, rest, { env, encoding: 'utf8', maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`neo ${args.join(' ').slice(0, 200)}: exit code ${status}: ${stderr.slice(-2000)}`);
  const peaks = [...stderr.matchAll(new RegExp(`${PEAK}(\\d+)`, 'g'))].map(([, peak]) => Number(peak));
  return { stdout, seconds: (Date.now() - started) / 1000, peak: Math.max(...peaks) };
}

/** Saved twice, checked, restored, compared. */
function roundTrip(base: string): Figures {
  const source = join(base, 'source');
  const to = join(base, 'out');
  command(base, 'init');
  const steps: Record<string, Measured> = {
    first: command(base, 'snapshot', '--json', source),
    again: command(base, 'snapshot', '--json', source),
    ls: command(base, 'ls', '-r', 'latest'),
    check: command(base, 'check', '--read-data'),
    restore: command(base, 'restore', 'latest', '--to', to),
  };
  for (const [step, { seconds, peak }] of Object.entries(steps)) {
    console.log(`  ${step}: ${seconds.toFixed(1)} s, ${Math.round(peak / 1024)} MiB`);
    if (peak > MOST_MEMORY) throw new Error(`${step} took ${Math.round(peak / 1024)} MiB of memory`);
  }
  const again = summaryOf(steps['again']?.stdout ?? '');
  if (again?.['bytesAdded'] !== 0) throw new Error('an unchanged source was stored again');
  const listed = (steps['ls']?.stdout.match(/\n/g) ?? []).length;
  const compare = join(import.meta.dirname, 'compare.py');
  const compared = spawnSync('python3', [compare, source, join(to, source)], { encoding: 'utf8' });
  if (compared.status !== 0) throw new Error(`restored otherwise: ${compared.stdout} ${compared.stderr}`);
  return { 'entries restored': Number.parseInt(compared.stdout, 10), 'entries listed': listed };
}

/** Works in any depth: each step goes through the descriptor above. */
function below(fd: number, name: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), Buffer.from(name)]);
}

function deepen(top: string, names: readonly string[], atBottom: (fd: number) => void): void {
  let fd = fs.openSync(top, 'r');
  for (const name of names) {
    fs.mkdirSync(below(fd, name));
    const next = fs.openSync(below(fd, name), 'r');
    fs.closeSync(fd);
    fd = next;
  }
  atBottom(fd);
  fs.closeSync(fd);
}

function numbered(count: number, name: (n: number) => string): string[] {
  return Array.from({ length: count }, (_, n) => name(n));
}

/** Paths of 10,000 bytes, a depth of 1,000, names of any bytes. */
function oddNames(base: string): Figures {
  const top = join(base, 'source');
  fs.mkdirSync(top);
  const long = numbered(40, (n) => `${n}`.padEnd(255, 'x'));
  deepen(top, long, (fd) => {
    fs.writeFileSync(below(fd, 'small'), 'below 10,000 bytes of path');
    fs.writeFileSync(below(fd, 'large'), new SimRandom(1).bytes(3_000_000));
    fs.symlinkSync('nowhere', below(fd, 'link'));
  });
  const deep = numbered(1000, (n) => `d${n}`);
  deepen(top, deep, (fd) => fs.writeFileSync(below(fd, 'bottom'), 'bottom'));
  const odd = [
    'a\nb',
    '\x01\x7f',
    '\xff\xfe',
    '\xc3(',
    '\xff'.repeat(255),
    'back\\slash',
    ' ',
    '-r',
    '\x1b[31m',
    '...',
  ];
  const fd = fs.openSync(top, 'r');
  for (const name of odd) fs.writeFileSync(below(fd, Buffer.from(name, 'latin1')), `of ${name}`);
  fs.closeSync(fd);
  const figures = roundTrip(base);
  for (const [names, wanted] of [
    [[...long, 'small'], 'below 10,000 bytes of path'],
    [[...deep, 'bottom'], 'bottom'],
    [['\\xff\\xfe'], 'of \xff\xfe'],
  ] as const) {
    const found = command(base, 'cat', `latest:${[top, ...names].join('/')}`).stdout;
    if (found !== wanted) throw new Error(`cat gives ${JSON.stringify(found.slice(0, 100))}`);
  }
  return figures;
}

function hardLinks(base: string): Figures {
  const top = join(base, 'source');
  fs.mkdirSync(top);
  fs.writeFileSync(join(top, 'f'), 'shared');
  for (let n = 1; n < 100_000; n++) fs.linkSync(join(top, 'f'), join(top, `f${n}`));
  return roundTrip(base);
}

/** 1 TiB with 200,000 pages of data in it, and 100 GiB of nothing. */
function strewnFile(base: string): Figures {
  const top = join(base, 'source');
  fs.mkdirSync(top);
  fs.closeSync(fs.openSync(join(top, 'empty'), 'w'));
  fs.truncateSync(join(top, 'empty'), 100 * 2 ** 30);
  const fd = fs.openSync(join(top, 'strewn'), 'w');
  fs.ftruncateSync(fd, 2 ** 40);
  const random = new SimRandom(2);
  for (let n = 0; n < 200_000; n++) fs.writeSync(fd, random.bytes(4096), 0, 4096, random.below(2 ** 28) * 4096);
  fs.closeSync(fd);
  return roundTrip(base);
}

/** The chunks of 1 TiB without a hole: built and read back part by part. */
async function longList(): Promise<Figures> {
  const engine = await createNativeEngine();
  const parts = new Map<string, Uint8Array>();
  const keyOf = (n: number) => contentKey(engine.blake3(Buffer.from(`chunk ${n}`)));
  const builder = new ChunkListBuilder((_kind, json) => {
    const key = contentKey(engine.blake3(json));
    parts.set(Buffer.from(key).toString('hex'), json);
    return key;
  });
  const chunks = 4 << 20;
  for (let n = 0; n < chunks; n++) builder.add({ key: keyOf(n), length: 1 << 18 });
  const load = async (_kind: string, key: Uint8Array): Promise<Uint8Array> =>
    parts.get(Buffer.from(key).toString('hex')) ?? new Uint8Array();
  let read = 0;
  for await (const piece of contentPieces(load, builder.finish(), 0)) {
    if (Buffer.compare(piece.key, keyOf(read)) !== 0) throw new Error(`chunk ${read} is another`);
    read += 1;
  }
  if (read !== chunks) throw new Error(`${read} of ${chunks} chunks`);
  return { 'chunks listed': read, 'list parts': parts.size };
}

/** Four snapshots, a check and a restore at one time. */
async function atOnce(base: string): Promise<Figures> {
  const random = new SimRandom(3);
  const tops = ['one', 'two'].map((name) => join(base, name));
  for (const top of tops) fs.mkdirSync(top);
  const shared = random.bytes(20 << 20);
  for (const top of tops) fs.writeFileSync(join(top, 'shared'), shared);
  for (const top of tops)
    for (let n = 0; n < 2000; n++) fs.writeFileSync(join(top, `f${n}`), random.bytes(random.below(9000)));
  command(base, 'init');
  command(base, 'snapshot', join(tops[0] ?? '', 'shared'));
  const env = environment(join(base, 'home'), { NEO_REPO: join(base, 'repo') });
  const runs = [...tops, ...tops].map((top) => ['snapshot', top]);
  const others = [
    ['check', '--read-data'],
    ['restore', 'latest', '--to', join(base, 'meanwhile')],
  ];
  const codes = await Promise.all(
    [...runs, ...others].map((args) => {
      const [program = '', ...rest] = neoCommand(...args);
      const child = spawn(program, rest, { env, stdio: 'ignore' });
      return new Promise((resolve) => child.on('close', resolve));
    }),
  );
  if (codes.some((code) => code !== 0)) throw new Error(`exit codes ${codes.join(', ')}`);
  command(base, 'check', '--read-data');
  const wanted = new Map(tops.map((top) => [top, fingerprintTree(top)]));
  for (const back of [0, 1, 2, 3]) {
    const to = join(base, `out${back}`);
    command(base, 'restore', `latest~${back}`, '--to', to);
    const top = tops.find((each) => fs.existsSync(join(to, each))) ?? '';
    if (fingerprintTree(join(to, top)) !== wanted.get(top)) throw new Error(`latest~${back} restores otherwise`);
  }
  return { 'runs at once': codes.length };
}

/** One directory of a million files, a tenth of them with bytes. */
function millionFiles(base: string): Figures {
  const top = join(base, 'source');
  fs.mkdirSync(top);
  for (let n = 0; n < MILLION; n++) {
    const fd = fs.openSync(join(top, `file-${String(n).padStart(7, '0')}.txt`), 'w');
    if (n % 10 === 0) fs.writeSync(fd, `${n}`);
    fs.closeSync(fd);
  }
  return roundTrip(base);
}
