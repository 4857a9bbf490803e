/** Where the repositories of real processes lie: on the disk, or with a real server that is started for it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../src/backends/backend.ts';
import { openBackend, parseLocation } from '../../src/backends/location.ts';
import { openNeo } from '../../src/backends/neo.ts';
import { ControlClient } from '../../src/backends/neo-control.ts';
import { parseNeo } from '../../src/backends/neo-location.ts';
import { parseFingerprint } from '../../src/cli/server-trust.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { newDevice } from '../support/own-server.ts';
import { type Radosgw, startRadosgw } from '../support/radosgw.ts';
import { startSshd } from '../support/sshd.ts';
import { type Swift, startSwift } from '../support/swift.ts';

export const STORAGES = ['local', 'sftp', 's3', 'swift', 'neo'] as const;
export type StorageKind = (typeof STORAGES)[number];

export interface TortureStorage {
  readonly kind: StorageKind;
  /** How neo gets in. */
  readonly env: Readonly<Record<string, string>>;
  /** Of `neo init`. */
  readonly initFlags: readonly string[];
  /** An empty place for a repository; what lay in the one before may be gone. */
  fresh(): string;
  /** A client of what lies at such a place. */
  open(location: string): Promise<Backend>;
  stop(): Promise<void>;
}

export async function startStorage(kind: StorageKind, folder: string): Promise<TortureStorage> {
  if (kind === 'sftp') return overSsh();
  if (kind === 's3') return inBuckets(kind, await startRadosgw());
  if (kind === 'swift') return inBuckets(kind, await startSwift());
  if (kind === 'neo') return onOwnServer(folder);
  const repository = join(folder, 'repository');
  return {
    kind,
    env: {},
    initFlags: [],
    fresh() {
      rmSync(repository, { recursive: true, force: true });
      return repository;
    },
    open: (location) => openBackend(parseLocation(location), { create: true }),
    stop: async () => undefined,
  };
}

async function overSsh(): Promise<TortureStorage> {
  const { port, files, command, stop } = await startSshd();
  const repository = join(files, 'repository');
  return {
    kind: 'sftp',
    env: { NEO_SSH: command },
    initFlags: [],
    fresh() {
      rmSync(repository, { recursive: true, force: true });
      return `sftp://127.0.0.1:${port}${repository}`;
    },
    open: (location) => openBackend(parseLocation(location), { create: true, ssh: command }),
    stop,
  };
}

/** Of processes that are killed: more than any campaign begins anew. */
const MADE_BEFORE = 64;

/** A process of its own, in which what was marked may go at once, all of it. */
async function onOwnServer(folder: string): Promise<TortureStorage> {
  const place = join(folder, 'neo-serve');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const config = join(place, 'server.toml');
  writeFileSync(config, '[removals]\nmost = 1.0\n');
  const server = await startNeoServe(['--data-root', join(place, 'data'), '--config', config]);
  const at = { host: '127.0.0.1', port: server.port };
  const fingerprint = parseFingerprint(server.fingerprint);
  const admin = new ControlClient(at, { fingerprint, device: newDevice() });
  await admin.call('enrol', { code: server.adminCode, device: 'torture' });
  const { token } = await admin.call('token-create', { name: 'torture', role: 'prune' });
  const make = (n: number): Promise<unknown> => admin.call('target-create', { name: `target-${n}` });
  // Whoever has a token alone makes none.
  for (let n = 1; n <= MADE_BEFORE; n += 1) await make(n);
  let targets = 0;
  const made = new Set<string>();
  return {
    kind: 'neo',
    env: { NEO_TOKEN: token, NEO_FINGERPRINT: server.fingerprint },
    initFlags: [],
    fresh() {
      targets += 1;
      return `neo://127.0.0.1:${server.port}/target-${targets}`;
    },
    async open(location) {
      const n = Number(location.split('-').at(-1));
      if (n > MADE_BEFORE && !made.has(location)) await make(n);
      made.add(location);
      return openNeo(parseNeo(location), { trust: { fingerprint, token } });
    },
    async stop() {
      await admin.close();
      await server.stop();
    },
  };
}

/** `swift`: one that overwrites. */
function inBuckets(kind: 's3' | 'swift', { endpoint, env, stop }: Radosgw | Swift): TortureStorage {
  let buckets = 0;
  return {
    kind,
    env,
    initFlags: ['--create-bucket'],
    fresh() {
      buckets += 1;
      return `s3://torture-${buckets}/repository?endpoint=${endpoint}`;
    },
    open(location) {
      Object.assign(process.env, env);
      return openBackend(parseLocation(location), { create: true, createBucket: true });
    },
    stop,
  };
}

/** What a campaign there is called, and remembered by. */
export function nameOn(name: string, { kind }: TortureStorage): string {
  return kind === 'local' ? name : `${name}-${kind}`;
}
