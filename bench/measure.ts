/** A command, run and measured from outside: the same for every program, whatever it is written in. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface Command {
  readonly argv: readonly string[];
  /** All of its environment but `PATH`. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** An exit code other than 0 with which it has done what is measured. */
  readonly accepts?: number;
}

export interface Usage {
  readonly seconds: number;
  /** User and system, of all its processes. */
  readonly cpu: number;
  /** Bytes of the largest of its processes; undefined without GNU time. */
  readonly peak: number | undefined;
}

export function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      fs.accessSync(path, fs.constants.X_OK);
      return path;
    } catch {
      // The next folder.
    }
  }
  return undefined;
}

/** GNU's: it is small itself, so that a fork of it does not count as the command's memory. */
const gnuTime = [findProgram('time')].find(
  (path) => path !== undefined && spawnSync(path, ['-f', '%M', 'true']).status === 0,
);

/**
 * Runs a command to its end, its output thrown away. When the signal aborts, all of its processes end.
 * @throws Error with what it said when it fails
 */
export async function measure(command: Command, signal?: AbortSignal): Promise<Usage> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'neo-bench-'));
  try {
    const report = join(folder, 'usage');
    const seconds = await run(command, wrapped(command.argv, report), signal);
    const text = fs.readFileSync(report, 'utf8');
    return { seconds, ...(gnuTime === undefined ? parseTimes(text) : parseTime(text)) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** @returns the seconds that it took */
function run(command: Command, [program = '', ...args]: readonly string[], signal?: AbortSignal): Promise<number> {
  signal?.throwIfAborted();
  const started = performance.now();
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // a group of its own, which can be ended as a whole
  });
  const stop = () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM');
  signal?.addEventListener('abort', stop);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  return new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, by) => {
      const seconds = (performance.now() - started) / 1000;
      if (code === 0 || (code !== null && code === command.accepts)) resolve(seconds);
      else reject(new Error(`${command.argv.join(' ')}: ${by ?? `exit code ${code}`}: ${said.trim()}`));
    });
  }).finally(() => signal?.removeEventListener('abort', stop));
}

function wrapped(argv: readonly string[], report: string): readonly string[] {
  if (gnuTime !== undefined) return [gnuTime, '-o', report, '-f', '%U %S %M', ...argv];
  return ['sh', '-c', '"$@"; code=$?; times >"$0"; exit $code', report, ...argv];
}

/** The last line: one about the exit code may stand above it. */
export function parseTime(text: string): Omit<Usage, 'seconds'> {
  const line = text.trim().split('\n').at(-1) ?? '';
  const [user = 0, system = 0, peak = 0] = line.split(' ').map(Number);
  return { cpu: user + system, peak: peak * 1024 };
}

/** What the shell's `times` prints: `0m0.00s 0m0.00s` of itself, and a line of the same form of its children. */
export function parseTimes(text: string): Omit<Usage, 'seconds'> {
  const children = text.trim().split('\n').at(-1) ?? '';
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  );
  return { cpu, peak: undefined };
}

/** Bytes of all files below. */
export function sizeOfTree(folder: string): number {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) => fs.statSync(join(entry.parentPath, entry.name)).size);
  return sizes.reduce((sum, size) => sum + size, 0);
}
