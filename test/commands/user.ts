/** One user with an own home: repository, state and files, and neo as that user starts it. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { environment, launcher, type Run, run, temporary } from '../house/run.ts';

/** Of `neo init`: a password is stretched a tenth as long as by default, which a test that uses one often need not wait for. */
export const QUICK_KDF: readonly string[] = ['--kdf', 'scrypt:16384,8,1'];

export type JsonObject = { readonly [key: string]: unknown };

export interface CliRun extends Run {
  /** The lines of standard output, parsed. Only with `--json`. */
  readonly objects: () => JsonObject[];
  /** Those of one type. */
  readonly of: (type: string) => JsonObject[];
}

export class User {
  readonly home: string;
  #environment: NodeJS.ProcessEnv;

  private constructor(home: string, more: NodeJS.ProcessEnv) {
    this.home = home;
    this.#environment = environment(home, more);
  }

  /** @param more environment beside HOME and PATH; by default there is a password */
  static async make(more: NodeJS.ProcessEnv = { NEO_PASSWORD: 'correct horse' }): Promise<User> {
    return new User(await temporary('user'), more);
  }

  /** Makes the repository, and saves the derivation of the password in all runs to come. */
  async openWithKeyFile(): Promise<void> {
    const file = this.at('.key');
    for (const args of [
      ['init', ...QUICK_KDF],
      ['key', 'add', '--out', file],
    ]) {
      const { code, stderr } = await this.neo(args);
      if (code !== 0) throw new Error(stderr);
    }
    this.#environment = { ...this.#environment, NEO_KEY_FILE: file };
  }

  /** A path in the home. */
  at(...names: readonly string[]): string {
    return join(this.home, ...names);
  }

  /** Where neo makes the repository by default. */
  get repository(): string {
    return this.at('.local/share/neo/repository');
  }

  async folder(...names: readonly string[]): Promise<string> {
    const path = this.at(...names);
    await mkdir(path, { recursive: true });
    return path;
  }

  /** Runs in the home. */
  async neo(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<CliRun> {
    return this.#ran(await run(process.execPath, [launcher, ...args], this.#options(more)));
  }

  /** A line for the shell in which `neo` is the program. */
  async sh(line: string, more: NodeJS.ProcessEnv = {}): Promise<CliRun> {
    const script = `neo() { '${process.execPath}' '${launcher}' "$@"; }\n${line}`;
    return this.#ran(await run('bash', ['-c', script], this.#options(more)));
  }

  #options(more: NodeJS.ProcessEnv): { cwd: string; env: NodeJS.ProcessEnv } {
    return { cwd: this.home, env: { ...this.#environment, ...more } };
  }

  #ran(result: Run): CliRun {
    const objects = (): JsonObject[] =>
      result.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as JsonObject);
    return { ...result, objects, of: (type) => objects().filter((object) => object['type'] === type) };
  }
}

/** The files below a folder, relative, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
