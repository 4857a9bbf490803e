/** `neo serve` as its owner starts it: a process of its own, in a home of its own, at any free port of this machine. */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { environment, launcher, temporary } from '../house/run.ts';

export interface NeoServe extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** As people see it: `SHA256:…` */
  readonly fingerprint: string;
  /** Makes the first administrator. */
  readonly adminCode: string;
  /** `neo://127.0.0.1:PORT` */
  readonly url: string;
  readonly dataRoot: string;
  /** The object that it prints with `--json`. */
  readonly listening: Readonly<Record<string, unknown>>;
  /** Its exit code, or the signal that ended it, once it has ended. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** What it has said on standard error so far. */
  stderr(): string;
  /** With SIGTERM, unless it has ended by itself; takes its home away. */
  stop(): Promise<void>;
}

/** @param args more of `neo serve`; `more`: of its environment */
export async function startNeoServe(args: readonly string[] = [], more: NodeJS.ProcessEnv = {}): Promise<NeoServe> {
  const home = await temporary('serve');
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, [launcher, 'serve', ...listen, '--remove-after', '0', '--json', ...args], {
    env: environment(home, more),
    stdio: ['ignore', 'pipe', 'pipe'],
    // Signals of the terminal are for the tests.
    detached: true,
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
    await rm(home, { recursive: true, force: true });
  };
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve)),
    ended.then((how) => {
      throw new Error(`neo serve has ended (${how}): ${stderr}`);
    }),
  ]);
  const listening = JSON.parse(line) as Record<string, string>;
  const { port, fingerprint, adminCode, dataRoot } = listening;
  return {
    pid: child.pid ?? 0,
    port: Number(port),
    fingerprint: fingerprint ?? '',
    adminCode: adminCode ?? '',
    url: `neo://127.0.0.1:${port}`,
    dataRoot: dataRoot ?? '',
    listening,
    ended,
    stderr: () => stderr,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
