/** Ceph's S3 gateway on loopback, whose data is in memory and thrown away. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

export interface Radosgw {
  readonly endpoint: string;
  /** What lets one in. */
  readonly env: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  readonly stop: () => Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('./radosgw.sh', import.meta.url));
const KEYS = { AWS_ACCESS_KEY_ID: 'neotest', AWS_SECRET_ACCESS_KEY: 'neotestsecret' };

export function radosgwIsThere(): boolean {
  const programs = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'monmaptool'];
  return programs.every((program) => spawnSync('which', [program]).status === 0);
}

export async function startRadosgw(): Promise<Radosgw> {
  const folder = mkdtempSync(join(tmpdir(), 'neo-radosgw-'));
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const args = [folder, ...ports.map(String), KEYS.AWS_ACCESS_KEY_ID, KEYS.AWS_SECRET_ACCESS_KEY];
  // Its input is ours: it ends with this process, however that ends.
  const child = spawn('bash', [SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
    child.once('exit', () => reject(new Error(`radosgw did not start: ${said}`)));
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { endpoint: `http://127.0.0.1:${ports[0]}`, env: KEYS, stop };
}
