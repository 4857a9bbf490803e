/** `npm run bench -- --help` */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { playRound } from './contest.ts';
import { ensureCorpora, FULL, QUICK, REAL_FILES } from './corpora.ts';
import { rowsOf, type Sample } from './figures.ts';
import { sizeOfTree } from './measure.ts';
import { SCENES, type Scene, type SceneName } from './operations.ts';
import { HELP, type Options, parseOptions, UsageError } from './options.ts';
import { markdownOf, tablesOf, textOf } from './table.ts';
import { findTools, NEO, RESTIC, type Tool } from './tools.ts';

const MIB = 1 << 20;
const SEED = 1;

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

/** Paths of what a scene takes. @throws UsageError when a folder of the user's lacks a corpus */
function sourcesOf({ corpora, quick }: Options, scene: Scene): string[] {
  if (scene.corpora.length === 0) return [import.meta.dirname];
  if (corpora.own) {
    fs.mkdirSync(corpora.folder, { recursive: true });
    const sizes = quick ? QUICK : FULL;
    ensureCorpora({ folder: corpora.folder, sizes, seed: SEED, roots: REAL_FILES, say }, scene.corpora);
  }
  const paths = scene.corpora.map((name) => join(corpora.folder, name));
  const missing = paths.find((path) => !fs.existsSync(path));
  if (missing !== undefined) throw new UsageError(`${missing}: no such corpus`);
  return paths;
}

/** Repositories of all, a restored copy and one that is edited must fit. */
function makeRoom(folder: string, sources: readonly string[], tools: readonly Tool[]): void {
  const largest = Math.max(...sources.map(sizeOfTree));
  const need = largest * (tools.length + 2);
  const { bavail, bsize } = fs.statfsSync(folder);
  if (bavail * bsize < need)
    throw new UsageError(`${folder}: needs ${Math.ceil(need / MIB)} MiB; see --place, --rivals`);
}

async function playScenes(
  options: Options,
  tools: readonly Tool[],
  place: string,
  signal: AbortSignal,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const name of options.scenes) {
    const scene: Scene = SCENES[name];
    if (!scene.operations.some((operation) => options.operations.has(operation))) continue;
    const sources = sourcesOf(options, scene);
    makeRoom(place, sources, tools);
    const folder = join(place, name);
    const contest = { name, scene, wanted: options.operations, tools, sources, folder, signal, say };
    for (let round = 0; round < options.rounds; round += 1) {
      say(`${name}, round ${round + 1} of ${options.rounds}`);
      await playRound({ ...contest, record: (sample) => samples.push(sample) }, round);
    }
  }
  return samples;
}

function print(options: Options, tools: readonly Tool[], samples: readonly Sample[]): void {
  const rows = rowsOf(samples, { baseline: RESTIC, keyless: [NEO] });
  const about = aboutThis(options, tools);
  if (options.format === 'json') {
    process.stdout.write(`${JSON.stringify({ ...about, rows, samples }, undefined, 1)}\n`);
    return;
  }
  const flags = options.quick ? ['--quick'] : [];
  const show = options.format === 'markdown' ? markdownOf : textOf;
  process.stdout.write(`${describe(about)}\n\n${tablesOf(rows, flags).map(show).join('\n')}`);
}

type About = ReturnType<typeof aboutThis>;

function aboutThis({ rounds, quick, scenes }: Options, tools: readonly Tool[]) {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: os.cpus()[0]?.model.trim() ?? '',
    cores: os.availableParallelism(),
    memory: os.totalmem(),
    kernel: os.release(),
    versions: tools.filter(({ name }) => name === NEO || !name.startsWith(NEO)).map(versionOf),
    node: process.version,
    quick,
    rounds,
    scenes: scenes satisfies readonly SceneName[],
  };
}

function versionOf({ name, program, calls }: Tool): string {
  const { argv } = calls({ home: os.tmpdir(), repository: '', key: '' }).version;
  const { stdout } = spawnSync(program, argv.slice(1), { encoding: 'utf8' });
  return /\d+\.\d+\S*/.exec(stdout)?.[0].replace(/^/, `${name} `) ?? name;
}

function describe({ date, cpu, cores, memory, kernel, versions, node, rounds }: About): string {
  const machine = `${cores} cores of ${cpu}, ${Math.round(memory / MIB / 1024)} GiB, Linux ${kernel}`;
  return `${date}: ${versions.join(', ')}, Node ${node}; ${machine}; ${rounds === 1 ? 'one round' : `${rounds} rounds`}.`;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const tools = findTools(options.rivals);
  if (!tools.some(({ name }) => name === RESTIC)) say('without restic there are no ratios');
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stopped.abort());
  const place = fs.mkdtempSync(join(options.place, 'neo-bench-'));
  try {
    print(options, tools, await playScenes(options, tools, place, stopped.signal));
    return 0;
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    return 130;
  } finally {
    fs.rmSync(place, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(error.message);
  process.exitCode = 2;
}
