/** Where the repositories of real processes lie: on the disk, or with a real server that is started for it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../src/backends/backend.ts';
import { openBackend, parseLocation } from '../../src/backends/location.ts';
import { openNeo } from '../../src/backends/neo.ts';
import { parseNeo } from '../../src/backends/neo-location.ts';
import { startOwnServer } from '../support/own-server.ts';
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
  if (kind === 'neo') return onOwnServer();
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

/** For what opens storage by itself: no command speaks to our own server yet. */
async function onOwnServer(): Promise<TortureStorage> {
  const { port, fingerprint, token, stop } = await startOwnServer();
  let targets = 0;
  return {
    kind: 'neo',
    env: {},
    initFlags: [],
    fresh() {
      targets += 1;
      return `neo://127.0.0.1:${port}/target-${targets}`;
    },
    open: async (location) => openNeo(parseNeo(location), { trust: { fingerprint, token: token('prune') } }),
    stop,
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
