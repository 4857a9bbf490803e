/** The real program on the real disk. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
const BIN = process.env['NEO_TORTURE_BIN'] ?? join(ROOT, 'bin/neo.cjs');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A home of its own, an empty password-protected world, nothing of the caller's environment. */
export function environment(home: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, NEO_PASSWORD: 'torture', ...more };
}

export function neo(env: NodeJS.ProcessEnv, ...args: readonly string[]): Ended {
  const ended = spawnSync(process.execPath, [BIN, ...args], { env, encoding: 'utf8', maxBuffer: 1 << 28 });
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

/** What has to be executed for that. */
export function neoCommand(...args: readonly string[]): readonly string[] {
  return [process.execPath, BIN, ...args];
}

/** @throws unless the exit code is 0 */
export function neoWell(env: NodeJS.ProcessEnv, ...args: readonly string[]): string {
  const { code, stdout, stderr } = neo(env, ...args);
  if (code === 0) return stdout;
  throw new Error(`neo ${args.join(' ')}: exit code ${code}: ${stderr.trim().slice(-2000)} ${stdout.slice(-1000)}`);
}

/** Runs until it ends or is killed after so many milliseconds. */
export async function neoKilled(env: NodeJS.ProcessEnv, after: number, ...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), after);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  return { code, stdout, stderr };
}

/** The last line of `--json`. */
export function summaryOf(stdout: string): Readonly<Record<string, unknown>> | undefined {
  const lines = stdout.split('\n').filter((line) => line.includes('"type":"summary"'));
  const last = lines.at(-1);
  return last === undefined ? undefined : (JSON.parse(last) as Readonly<Record<string, unknown>>);
}

/** Names, kinds, modes, times and bytes of everything below a folder, as one hash. */
export function fingerprintTree(folder: string): string {
  const hash = createHash('sha256');
  const visit = (path: string, name: string): void => {
    const stat = lstatSync(path, { bigint: true });
    hash.update(`${name}\0${stat.mode} ${stat.uid} ${stat.gid} ${stat.mtimeNs} ${stat.isFile() ? stat.nlink : 0}\0`);
    if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (stat.isFile()) hash.update(readFileSync(path));
    else for (const child of readdirSync(path).sort()) visit(join(path, child), `${name}/${child}`);
  };
  visit(folder, '');
  return hash.digest('hex');
}
