/** Every verb with every role, through the client and over the wire: what the table of rights says, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { openNeo } from '../../src/backends/neo.ts';
import { ROLES, type Role } from '../../src/protocol/control.ts';
import { bytesOf, listed } from '../support/backend-suite.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

/** What each role may do, as people are told (docs/protocol.md). */
const MAY: Readonly<Record<Role | 'none', readonly string[]>> = {
  none: [],
  read: ['time', 'list', 'ranges', 'stat', 'get'],
  append: ['time', 'list', 'ranges', 'stat', 'get', 'put'],
  write: ['time', 'list', 'ranges', 'stat', 'get', 'put', 'forget'],
  prune: ['time', 'list', 'ranges', 'stat', 'get', 'put', 'forget', 'mark', 'remove'],
  admin: ['time', 'list', 'ranges', 'stat', 'get', 'put', 'forget', 'mark', 'remove'],
};

let nth = 0;
const ACTS: Readonly<Record<string, (backend: Backend) => Promise<unknown>>> = {
  time: (backend) => backend.now(),
  list: (backend) => listed(backend),
  ranges: (backend) => backend.getRange('a', { offset: 0, length: 1 }),
  stat: (backend) => backend.stat('a'),
  get: (backend) => backend.get('a'),
  put: (backend) => backend.put(`b/${nth++}`, bytesOf('b')),
  forget: (backend) => backend.put(`removals/${nth++}`, bytesOf('b')),
  mark: (backend) => backend.put(`tombs/${nth++}`, bytesOf('b')),
  remove: (backend) => backend.remove('b/none'),
};

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer();
  const owner = clientAs('prune');
  await owner.put('a', bytesOf('something'));
  await owner.close();
});
afterAll(() => server.stop());

function clientAs(role: Role | 'none') {
  const token = role === 'none' ? {} : { token: server.token(role) };
  const trust = { fingerprint: server.fingerprint, ...token };
  return openNeo({ host: '127.0.0.1', port: server.port, target: 'documents' }, { trust });
}

describe.each(['none', ...ROLES] as const)('the role %s', (role) => {
  it.each(Object.entries(ACTS))('%s', async (name, act) => {
    const backend = clientAs(role);
    const outcome = await act(backend).then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    expect(outcome).toBe(MAY[role].includes(name) ? 'done' : 'permission-denied');
    await backend.close();
  });
});
