/** Servers that a shell script starts and that end when their standard input does: with this process, however that ends. */
import { spawn } from 'node:child_process';

/** Resolves when the script says "ready". @returns what ends it. @throws what it said when it ended before */
export async function startTied(script: string, args: readonly string[]): Promise<() => Promise<void>> {
  const child = spawn('bash', [script, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
    child.once('exit', () => reject(new Error(`${script} did not start: ${said}`)));
  });
  return async () => {
    child.stdin.end();
    await ended;
  };
}
