/** Whoever was let in to a share reads what it reaches, byte for byte, and not one byte beside it, by whatever request. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ABSENT, decodeRanges } from '../../src/protocol/ranges.ts';
import { encodeReach } from '../../src/protocol/reach.ts';
import { VERBS, type Verb } from '../../src/protocol/verbs.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { type Asked, jsonIn, RawClient } from '../support/raw-client.ts';
import { insertAccount, insertDevice, insertTarget } from '../support/server-rows.ts';

const SHARE = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const PACK = `packs/00/x${'0'.repeat(20)}`;
const BESIDE = `packs/01/y${'0'.repeat(20)}`;
const TARGET = 'anna:documents';
const bytes = randomBytes(10_000);
/** Of the pack: [100, 300) and [5000, 9000). */
const RANGES = [
  { offset: 100, length: 200 },
  { offset: 5000, length: 4000 },
];

let server: OwnServer;
let owner: RawClient;
let guest: RawClient;
const clients: RawClient[] = [];

async function deviceOf(name: string): Promise<RawClient> {
  const device = newDevice();
  const id = await insertAccount(server.database.db, name);
  await insertDevice(server.database.db, id, { ...device, role: 'admin' });
  const client = new RawClient(server.port, { device });
  clients.push(client);
  return client;
}

beforeAll(async () => {
  server = await startOwnServer();
  [owner, guest] = [await deviceOf('anna'), await deviceOf('bob')];
  await insertTarget(server.database.db, await insertAccount(server.database.db, 'anna'), 'documents');
  const stored = {
    [PACK]: bytes,
    [BESIDE]: bytes,
    'config/0-x': 'a configuration',
    'keys/k': 'a key',
    'snapshots/s': 'a snapshot',
    [`shares/${SHARE}/1`]: 'the share',
    [`shares/${SHARE}/1.reach`]: encodeReach([{ path: PACK, ranges: RANGES }]),
    [`shares/${OTHER}/1`]: 'another share',
    [`shares/${OTHER}/1.reach`]: encodeReach([{ path: BESIDE, ranges: RANGES }]),
  };
  for (const [path, body] of Object.entries(stored)) {
    expect((await owner.ask('put', { target: 'documents', path, body })).status).toBe(204);
  }
  const granted = await owner.control('grant', { target: 'documents', to: 'bob', share: SHARE, role: 'read' });
  expect(granted.status).toBe(200);
});
afterAll(async () => {
  for (const client of clients) client.close();
  expect(server.faults).toEqual([]);
  await server.stop();
});

const get = (path: string, first?: number, last?: number) =>
  guest.ask('get', {
    target: TARGET,
    path,
    ...(first === undefined ? {} : { headers: { range: `bytes=${first}-${last}` } }),
  });
const ranges = (...asked: readonly (readonly [string, number, number])[]) =>
  guest.ask('ranges', { target: TARGET, body: JSON.stringify({ ranges: asked }) });

describe('within the share', () => {
  it('what it reaches is read, from the first byte to the last', async () => {
    for (const { offset, length } of RANGES) {
      const whole = await get(PACK, offset, offset + length - 1);
      expect([whole.status, whole.body.equals(bytes.subarray(offset, offset + length))]).toEqual([206, true]);
      const one = await get(PACK, offset + length - 1, offset + length - 1);
      expect([...one.body]).toEqual([bytes[offset + length - 1]]);
    }
    const answer = await ranges([PACK, 5001, 17], [PACK, 100, 200]);
    expect(answer.status).toBe(200);
    const parts = decodeRanges(answer.body, [17, 200]);
    expect(parts.map((part) => Buffer.from(part === ABSENT ? [] : (part as Uint8Array)))).toEqual([
      bytes.subarray(5001, 5018),
      bytes.subarray(100, 300),
    ]);
  });

  it('configurations and its own object are read, listed and looked at', async () => {
    expect((await get('config/0-x')).body.toString()).toBe('a configuration');
    expect((await get(`shares/${SHARE}/1`)).body.toString()).toBe('the share');
    for (const folder of ['config', `shares/${SHARE}`]) {
      expect((await guest.ask('list', { target: TARGET, query: `?folder=${folder}` })).status).toBe(200);
    }
    expect((await guest.ask('stat', { target: TARGET, path: `shares/${SHARE}/1` })).status).toBe(200);
    expect((await guest.ask('time', { target: TARGET })).status).toBe(200);
    const { targets } = jsonIn<{ targets: unknown[] }>(await guest.control('targets'));
    expect(targets).toMatchObject([{ owner: 'anna', name: 'documents', role: 'share' }]);
  });
});

const path = (of: string, more: Partial<Asked> = {}): Asked => ({ target: TARGET, path: of, ...more });
const range = (first: number, last: number): Partial<Asked> => ({ headers: { range: `bytes=${first}-${last}` } });
const list = (folder: string): Asked => ({ target: TARGET, query: `?folder=${folder}` });
const many = (...asked: readonly (readonly [string, number, number])[]): Asked => ({
  target: TARGET,
  body: JSON.stringify({ ranges: asked }),
});

const BEYOND: readonly (readonly [what: string, verb: Verb, asked: Asked])[] = [
  ['the whole pack', 'get', path(PACK)],
  ['a byte before', 'get', path(PACK, range(99, 299))],
  ['a byte after', 'get', path(PACK, range(100, 300))],
  ['what lies between', 'get', path(PACK, range(300, 4999))],
  ['from one to the next', 'get', path(PACK, range(100, 8999))],
  ['far beyond the end', 'get', path(PACK, range(1e12, 1e12 + 1))],
  ['another pack', 'get', path(BESIDE, range(100, 299))],
  ['a pack that is not there', 'get', path('packs/02/none', range(0, 1))],
  ['a key', 'get', path('keys/k')],
  ['a part of a key', 'get', path('keys/k', range(0, 1))],
  ['a snapshot', 'get', path('snapshots/s')],
  ['another share', 'get', path(`shares/${OTHER}/1`)],
  ['a part of another share', 'get', path(`shares/${OTHER}/1`, range(0, 1))],
  ['what the share reaches', 'get', path(`shares/${SHARE}/1.reach`)],
  ['a part of what the share reaches', 'get', path(`shares/${SHARE}/1.reach`, range(0, 1))],
  ['something below configurations', 'get', path('config/0-x/y')],
  ['size of a pack', 'stat', path(PACK)],
  ['size of a key', 'stat', path('keys/k')],
  ['size of what is not there', 'stat', path('keys/none')],
  ['a list of all', 'list', list('')],
  ['a list of packs', 'list', list('packs')],
  ['a list of shares', 'list', list('shares')],
  ['a list of another share', 'list', list(`shares/${OTHER}`)],
  ['ranges, one of them beside', 'ranges', many([PACK, 100, 200], [PACK, 99, 1])],
  ['ranges of another pack', 'ranges', many([BESIDE, 100, 200])],
  ['a range of no bytes', 'ranges', many([PACK, 150, 0])],
  ['no bytes of what is not there', 'ranges', many(['keys/none', 0, 0])],
  ['a range of a list', 'ranges', many([`shares/${SHARE}/1.reach`, 0, 4])],
  ['to put', 'put', path('notes/x', { body: 'x' })],
  ['to put into the share', 'put', path(`shares/${SHARE}/2`, { body: 'x' })],
  [
    'to put what it reaches',
    'put',
    path(`shares/${SHARE}/2.reach`, { body: encodeReach([{ path: BESIDE, ranges: RANGES }]) }),
  ],
  ['to remove', 'remove', path(PACK)],
  ['to remove the share', 'remove', path(`shares/${SHARE}/1`)],
];

describe('beyond it nothing is to be had', () => {
  it.each(BEYOND)('%s', async (_what, verb, asked) => {
    const { status, code, body } = await guest.ask(verb, asked);
    // To HEAD there is no body that says why.
    const refusal = VERBS[verb].method === 'HEAD' ? undefined : 'permission-denied';
    expect([status, code]).toEqual([403, refusal]);
    expect(body.length).toBeLessThan(300);
  });
});

describe('what was granted ends', () => {
  it('at once, when it is taken back; then nothing is told of the target', async () => {
    expect((await get(PACK, 100, 101)).status).toBe(206);
    await owner.control('grant-remove', { target: 'documents', to: 'bob', share: SHARE });
    const refused = await get(PACK, 100, 101);
    expect([refused.status, refused.code]).toEqual([403, 'permission-denied']);
    expect(refused.message).toBe((await guest.ask('get', { target: 'anna:documents', path: 'keys/k' })).message);
    await owner.control('grant', { target: 'documents', to: 'bob', share: SHARE, role: 'read' });
    expect((await get(PACK, 100, 101)).status).toBe(206);
  });

  it('with the list of what it reaches, though the grant stays', async () => {
    await owner.ask('remove', { target: 'documents', path: `shares/${SHARE}/1.reach` });
    expect((await get(PACK, 100, 101)).status).toBe(403);
  });

  it('a list that is damaged reaches nothing, and hurts nobody', async () => {
    const damaged = encodeReach([{ path: PACK, ranges: RANGES }]).subarray(0, 20);
    await owner.ask('put', { target: 'documents', path: `shares/${SHARE}/3.reach`, body: damaged });
    const refused = await get(PACK, 100, 101);
    expect([refused.status, refused.code]).toEqual([403, 'permission-denied']);
  });

  it('of a share nothing but reading can be granted', async () => {
    const refused = await owner.control('grant', { target: 'documents', to: 'bob', share: OTHER, role: 'write' });
    expect(refused.code).toBe('usage');
  });
});
