/** Our own server on loopback, with targets in temporary folders and tokens that say what they may do. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocal } from '../../src/backends/local.ts';
import { loadEngine } from '../../src/engine/load.ts';
import type { Handler } from '../../src/server/handler.ts';
import { makeHandler } from '../../src/server/handlers.ts';
import { type HttpLimits, type HttpServer, serveHttp } from '../../src/server/http.ts';
import { ownIdentity } from '../../src/server/identity.ts';
import { ROLES, type Role } from '../../src/server/rights.ts';

export interface OwnServer {
  readonly port: number;
  readonly cert: string;
  /** Of its key. */
  readonly fingerprint: Uint8Array;
  readonly present: HttpServer['present'];
  /** Lets in with this role, everywhere. */
  token(role: Role): string;
  /** Where the objects of a target lie. */
  folder(target: string): string;
  readonly faults: unknown[];
  stop(): Promise<void>;
}

/** Targets are there once they are asked for, but those that begin with `no`. `lying`: answers in place of ours. */
export async function startOwnServer(lying?: Handler, limits: Partial<HttpLimits> = {}): Promise<OwnServer> {
  const data = mkdtempSync(join(tmpdir(), 'neo-server-'));
  const identity = await ownIdentity({ folder: join(data, '.identity'), names: ['127.0.0.1'], now: Date.now() });
  const engine = await loadEngine();
  const faults: unknown[] = [];
  const folder = (target: string): string => join(data, target);
  const targets = new Map<string, ReturnType<typeof openLocal>>();
  const target = (name: string) => {
    if (name.startsWith('no')) return Promise.resolve(undefined);
    const open = targets.get(name) ?? openLocal(folder(name), { create: true });
    targets.set(name, open);
    return open;
  };
  const server = await serveHttp({
    ...identity,
    limits,
    host: '127.0.0.1',
    port: 0,
    handler: lying ?? makeHandler({ version: '0.0.0', site: 'test', engine, target }),
    authenticate: async (token) => {
      const role = ROLES.find((each) => token === `${each}-token`);
      return role === undefined ? undefined : { roleIn: () => role };
    },
    connectionId: () => randomBytes(8).toString('hex'),
    onFault: (error) => faults.push(error),
  });
  return {
    port: server.port,
    cert: identity.cert,
    fingerprint: identity.fingerprint,
    present: server.present,
    token: (role) => `${role}-token`,
    folder,
    faults,
    async stop() {
      await server.close();
      rmSync(data, { recursive: true });
    },
  };
}
