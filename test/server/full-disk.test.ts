/** A disk that is full, and one that cannot be written: typed answers, nothing half there, what is there can be read, and it goes on when there is room. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, type TestContext } from 'vitest';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { tempFolder } from '../support/temp-repository.ts';

const MIB = 1 << 20;
const SIZE = '24m';
const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Ground {
  readonly server: OwnServer;
  readonly by: RawClient;
  readonly at: string;
}

/** A server whose data, or only its targets, lie on a small disk of their own. */
async function ground(context: TestContext, what: '' | 'targets'): Promise<Ground> {
  const dataRoot = join(await tempFolder(), 'data');
  const at = join(dataRoot, what);
  mkdirSync(at, { recursive: true, mode: 0o700 });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0700`, 'tmpfs', at]).status !== 0) {
    context.skip('skipped: a tmpfs can be mounted by root only');
  }
  ends.push(async () => execFileSync('umount', [at]));
  const server = await startOwnServer(undefined, { dataRoot, keep: true });
  ends.push(() => server.stop());
  const by = new RawClient(server.port, { token: server.token('prune') });
  ends.push(async () => by.close());
  return { server, by, at };
}

const object = (n: number): string => `notes/n${n}`;
const put = (by: RawClient, n: number, size = MIB) =>
  by.ask('put', { target: 'files', path: object(n), body: new Uint8Array(size).fill(n) });

it('a full disk: what does not fit is refused as that, and all else goes on', async (context) => {
  const { server, by, at } = await ground(context, '');
  const admin = await server.admin(await server.trustOf('tester'));
  const root = await server.admin();
  let stored = 0;
  let last = await put(by, stored);
  for (; last.status === 204 && stored < 100; last = await put(by, stored)) stored += 1;
  expect([last.status, last.code, stored > 5]).toEqual([507, 'no-space', true]);
  expect(last.message).not.toContain(at);
  const listed = JSON.parse((await by.ask('list', { target: 'files', query: '?folder=notes' })).body.toString());
  expect(listed.objects.map(([path]: [string]) => path).sort()).toEqual(
    Array.from({ length: stored }, (_, n) => object(n)).sort(),
  );
  expect(readdirSync(join(server.folder('files'), 'tmp'))).toEqual([]);
  const read = await by.ask('get', { target: 'files', path: object(0) });
  expect([read.status, read.body.length]).toEqual([200, MIB]);
  // The database lies on the same disk.
  const filler = join(at, 'filler');
  spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096'], { stdio: 'ignore' });
  const made = await admin.call('token-create', { name: 'full', role: 'read' }).then(
    () => 'made',
    (error) => error.code,
  );
  expect(['made', 'no-space']).toContain(made);
  expect((await by.ask('hello')).status).toBe(200);
  rmSync(filler);
  expect((await by.ask('remove', { target: 'files', path: object(0) })).status).toBe(204);
  expect((await put(by, 200, 1000)).status).toBe(204);
  const { token } = await admin.call('token-create', { name: 'room', role: 'read' });
  expect(token.length).toBeGreaterThan(10);
  const { targets } = await root.call('fsck', {});
  expect(targets.map(({ bytes, wasBytes, objects, wasObjects }) => [bytes - wasBytes, objects - wasObjects])).toEqual([
    [0, 0],
  ]);
});

it('a disk that became read-only: what is there can be read, and nobody is told that he may not', async (context) => {
  const { server, by, at } = await ground(context, 'targets');
  expect((await put(by, 1)).status).toBe(204);
  execFileSync('mount', ['-o', 'remount,ro', at]);
  const refused = await put(by, 2);
  expect([refused.status, refused.code]).toEqual([500, 'failed']);
  expect(refused.message).not.toContain(at);
  expect((await by.ask('get', { target: 'files', path: object(1) })).body.length).toBe(MIB);
  execFileSync('mount', ['-o', 'remount,rw', at]);
  expect((await put(by, 2)).status).toBe(204);
  expect(server.faults.length).toBeLessThanOrEqual(5);
});
