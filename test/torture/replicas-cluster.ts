/** Three servers that send each other what they have, as processes that can be killed. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../src/backends/backend.ts';
import { openNeo } from '../../src/backends/neo.ts';
import { ControlClient, type Trust } from '../../src/backends/neo-control.ts';
import { parseFingerprint } from '../../src/cli/server-trust.ts';
import { isNeoError, messageOf } from '../../src/core/errors.ts';
import type { ReplicaStatus } from '../../src/protocol/replication.ts';
import { newDevice } from '../support/own-server.ts';
import { environment } from './neo.ts';
import { Served } from './served.ts';

/** Who sends to whom. */
export const SHAPES = {
  ring: [
    [0, 1],
    [1, 2],
    [2, 0],
  ],
  mesh: [
    [0, 1],
    [1, 0],
    [0, 2],
    [2, 0],
    [1, 2],
    [2, 1],
  ],
  star: [
    [0, 1],
    [1, 0],
    [0, 2],
    [2, 0],
  ],
} as const satisfies Readonly<Record<string, readonly (readonly [number, number])[]>>;
export type Shape = keyof typeof SHAPES;

const SERVERS = [0, 1, 2];
/** After the last disturbance all is told by then: pauses between tries are shorter. */
const SETTLED_MS = 120_000;

export class Cluster {
  readonly servers: readonly Served[];
  readonly #devices = SERVERS.map(() => newDevice());

  private constructor(folder: string) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.servers = SERVERS.map((n) => new Served(join(folder, `data-${n}`), environment(folder)));
  }

  static async start(folder: string, shape: Shape): Promise<Cluster> {
    const cluster = new Cluster(folder);
    for (const [n, served] of cluster.servers.entries()) {
      await served.start();
      await cluster.ask(n, async (client) => {
        await client.call('enrol', { code: served.adminCode, device: 'torture' });
        await client.call('target-create', { name: 'docs' });
      });
    }
    for (const [from, to] of SHAPES[shape]) await cluster.#link(from, to);
    return cluster;
  }

  async #link(from: number, to: number): Promise<void> {
    const name = `site-${from}`;
    const { code } = await this.ask(to, (client) => client.call('replica-invite', { name, reachesAll: true }));
    const { url: location, fingerprint } = this.served(to);
    const request = { name: `site-${to}`, location, fingerprint, code };
    await this.ask(from, (client) => client.call('replica-add', request));
  }

  served(n: number): Served {
    const served = this.servers[n];
    if (served === undefined) throw new Error(`there is no server ${n}`);
    return served;
  }

  #trust(n: number): Trust {
    const device = this.#devices[n];
    if (device === undefined) throw new Error(`there is no device ${n}`);
    return { fingerprint: parseFingerprint(this.served(n).fingerprint), device };
  }

  async ask<T>(n: number, work: (client: ControlClient) => Promise<T>): Promise<T> {
    const client = new ControlClient({ host: '127.0.0.1', port: this.served(n).port }, this.#trust(n));
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  target(n: number): Backend {
    return openNeo({ host: '127.0.0.1', port: this.served(n).port, target: 'docs' }, { trust: this.#trust(n) });
  }

  /** All is told to all. @throws when it is not by {@link SETTLED_MS} */
  async settle(): Promise<void> {
    const end = Date.now() + SETTLED_MS;
    for (let quiet = 0; quiet < 2; ) {
      const all = (await Promise.all(SERVERS.map((n) => this.#statuses(n)))).flat();
      quiet = all.every(isDone) ? quiet + 1 : 0;
      if (Date.now() > end) throw new Error(`not all is told: ${JSON.stringify(all)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  #statuses(n: number): Promise<ReplicaStatus[]> {
    return this.ask(n, async (client) => (await client.call('replicas', {})).replicas);
  }

  faults(): string[] {
    return this.servers.flatMap(({ faults }, n) => faults.map((fault) => `server ${n}: ${fault}`));
  }

  async stop(): Promise<void> {
    for (const served of this.servers) await served.stop();
  }
}

function isDone({ state, queued, error, compared }: ReplicaStatus): boolean {
  return state === 'waiting' && queued === 0 && error === null && compared !== null;
}

/** Undefined: nobody knows whether it was done, for the server was killed. @throws whatever else goes wrong */
export async function unlessKilled<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isNeoError(error, 'unreachable')) return undefined;
    throw new Error(`refused: ${messageOf(error)}`, { cause: error });
  }
}
