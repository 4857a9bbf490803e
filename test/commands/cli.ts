/** The built program in a home of its own, with a repository that opens without a password. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { launcher, type Run, systemPath, temporary } from '../house/run.ts';

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer;
  readonly uid?: number;
  /** A program before Node: strace and its arguments. */
  readonly under?: readonly string[];
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly done: Promise<Run>;
}

export class Cli implements Disposable {
  readonly top: string;
  readonly repo: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(top: string) {
    this.top = top;
    this.repo = join(top, 'repo');
    this.#env = {
      PATH: systemPath,
      HOME: join(top, 'home'),
      LANG: 'C.UTF-8',
      NEO_REPO: this.repo,
      NEO_KEY_FILE: join(top, 'key'),
    };
  }

  /** Makes the repository. */
  static async make(): Promise<Cli> {
    const cli = new Cli(await temporary('cli'));
    chmodSync(cli.top, 0o755);
    mkdirSync(join(cli.top, 'home'));
    const env = { NEO_PASSWORD: 'one', NEO_KEY_FILE: undefined };
    for (const args of [
      ['init'],
      ['key', 'add', '--role', 'full', '--out', join(cli.top, 'key'), '--label', 'tests'],
    ]) {
      const made = await cli.run(args, { env });
      if (made.code !== 0) throw new Error(made.stderr);
    }
    return cli;
  }

  path(...names: string[]): string {
    return join(this.top, ...names);
  }

  start(args: readonly string[], options: CliOptions = {}): Running {
    const [program = '', ...rest] = [...(options.under ?? []), process.execPath, launcher, ...args];
    const child = spawn(program, rest, {
      cwd: options.cwd ?? this.top,
      env: { ...this.#env, ...options.env },
      detached: true,
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    // A command that takes no input may be gone by now.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text.stderr += chunk.toString();
    });
    const done = new Promise<Run>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, ...text }));
    });
    return { child, done };
  }

  run(args: readonly string[], options: CliOptions = {}): Promise<Run> {
    return this.start(args, options).done;
  }

  /** The summary of a run that should end with `code`. @throws Error with what it printed if it does not */
  async summary(args: readonly string[], options: CliOptions & { readonly code?: number } = {}): Promise<Summary> {
    const [command = '', ...rest] = args;
    const run = await this.run([command, '--json', ...rest], options);
    if (run.code !== (options.code ?? 0)) throw new Error(`exit ${run.code}: ${run.stderr}`);
    return lines(run).findLast(({ type }) => type === 'summary') as unknown as Summary;
  }

  /** Paths in the latest snapshot. */
  async listed(): Promise<string[]> {
    const { stdout } = await this.run(['ls', 'latest', '-r']);
    return stdout.split('\n').filter((line) => line !== '');
  }

  [Symbol.dispose](): void {
    rmSync(this.top, { recursive: true, force: true });
  }
}

export interface Summary {
  readonly snapshot: string | null;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly bytesProcessed: number;
  readonly bytesAdded: number;
  readonly bytesStored: number;
  readonly errors: number;
  readonly durationMs: number;
}

/** The objects of `--json`. */
export function lines(run: Run): { readonly type: string }[] {
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly type: string });
}
