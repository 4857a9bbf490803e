/**
 * `node bench/serve.ts --help`: `neo serve` measured as it is started by people: against what restic is served by, and under the load of
 * many clients. Needs `npm run build`; repositories also restic and rclone. Prints JSON lines, then tables in Markdown.
 */
import fs from 'node:fs';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endAll } from './children.ts';
import { type CorpusName, ensureCorpora, FULL, REAL_FILES } from './corpora.ts';
import { findProgram, sizeOfTree } from './measure.ts';
import { UsageError } from './options.ts';
import { LAUNCHER } from './remote-operations.ts';
import { playHello } from './serve-hello.ts';
import { playClients, playIdle, playMemory, playRanges } from './serve-loads.ts';
import { Report } from './serve-report.ts';
import { playRepositories } from './serve-repositories.ts';

const PARTS = ['repositories', 'clients', 'idle', 'hello', 'ranges', 'memory'] as const;
type Part = (typeof PARTS)[number];
const CORPORA = ['big', 'small'] as const satisfies readonly CorpusName[];

const HELP = `node bench/serve.ts [FLAGS]: what neo serve bears; needs \`npm run build\` before.

  --only PART,…    ${PARTS.join(', ')}
  --corpus NAME,…  Of repositories: ${CORPORA.join(', ')}, made once in ${join(tmpdir(), 'neo-bench', 'full')}.
  --size N         Bytes, or with K, M, G: of a corpus that is made for this run in place of those; of the packs of
                   ranges (1G); of the repository of memory (2G).
  --rounds N       Of repositories, and of the bursts of hello (3).
  --delay MS       Of repositories: of each way between client and server (0).
  --quick          Fewer clients, smaller objects: to see whether it runs.
  --at DIR         Where all lies (the folder for temporary files), removed at the end.
`;

interface Options {
  readonly parts: readonly Part[];
  readonly corpora: readonly CorpusName[];
  readonly size: number | undefined;
  readonly rounds: number;
  readonly delay: number;
  readonly quick: boolean;
  readonly at: string;
}

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);

/** @throws UsageError. Undefined: help was asked for */
function parseOptions(): Options | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      ...{ only: text, corpus: text, size: text, rounds: { ...text, default: '3' }, at: text },
      delay: { ...text, default: '0' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  });
  if (values.help) return undefined;
  if (!/^[1-9]\d?$/.test(values.rounds)) throw new UsageError(`--rounds ${values.rounds}: a number from 1 to 99`);
  if (!/^\d{1,4}$/.test(values.delay)) throw new UsageError(`--delay ${values.delay}: milliseconds, up to 9999`);
  return {
    parts: listed('--only', values.only, PARTS),
    corpora: listed('--corpus', values.corpus, CORPORA),
    size: values.size === undefined ? undefined : parseSize(values.size),
    rounds: Number(values.rounds),
    delay: Number(values.delay),
    quick: values.quick,
    at: values.at ?? tmpdir(),
  };
}

function listed<T extends string>(flag: string, value: string | undefined, known: readonly T[]): readonly T[] {
  if (value === undefined) return known;
  const names = value.split(',');
  const strange = names.find((name) => !known.some((each) => each === name));
  if (strange !== undefined) throw new UsageError(`${flag} ${strange}: there is ${known.join(', ')}`);
  return known.filter((name) => names.includes(name));
}

function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,12})([KMG]?)$/i.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`--size ${text}: bytes, or a number with K, M or G`);
  return Number(digits) * 1024 ** ' KMG'.indexOf(unit.toUpperCase() || ' ');
}

/** Files of the small corpus are of 10 KiB on the average. */
const SMALL_FILE = 10 << 10;

function corporaOf({ corpora, size }: Options, place: string) {
  const folder = size === undefined ? join(tmpdir(), 'neo-bench', 'full') : join(place, 'corpora');
  fs.mkdirSync(folder, { recursive: true });
  const sizes = size === undefined ? FULL : { ...FULL, big: size, small: Math.ceil(size / SMALL_FILE) };
  ensureCorpora({ folder, sizes, seed: 1, roots: REAL_FILES, say }, corpora);
  return corpora.map((name) => ({ name, folder: join(folder, name) }));
}

/** Nothing is removed before the end: a file system that has just removed much makes new files slowly. */
function requireRoom(place: string, corpora: readonly { readonly folder: string }[], rounds: number): void {
  const servers = findProgram('rest-server') === undefined ? 3 : 5;
  const need = corpora.reduce((sum, { folder }) => sum + sizeOfTree(folder), 0) * 2 * servers * rounds;
  const { bavail, bsize } = fs.statfsSync(place);
  if (bavail * bsize >= need) return;
  throw new UsageError(`${place}: needs ${Math.ceil(need / 2 ** 30)} GiB; see --rounds, --corpus, --at`);
}

async function repositories(options: Options, place: string, report: Report, signal: AbortSignal): Promise<void> {
  const restic = findProgram('restic');
  if (restic === undefined || findProgram('rclone') === undefined) {
    throw new UsageError(
      'restic and rclone must be on the PATH: apt-get install --no-install-recommends restic rclone',
    );
  }
  const corpora = corporaOf(options, place);
  requireRoom(place, corpora, options.rounds);
  const folder = join(place, 'repositories');
  fs.mkdirSync(folder);
  await playRepositories({
    corpora,
    rounds: options.rounds,
    delay: options.delay,
    place: folder,
    restic,
    report,
    signal,
    say,
  });
}

async function play(options: Options, place: string, report: Report, signal: AbortSignal): Promise<void> {
  const { quick, size, rounds } = options;
  const plan = { place, report, quick, size, rounds };
  const acts: Readonly<Record<Part, () => Promise<void>>> = {
    repositories: () => repositories(options, place, report, signal),
    clients: () => playClients(plan),
    idle: () => playIdle(plan),
    hello: () => playHello(plan),
    ranges: () => playRanges(plan),
    memory: () => playMemory(plan),
  };
  for (const part of options.parts) {
    signal.throwIfAborted();
    say(part);
    await acts[part]();
  }
}

function aboutThis(): string {
  const cpu = os.cpus()[0]?.model.trim() ?? '';
  return `${new Date().toISOString().slice(0, 10)}: ${os.availableParallelism()} cores of ${cpu}, Node ${process.version}, Linux ${os.release()}`;
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!fs.existsSync(join(LAUNCHER, '..', '..', 'dist'))) throw new UsageError('not built yet: npm run build');
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // What waits for one of them fails then.
    process.once(name, () => {
      stopped.abort();
      void endAll();
    });
  }
  const place = fs.mkdtempSync(join(options.at, 'neo-bench-serve-'));
  const report = new Report();
  try {
    await play(options, place, report, stopped.signal);
    return 0;
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    return 130;
  } finally {
    await endAll();
    fs.rmSync(place, { recursive: true, force: true, maxRetries: 3 });
    const tables = report.tables();
    if (tables !== '') process.stdout.write(`\n${aboutThis()}\n\n${tables}`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(error.message);
  process.exitCode = 2;
}
