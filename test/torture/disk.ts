/** What the disk is told, and a disk that is full: strace and a small tmpfs, both on Linux and as root. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import { environment, fingerprintTree, neo, neoCommand, neoWell, summaryOf } from './neo.ts';

export function diskCampaign(folder: string): Campaign {
  const cases = [demandOrder, demandFullDisk];
  return {
    name: 'disk',
    cases: cases.length,
    async run(number) {
      const base = join(folder, 'disk');
      rmSync(base, { recursive: true, force: true });
      mkdirSync(join(base, 'home'), { recursive: true });
      return cases[number]?.(base) ?? {};
    },
  };
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** Bytes in many files: several packs. */
function fill(folder: string, random: SimRandom, megabytes: number): void {
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < megabytes; n++) writeFileSync(join(folder, `f${n}`), random.bytes(1 << 20));
}

/** One call that ended well, and the lines of the trace where it began and ended. */
interface Call {
  readonly name: string;
  readonly text: string;
  readonly began: number;
  readonly ended: number;
}

const WHOLE = /^(\d+) +(\w+)\((.*)\) += (-?\d+)/;
const BEGUN = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. \w+ resumed>.*\) += (-?\d+)/;

/** Calls that ended well. Puts the two halves of interrupted lines of `strace -f` together. */
function readTrace(text: string): Call[] {
  const open = new Map<string, { name: string; text: string; began: number }>();
  return text.split('\n').flatMap((line, at): Call[] => {
    const [, whose = '', name = '', given = ''] = BEGUN.exec(line) ?? [];
    if (whose !== '') open.set(whose, { name, text: given, began: at });
    const whole = WHOLE.exec(line);
    if (whole !== null) return isWell(whole[4], { name: whole[2] ?? '', text: whole[3] ?? '', began: at, ended: at });
    const resumed = RESUMED.exec(line);
    const call = open.get(resumed?.[1] ?? '');
    return call === undefined || resumed === null ? [] : isWell(resumed[2], { ...call, ended: at });
  });
}

function isWell(result: string | undefined, call: Call): Call[] {
  return result?.startsWith('-') === true ? [] : [call];
}

const PHASES = ['packs', 'index', 'snapshots'];

/** fsync(file), then its name, then fsync(folder); and all of that for every pack before a segment, and so on. */
function demandOrder(base: string): Readonly<Record<string, number>> {
  const repository = join(base, 'repository');
  const env = environment(join(base, 'home'), { NEO_REPO: repository });
  neoWell(env, 'init');
  fill(join(base, 'source'), new SimRandom(1), 60);
  const log = join(base, 'trace');
  const traced = spawnSync(
    'strace',
    [
      '-f',
      '-y',
      '-s',
      '4096',
      '-o',
      log,
      '-e',
      'trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat',
      ...neoCommand('snapshot', join(base, 'source')),
    ],
    { env: { ...env, UV_USE_IO_URING: '0' }, encoding: 'utf8' },
  );
  if (traced.status !== 0) throw new Error(`under strace: ${traced.stderr}`);
  const calls = readTrace(readFileSync(log, 'utf8'));
  const named = calls.flatMap((call) => {
    const [from, to] = /^(link|rename)/.test(call.name) ? [...call.text.matchAll(/"([^"]+)"/g)].map((m) => m[1]) : [];
    return from !== undefined && to?.startsWith(repository) === true ? [{ call, from, to }] : [];
  });
  let durable = -1;
  for (const phase of PHASES) {
    const published = named.filter(({ to }) => to.startsWith(join(repository, phase)));
    if (published.length === 0) throw new Error(`nothing was published in ${phase}`);
    const ends = published.map(({ call, from, to }) => {
      if (call.began < durable) throw new Error(`${to} has its name before the phase before was durable`);
      const file = synced(calls, from, 0);
      if (file > call.began) throw new Error(`${to} has its name before its bytes were durable`);
      return synced(calls, dirname(to), call.ended);
    });
    durable = Math.max(...ends);
  }
  return { 'objects whose order was traced': named.length };
}

/** Where the first fsync of a path ended that began after that line. */
function synced(calls: readonly Call[], path: string, after: number): number {
  const found = calls.find(
    ({ name, text, began }) => /^f(data)?sync$/.test(name) && began >= after && text.endsWith(`<${path}>`),
  );
  if (found === undefined) throw new Error(`${path} was never made durable`);
  return found.ended;
}

/** One clear line, a clean repository, and with room again everything goes on. */
function demandFullDisk(base: string): Readonly<Record<string, number>> {
  const disk = join(base, 'disk');
  mkdirSync(disk);
  run('mount', '-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk);
  try {
    return onSmallDisk(base, disk);
  } finally {
    run('umount', disk);
  }
}

function onSmallDisk(base: string, disk: string): Readonly<Record<string, number>> {
  const env = environment(join(base, 'home'), { NEO_REPO: join(disk, 'repository') });
  const source = join(base, 'source');
  neoWell(env, 'init');
  fill(source, new SimRandom(2), 3);
  neoWell(env, 'snapshot', source);
  const before = fingerprintTree(source);
  fill(source, new SimRandom(3), 40);
  for (let round = 0; round < 3; round++) {
    const { code, stderr } = neo(env, 'snapshot', '--quiet', source);
    const lines = stderr.trim().split('\n');
    if (code !== 1 || lines.length > 2 || !/^neo: .*(space|full)/i.test(lines[0] ?? '')) {
      throw new Error(`full disk: exit code ${code}: ${stderr}`);
    }
    neoWell(env, 'check', '--read-data');
  }
  run('mount', '-o', 'remount,size=200m', disk);
  const made = summaryOf(neoWell(env, 'snapshot', '--json', source));
  neoWell(env, 'check', '--read-data');
  demandRestored(env, 'latest~1', source, join(base, 'first'), before);
  demandRestored(env, String(made?.['snapshot']), source, join(base, 'second'), fingerprintTree(source));
  return { 'snapshots on a full disk': 3, 'restores compared': 2 };
}

function demandRestored(env: NodeJS.ProcessEnv, snapshot: string, path: string, to: string, fingerprint: string): void {
  neoWell(env, 'restore', `${snapshot}:${path}`, '--to', to);
  if (fingerprintTree(to) !== fingerprint) throw new Error(`${snapshot} restores to something else`);
}
