/** Programs as a user starts them: own process, own empty home, no terminal. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const launcher = join(root, 'bin', 'neo.cjs');

export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function temporary(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `neo-${name}-`));
}

/** PATH without any `node_modules/.bin`: what the machine itself offers. */
export const systemPath = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter);

/** The machine's own Node, when it is older than the one neo needs. */
export const oldNode = ((): string | undefined => {
  for (const folder of systemPath.split(delimiter)) {
    const path = join(folder, 'node');
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const major = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout;
    return Number.parseInt(major, 10) < 24 ? path : undefined;
  }
  return undefined;
})();

/** Nothing of this process's environment but what is named. */
export function environment(home: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: systemPath, HOME: home, LANG: 'C.UTF-8', ...more };
}

export interface Started {
  readonly child: ChildProcess;
  readonly done: Promise<Run>;
  /** Resolves when standard output holds this text. */
  readonly printed: (text: string) => Promise<void>;
}

export function start(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env: NodeJS.ProcessEnv },
): Started {
  // An own session: no terminal to ask at, and signals of the terminal do not reach it.
  const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  const waiting: { readonly text: string; readonly go: () => void }[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    text.stdout += chunk.toString();
    for (const waiter of waiting) if (text.stdout.includes(waiter.text)) waiter.go();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text.stderr += chunk.toString();
  });
  const done = new Promise<Run>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  const printed = (wanted: string) =>
    new Promise<void>((go) => {
      if (text.stdout.includes(wanted)) go();
      else waiting.push({ text: wanted, go });
    });
  return { child, done, printed };
}

export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env: NodeJS.ProcessEnv },
): Promise<Run> {
  return start(command, args, options).done;
}

const home = temporary('home');

/** The built program of this checkout, on the Node that runs the tests. */
export async function neo(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return run(process.execPath, [launcher, ...args], { env: environment(await home, env) });
}
