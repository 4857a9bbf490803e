/** Our own server in a process of its own, whose memory and faults are asked for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { startOwnServer } from './own-server.ts';
import { insertAccount, insertTarget } from './server-rows.ts';

export interface OwnServerProcess {
  readonly port: number;
  readonly fingerprint: Uint8Array;
  /** Of a device of an administrator; both PEM. */
  readonly administrator: { readonly key: string; readonly cert: string };
  /** Its data: the targets lie in `targets`, each in a folder of its id. */
  readonly folder: string;
  /** MiB: now, or the most so far. */
  memory(field: 'VmRSS' | 'VmHWM'): number;
  /** What went wrong in the server since the last time, and is no refusal. @throws when the process is gone */
  faults(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function startOwnServerProcess(): Promise<OwnServerProcess> {
  const child = spawn(process.execPath, [import.meta.filename], { stdio: ['pipe', 'pipe', 'inherit'] });
  let ended: string | undefined;
  child.once('exit', (code, signal) => {
    ended = `the server has ended (${signal ?? code})`;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(ended ?? 'the server says nothing more');
    return value;
  };
  const { port, fingerprint, folder, key = '', cert = '' } = JSON.parse(await nextLine()) as Record<string, string>;
  return {
    port: Number(port),
    fingerprint: fromHex(fingerprint ?? ''),
    folder: folder ?? '',
    administrator: { key, cert },
    memory(field) {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
    },
    async faults() {
      if (ended !== undefined) throw new Error(ended);
      child.stdin.write('faults\n');
      return JSON.parse(await nextLine()) as string[];
    },
    async stop() {
      child.kill('SIGKILL');
      if (ended === undefined) await once(child, 'exit');
      rmSync(folder ?? '', { recursive: true, force: true });
    },
  };
}

async function serve(): Promise<void> {
  const server = await startOwnServer();
  const { port, fingerprint } = server;
  const root = await server.trustOf('root');
  const { db } = server.database;
  const id = await insertAccount(db, 'root', { is_admin: 1 });
  for (const name of ['one', 'two']) await insertTarget(db, id, name);
  console.log(
    JSON.stringify({ port: String(port), fingerprint: toHex(fingerprint), folder: server.dataRoot, ...root.device }),
  );
  for await (const _ of createInterface(process.stdin)) {
    console.log(
      JSON.stringify(server.faults.splice(0).map((fault) => (fault instanceof Error ? fault.stack : String(fault)))),
    );
  }
  await server.stop();
}

if (process.argv[1] === import.meta.filename) await serve();
