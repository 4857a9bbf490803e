/** What restic is served by: rclone and rest-server, over HTTP and over TLS, on loopback. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownIdentity } from '../src/server/identity.ts';
import { end, keep } from './children.ts';
import { findProgram } from './measure.ts';

export interface RestServer {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Flags of restic. @param port where it is reached */
  readonly flags: (repository: string, port: number) => readonly string[];
  stop(): Promise<void>;
}

interface Kind {
  readonly program: string;
  readonly plain: (folder: string, address: string) => readonly string[];
  readonly tls: (cert: string, key: string) => readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    program: 'rclone',
    plain: (folder, address) => ['serve', 'restic', '--config', '', '--addr', address, folder],
    tls: (cert, key) => ['--cert', cert, '--key', key],
  },
  {
    program: 'rest-server',
    plain: (folder, address) => ['--no-auth', '--path', folder, '--listen', address],
    tls: (cert, key) => ['--tls', '--tls-cert', cert, '--tls-key', key],
  },
];

/** Of those that are on the PATH each twice: over HTTP, and over TLS with a certificate as `neo serve` makes them. */
export async function startRestServers(place: string): Promise<RestServer[]> {
  const kinds = KINDS.filter(({ program }) => findProgram(program) !== undefined);
  const started: RestServer[] = [];
  for (const kind of kinds) for (const isTls of [false, true]) started.push(await start(kind, place, isTls));
  return started;
}

async function start({ program, plain, tls }: Kind, place: string, isTls: boolean): Promise<RestServer> {
  const name = `${program}, ${isTls ? 'TLS' : 'HTTP'}`;
  const folder = join(place, name.replace(', ', '-'));
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const identity = join(place, 'rest-identity');
  if (isTls) await ownIdentity({ folder: identity, names: ['127.0.0.1', 'localhost'], now: Date.now() });
  const cert = join(identity, 'server.cert');
  const args = [...plain(folder, address), ...(isTls ? tls(cert, join(identity, 'server.key')) : [])];
  const env = { PATH: process.env['PATH'], HOME: place };
  const child = keep(spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] }));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  await reachable(port, () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`);
  });
  return {
    name,
    pid: child.pid ?? 0,
    port,
    flags: (repository, at) => [
      '-r',
      `rest:${isTls ? 'https' : 'http'}://127.0.0.1:${at}/${repository}/`,
      ...(isTls ? ['--cacert', cert] : []),
    ],
    stop: () => end(child),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const TRIES = 100;

async function reachable(port: number, check: () => void): Promise<void> {
  for (let n = 0; n < TRIES; n++) {
    check();
    const socket = connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await sleep(100);
  }
  throw new Error(`nobody listens at port ${port}`);
}
