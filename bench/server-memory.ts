/**
 * `node bench/server-memory.ts [LAUNCHER]`: the memory of `neo serve`, as its owner starts it, while 50 clients put packs of 4 MiB and get them
 * back, all at once. Prints one line.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNeo } from '../src/backends/neo.ts';
import { ControlClient, type Trust } from '../src/backends/neo-control.ts';
import { parseFingerprint } from '../src/cli/server-trust.ts';
import { makeDeviceCertificate, makeDeviceKey } from '../src/engine/device-certificate.ts';

const CLIENTS = 50;
const ROUNDS = 12;
const PACK = 4 << 20;

const home = mkdtempSync(join(tmpdir(), 'neo-bench-'));
const launcher = process.argv[2] ?? join(import.meta.dirname, '../bin/neo.cjs');
const args = ['serve', '--listen', '127.0.0.1:0', '--data-root', join(home, 'data'), '--json'];
const child = spawn(process.execPath, [launcher, ...args], {
  env: { ...process.env, HOME: home },
  stdio: ['ignore', 'pipe', 'ignore'],
});
const [line] = (await once(child.stdout, 'data')) as [Buffer];
const { port, fingerprint, adminCode } = JSON.parse(line.toString()) as Record<string, string>;

/** MiB. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
}

const host = { host: '127.0.0.1', port: Number(port) };
const key = makeDeviceKey();
const trust: Trust = {
  fingerprint: parseFingerprint(fingerprint ?? ''),
  device: { key, cert: makeDeviceCertificate(key, Date.now()) },
};
const control = new ControlClient(host, trust);
await control.call('enrol', { code: adminCode ?? '', device: 'bench' });
const start = memory('VmRSS');
const bytes = new Uint8Array(PACK);
for (let at = 0; at < PACK; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
const from = performance.now();
await Promise.all(
  Array.from({ length: CLIENTS }, async (_, n) => {
    await control.call('target-create', { name: `c-${n}` });
    const client = openNeo({ ...host, target: `c-${n}` }, { trust });
    for (let round = 0; round < ROUNDS; round++) {
      await client.put(`packs/00/${round}`, bytes);
      await client.get(`packs/00/${round}`);
    }
    await client.close();
  }),
);
const seconds = (performance.now() - from) / 1000;
const speed = (2 * CLIENTS * ROUNDS * (PACK / 2 ** 20)) / seconds;
process.stdout.write(
  `${CLIENTS} clients, packs of 4 MiB: at the start ${start} MiB, at most ${memory('VmHWM')} MiB; ${speed.toFixed(0)} MiB/s in and out\n`,
);
await control.close();
child.kill('SIGTERM');
await once(child, 'exit');
rmSync(home, { recursive: true });
