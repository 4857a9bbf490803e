/** A target of our own server keeps the contract of all backends. */
import { afterAll, beforeAll, expect } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { backendSuite } from '../support/backend-suite.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

let server: OwnServer;
let targets = 0;

beforeAll(async () => {
  server = await startOwnServer();
});
afterAll(() => server.stop());

function client(target: string, more: { fingerprint?: Uint8Array; token?: string } = {}) {
  const trust = { fingerprint: server.fingerprint, token: server.token('prune'), ...more };
  return openNeo({ host: '127.0.0.1', port: server.port, target }, { trust });
}

backendSuite('neo', async () => {
  targets += 1;
  const target = `target-${targets}`;
  return {
    backend: client(target),
    second: async () => client(target),
    dispose: async () => expect(server.faults).toEqual([]),
  };
});
