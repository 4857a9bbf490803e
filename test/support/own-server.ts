/** Our own server on loopback: the real one, in a temporary folder, with an account `tester` whose tokens say what they may do. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlClient, type Trust } from '../../src/backends/neo-control.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { makeDeviceCertificate, makeDeviceKey } from '../../src/engine/device-certificate.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { ROLES, type Role } from '../../src/protocol/control.ts';
import { NAME } from '../../src/protocol/verbs.ts';
import type { Database } from '../../src/server/database/open.ts';
import type { Handler } from '../../src/server/handler.ts';
import { type HttpLimits, type HttpServer, serveHttp } from '../../src/server/http.ts';
import { openKeyPool } from '../../src/server/key-pool.ts';
import { type NeoServer, openServer, type ServerOptions } from '../../src/server/server.ts';
import { insertAccount, insertDevice, insertTarget, insertToken } from './server-rows.ts';

/** Whose targets are those that are made when they are asked for. */
export const TESTER = 'tester';

export interface OwnServer
  extends Pick<NeoServer, 'site' | 'adminCode' | 'shutdownAsked' | 'feeds' | 'news' | 'keys' | 'endWaiting'> {
  readonly port: number;
  readonly cert: string;
  /** Of its key. */
  readonly fingerprint: Uint8Array;
  readonly present: HttpServer['present'];
  readonly dataRoot: string;
  readonly database: Database;
  /** Of `tester`, with this role. */
  token(role: Role): string;
  /** Where the objects of a target of `tester` lie that was made when it was asked for. */
  folder(target: string): string;
  /** Of an account, which is made where there is none: one more device. */
  trustOf(account: string, role?: Role): Promise<Trust>;
  /** Of a new administrator, or whose device it is. Closed with the server. */
  admin(trust?: Trust): Promise<ControlClient>;
  readonly faults: unknown[];
  stop(): Promise<void>;
}

const NO_LIMITS: ServerOptions['settings'] = {
  'removals.after': { value: '0', source: 'flag' },
  'removals.most': { value: '1', source: 'flag' },
};

export interface OwnServerOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly clock?: Clock;
  readonly log?: ServerOptions['log'];
  /** By default whoever may remove may remove all at once. */
  readonly settings?: ServerOptions['settings'];
  readonly secondFactor?: 'optional' | 'required';
  /** Of an earlier server that was ended with `keep`. */
  readonly dataRoot?: string;
  /** Leaves the data where it is. */
  readonly keep?: boolean;
}

/** Targets are there once they are asked for, but those that begin with `no`. `lying`: answers in place of ours. */
export async function startOwnServer(lying?: Handler, options: OwnServerOptions = {}): Promise<OwnServer> {
  const { limits = {}, clock, log, settings = NO_LIMITS, secondFactor, keep = false } = options;
  const dataRoot = options.dataRoot ?? mkdtempSync(join(tmpdir(), 'neo-server-'));
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => {
    faults.push(error);
  };
  const engine = await loadEngine();
  const own = await openServer({
    dataRoot,
    version: '0.0.0',
    engine,
    issuer: 'test',
    onFault,
    openKeys: () => openKeyPool({ dataRoot, names: ['127.0.0.1'], now: Date.now }),
    settings: { ...settings, ...(secondFactor && { 'second-factor': { value: secondFactor, source: 'flag' } }) },
    ...(clock && { clock }),
    ...(log && { log }),
    ...(limits.idle !== undefined && { idle: limits.idle }),
  });
  const { db } = own.database;
  const tester = await insertAccount(db, TESTER);
  for (const role of ROLES) await insertToken(db, tester, { text: `${role}-token`, role });
  const server = await serveHttp({
    keys: own.keys.presented(),
    limits,
    host: '127.0.0.1',
    port: 0,
    handler: lying ?? withTargets(own, tester),
    connectionId: () => randomBytes(8).toString('hex'),
    onFault,
  });
  own.keys.onChange(() => server.present(...own.keys.presented()));
  const clients: ControlClient[] = [];
  const [{ fingerprint, cert } = { fingerprint: new Uint8Array(), cert: '' }] = own.keys.presented();
  const trustOf = async (account: string, role: Role = 'admin'): Promise<Trust> => {
    const device = newDevice();
    await insertDevice(db, await insertAccount(db, account), { ...device, role });
    return { fingerprint, device };
  };
  return {
    ...own,
    port: server.port,
    cert,
    fingerprint,
    present: server.present,
    dataRoot,
    token: (role) => `${role}-token`,
    folder: (target) => join(dataRoot, 'targets', idOf(target)),
    trustOf,
    async admin(trust) {
      const root = trust ?? (await trustOf('root'));
      if (trust === undefined) await insertAccount(db, 'root', { is_admin: 1 });
      const client = new ControlClient({ host: '127.0.0.1', port: server.port }, root);
      clients.push(client);
      return client;
    },
    faults,
    async stop() {
      for (const client of clients) await client.close();
      await server.close();
      await own.close();
      if (!keep) rmSync(dataRoot, { recursive: true });
    },
  };
}

export function newDevice(): { readonly key: string; readonly cert: string } {
  const key = makeDeviceKey();
  return { key, cert: makeDeviceCertificate(key, Date.now()) };
}

/** So that a folder is known by its name. */
function idOf(target: string): string {
  return toHex(createHash('sha256').update(target).digest()).slice(0, 32);
}

function withTargets({ handler, database: { db } }: NeoServer, owner: string): Handler {
  const made = new Map<string, Promise<unknown>>();
  return async (caller, request) => {
    const { target } = request;
    if (NAME.test(target) && !target.startsWith('no')) {
      const making = made.get(target) ?? insertTarget(db, owner, target, idOf(target));
      made.set(target, making);
      await making;
    }
    return handler(caller, request);
  };
}
