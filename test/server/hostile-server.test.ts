/** A server that lies, seen from the client: nothing is believed that can be looked at, and nothing is sent to a stranger. */
import { afterEach, describe, expect, it } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { ControlClient } from '../../src/backends/neo-control.ts';
import { setAccountSecret } from '../../src/cli/account-secret.ts';
import { toHex } from '../../src/core/bytes.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { makeServerCertificate, makeServerKey } from '../../src/engine/server-certificate.ts';
import { endorse } from '../../src/engine/server-lineage.ts';
import type { Answer, Handler } from '../../src/server/handler.ts';
import { bytesOf, listed } from '../support/backend-suite.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';

const open: OwnServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
});

async function liar(handler: Handler) {
  const server = await startOwnServer(handler);
  open.push(server);
  const trust = { fingerprint: server.fingerprint, token: server.token('prune') };
  return { server, backend: openNeo({ host: '127.0.0.1', port: server.port, target: 'documents' }, { trust }) };
}

const json = (value: unknown): Answer => ({ type: 'json', value });

async function* pieces(...texts: string[]) {
  for (const text of texts) yield bytesOf(text);
}

describe('a list', () => {
  it.each([
    ['without end', { objects: [], next: 'a' }],
    ['with paths that are none', { objects: [['../../etc/passwd', 1, 1]], next: null }],
    ['of what the backend keeps to itself', { objects: [['tmp/x', 1, 1]], next: null }],
    ['of another folder', { objects: [['index/x', 1, 1]], next: null }],
    [
      'that goes back',
      {
        objects: [
          ['packs/b', 1, 1],
          ['packs/a', 1, 1],
        ],
        next: null,
      },
    ],
    ['with sizes that are none', { objects: [['packs/a', -1, 1]], next: null }],
    ['that is none', { error: 'no' }],
  ])('%s is refused', async (_, page) => {
    const { backend } = await liar(async () => json(page));
    await expect(listed(backend, 'packs')).rejects.toMatchObject({ code: 'failed' });
    await backend.close();
  });
});

it.each([
  ['a length that nobody has memory for', { size: 2 ** 45 }],
  ['a time that is none', { modified: 1e300 }],
])('an object with %s is refused', async (_, lie) => {
  const info = { path: 'a', size: 3, modified: 1, ...lie };
  const { backend } = await liar(async () => ({ type: 'object', info, bytes: pieces('abc') }));
  if ('size' in lie) await expect(backend.get('a')).rejects.toMatchObject({ code: 'failed' });
  else await expect(backend.stat('a')).rejects.toMatchObject({ code: 'failed' });
  await backend.close();
});

it('ranges of other lengths than were asked for are refused', async () => {
  const { backend } = await liar(async () => ({ type: 'bytes', bytes: pieces('\u0001\0\0\0x') }));
  await expect(backend.getRange('a', { offset: 0, length: 2 })).rejects.toMatchObject({ code: 'failed' });
  expect(await backend.getRange('a', { offset: 0, length: 1 })).toEqual(bytesOf('x'));
  await backend.close();
});

it('an object that is cut off is no object', async () => {
  const info = { path: 'a', size: 6, modified: 1 };
  const { backend } = await liar(async () => ({ type: 'object', info, bytes: pieces('abc') }));
  await expect(backend.get('a')).rejects.toMatchObject({ code: 'unreachable' });
  await backend.close();
});

it('"there is no such object" counts only from the server itself, not by a status that any proxy gives', async () => {
  const { backend } = await liar(async () => {
    throw Object.assign(new Error('as a proxy would'), { code: 'none' });
  });
  await expect(backend.get('a')).rejects.toMatchObject({ code: 'failed' });
  await backend.close();
});

it('to a server with another key nothing is sent, and nobody tries again', async () => {
  let asked = 0;
  const { server } = await liar(async () => {
    asked += 1;
    return { type: 'done' };
  });
  const trust = { fingerprint: new Uint8Array(32), token: server.token('prune') };
  const backend = openNeo({ host: '127.0.0.1', port: server.port, target: 'documents' }, { trust });
  await expect(backend.put('a', bytesOf('secret'))).rejects.toMatchObject({
    code: 'unreachable',
    isPermanent: true,
    message: expect.stringContaining('has another key'),
  });
  expect(asked).toBe(0);
  await backend.close();
});

it.each([
  ['of another server', 0],
  ['that is none', 1],
])('a lineage %s gets no proof of a secret', async (_, flip) => {
  const [own, other] = [0, 1].map(() => makeServerCertificate(makeServerKey(), ['127.0.0.1'], Date.now()));
  const { key, signature } = endorse(other?.key ?? '', own?.fingerprint ?? new Uint8Array());
  const lineage = [{ key: toHex(key), signature: toHex(signature.map((byte, n) => (n === 20 ? byte ^ flip : byte))) }];
  const asked: string[] = [];
  const { server } = await liar(async (_caller, { path }) => {
    asked.push(path);
    return json({ kdf: { salt: '00'.repeat(16), memory: 65_536, passes: 3, lanes: 4 }, lineage });
  });
  const client = new ControlClient({ host: '127.0.0.1', port: server.port }, { fingerprint: server.fingerprint });
  const [warn, signal] = [() => undefined, new AbortController().signal];
  const means = { engine: await loadEngine(), env: { NEO_ACCOUNT_NEW_SECRET: 'secret' }, warn, signal };
  await expect(setAccountSecret(client, 'ann', server.fingerprint, means)).rejects.toMatchObject({ code: 'integrity' });
  expect(asked).toEqual(['login-start']);
  await client.close();
});
