/** Own servers that send each other what they have, each over a line of its own. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { openNeo } from '../../src/backends/neo.ts';
import { type ControlClient, showFingerprint } from '../../src/backends/neo-control.ts';
import { loadEngine } from '../../src/engine/load.ts';
import type { ReplicaStatus } from '../../src/protocol/replication.ts';
import { type Line, startLine } from './line.ts';
import { type OwnServer, type OwnServerOptions, startOwnServer, TESTER } from './own-server.ts';

const engine = await loadEngine();

export class Linked {
  readonly #options: (n: number) => OwnServerOptions;
  readonly #roots: string[] = [];
  readonly servers: OwnServer[] = [];
  readonly lines = new Map<string, Line>();
  readonly #admins: (ControlClient | undefined)[] = [];
  readonly #opened: Backend[] = [];

  private constructor(options: (n: number) => OwnServerOptions) {
    this.#options = options;
  }

  static async start(count: number, options: (n: number) => OwnServerOptions = () => ({})): Promise<Linked> {
    const linked = new Linked(options);
    for (let n = 0; n < count; n++) {
      linked.#roots.push(mkdtempSync(join(tmpdir(), 'neo-linked-')));
      await linked.#begin(n);
    }
    return linked;
  }

  async #begin(n: number): Promise<void> {
    const dataRoot = this.#roots[n] ?? '';
    this.servers[n] = await startOwnServer(undefined, { ...this.#options(n), dataRoot, keep: true });
    this.#admins[n] = undefined;
  }

  server(n: number): OwnServer {
    const server = this.servers[n];
    if (server === undefined) throw new Error(`there is no server ${n}`);
    return server;
  }

  root(n: number): string {
    return this.#roots[n] ?? '';
  }

  async admin(n: number): Promise<ControlClient> {
    const known = this.#admins[n] ?? (await this.server(n).admin());
    this.#admins[n] = known;
    return known;
  }

  line(from: number, to: number): Line {
    const line = this.lines.get(`${from}-${to}`);
    if (line === undefined) throw new Error('there is no line');
    return line;
  }

  /** One server sends another what it has. */
  async link(from: number, to: number, reachesAll = true): Promise<void> {
    const line = await startLine(this.server(to).port);
    this.lines.set(`${from}-${to}`, line);
    const { code } = await (await this.admin(to)).call('replica-invite', { name: `site-${from}`, reachesAll });
    await (await this.admin(from)).call('replica-add', {
      ...{ name: `site-${to}`, location: `neo://127.0.0.1:${line.port}`, code },
      fingerprint: showFingerprint(this.server(to).fingerprint),
    });
  }

  /** A target of `tester` at one of them. */
  target(n: number, name = 'docs'): Backend {
    const { port, fingerprint, token } = this.server(n);
    const trust = { fingerprint, token: token('admin') };
    const backend = openNeo({ host: '127.0.0.1', port, target: `${TESTER}:${name}` }, { trust });
    this.#opened.push(backend);
    return backend;
  }

  /** Made where there is none. */
  async own(n: number, name = 'docs'): Promise<Backend> {
    const { port, fingerprint, token } = this.server(n);
    const own = openNeo({ host: '127.0.0.1', port, target: name }, { trust: { fingerprint, token: token('admin') } });
    await own.now();
    await own.close();
    return this.target(n, name);
  }

  async replicas(n: number): Promise<ReplicaStatus[]> {
    return (await (await this.admin(n)).call('replicas', {})).replicas;
  }

  async sent(): Promise<number> {
    const all = await Promise.all(this.servers.map((_, n) => this.replicas(n)));
    return all.flat().reduce((sum, { sentObjects }) => sum + sentObjects, 0);
  }

  /** All queues are empty. */
  async settled(): Promise<void> {
    await vi.waitFor(
      async () => {
        const all = (await Promise.all(this.servers.map((_, n) => this.replicas(n)))).flat();
        expect(all.map(({ state, queued, error }) => ({ state, queued, error }))).toEqual(
          all.map(() => ({ state: 'waiting', queued: 0, error: null })),
        );
      },
      { timeout: 30_000, interval: 50 },
    );
  }

  get bytes(): number {
    return [...this.lines.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Ends one, and begins it anew: the lines lead to it again. */
  async restart(n: number, between: () => Promise<void> = async () => undefined): Promise<void> {
    await this.server(n).stop();
    await between();
    await this.#begin(n);
    for (const [name, line] of this.lines) if (name.endsWith(`-${n}`)) line.up(this.server(n).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const backend of this.#opened) await backend.close();
    for (const server of this.servers) await server.stop();
    for (const line of this.lines.values()) await line[Symbol.asyncDispose]();
    for (const root of this.#roots) rmSync(root, { recursive: true, force: true });
  }
}

/** Objects by their paths: named by what is in them. */
export function objects(count: number, folder = 'packs', seed = ''): Map<string, Uint8Array> {
  const all = Array.from({ length: count }, (_, n) => Buffer.from(`${folder} ${seed}${n}`));
  return new Map(all.map((bytes) => [`${folder}/${Buffer.from(engine.blake3(bytes)).toString('hex')}`, bytes]));
}

export async function putAll(target: Backend, all: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await target.put(...next);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

export async function pathsOf(target: Backend): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of target.list('')) found.push(path);
  return found.sort();
}

export async function expectSame(linked: Linked, paths: Iterable<string>, ...servers: number[]): Promise<void> {
  const expected = [...paths].sort();
  for (const n of servers) expect(await pathsOf(linked.target(n)), `at ${n}`).toEqual(expected);
}

/** Where an object lies in whatever target. */
export function fileOf(root: string, path: string): string {
  const [, name = ''] = path.split('/');
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((each) => each.endsWith(name));
  return join(root, found ?? 'not there');
}
