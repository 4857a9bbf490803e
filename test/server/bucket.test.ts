/** `neo serve --store`: objects in a bucket, through neo itself; what is refused at the start; health; and kill -9 while clients upload. */
import { existsSync, readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectInfo } from '../../src/backends/backend.ts';
import { openBucket } from '../../src/backends/s3.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';
import { ok, PASSWORD, summaryOf } from '../commands/people.ts';
import { QUICK_KDF, User } from '../commands/user.ts';
import { environment, launcher, run, temporary } from '../house/run.ts';
import { listed } from '../support/backend-suite.ts';
import { type HttpProxy, startHttpProxy } from '../support/http-proxy.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type Radosgw, radosgwIsThere, startRadosgw } from '../support/radosgw.ts';
import { get } from '../support/serve-admin.ts';
import { serveKillCampaign } from '../torture/serve-kill.ts';
import { bucketStore } from '../torture/serve-store.ts';

const HERE = ['--listen', '127.0.0.1:0'];
const SLOW_DOWN = { status: 503, body: '<Error><Code>SlowDown</Code></Error>' };

function bytesOf(objects: readonly ObjectInfo[]): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}

describe.skipIf(!radosgwIsThere())('a server with its objects in a bucket', () => {
  let gateway: Radosgw;
  let proxy: HttpProxy;
  let dataRoot: string;
  const location = (prefix: string, endpoint = gateway.endpoint): string =>
    `s3://served/${prefix}?endpoint=${endpoint}`;

  beforeAll(async () => {
    gateway = await startRadosgw();
    Object.assign(process.env, gateway.env);
    proxy = await startHttpProxy(gateway.endpoint);
    await (await openBucket(parseS3(location('')), { create: true, createBucket: true })).close();
    dataRoot = await temporary('bucket-data');
  }, 60_000);
  afterAll(async () => {
    await proxy.stop();
    await gateway.stop();
    await rm(dataRoot, { recursive: true, force: true });
  });

  const serve = (prefix: string, root: string, endpoint?: string): Promise<NeoServe> =>
    startNeoServe(['--data-root', root, '--store', location(prefix, endpoint)], gateway.env);

  /** Paths below the prefix, with their sizes. */
  async function inBucket(prefix: string) {
    const bucket = await openBucket(parseS3(location(prefix)));
    const found = await listed(bucket, 'targets');
    await bucket.close();
    return found;
  }

  async function refused(args: readonly string[], root: string) {
    const { code, stderr } = await run(process.execPath, [launcher, 'serve', ...HERE, '--data-root', root, ...args], {
      env: environment(root, gateway.env),
    });
    return { code, said: stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{')) };
  }

  /** Whoever administers it; it has a target `docs`. */
  async function userOf(server: NeoServe): Promise<User> {
    const user = await User.make({ ...PASSWORD, NEO_REPO: `${server.url}/docs` });
    await ok(user.neo(['login', server.url, '--code', server.adminCode, '--fingerprint', server.fingerprint]));
    return user;
  }

  async function demandExact(user: User, prefix: string): Promise<void> {
    const there = await inBucket(prefix);
    const usage = summaryOf(await ok(user.neo(['account', 'usage', '--json'])));
    expect(usage).toMatchObject({ bytes: bytesOf(there), objects: there.length });
    expect(summaryOf(await ok(user.neo(['admin', 'fsck', '--json'])))).toMatchObject({ differed: 0 });
  }

  it('saves, restores, forgets, prunes and checks, counts exactly, and leaves nothing of a target that is removed', async () => {
    await using server = await serve('one', dataRoot);
    expect(server.listening['store']).toBe(location('one'));
    const user = await userOf(server);
    await ok(user.neo(['init', ...QUICK_KDF]));
    await ok(user.sh('mkdir work; for n in 1 2 3 4; do head -c 5M /dev/urandom > work/$n; done; echo small > work/s'));
    await ok(user.neo(['snapshot', 'work']));
    await ok(user.sh('rm work/1; head -c 3M /dev/urandom > work/5'));
    await ok(user.neo(['snapshot', 'work']));
    await demandExact(user, 'one');
    await ok(user.neo(['restore', 'latest', '--to', 'back']));
    await ok(user.sh('diff -r work "$(dirname "$(find back -name s)")"'));
    const before = bytesOf(await inBucket('one'));
    await ok(user.neo(['forget', '--keep-last', '1']));
    await ok(user.neo(['trash', '--empty', '--yes']));
    await ok(user.neo(['prune', '--sole-writer', '--grace', '0', '--max-unused', '0']));
    await ok(user.neo(['check', '--read-data']));
    expect(bytesOf(await inBucket('one'))).toBeLessThan(before - (4 << 20));
    await demandExact(user, 'one');
    // A client of the bucket reads it as it reads any repository.
    const [target] = new Set((await inBucket('one')).map(({ path }) => path.split('/')[1]));
    const own = await User.make({ ...PASSWORD, ...gateway.env, NEO_REPO: location(`one/targets/${target}`) });
    await ok(own.neo(['check', '--read-data']));
    await ok(user.neo(['target', 'remove', 'docs', '--yes']));
    expect(await inBucket('one')).toEqual([]);
    expect(readdirSync(join(dataRoot, 'removed'))).toEqual([]);
    expect(existsSync(join(dataRoot, 'targets'))).toBe(false);
  });

  it('keeps to its place: with another one, or another server in it, it does not start', async () => {
    expect(await refused([], dataRoot)).toEqual({
      code: 2,
      said: [expect.stringContaining('s3://served/one/'), expect.stringContaining('--store s3://served/one')],
    });
    expect((await refused(['--store', location('two')], dataRoot)).code).toBe(2);
    const other = await temporary('bucket-other');
    const taken = await refused(['--store', location('one')], other);
    expect([taken.code, taken.said[0]]).toEqual([1, expect.stringContaining('another server keeps its objects in')]);
    const folders = await temporary('bucket-folders');
    await (await startNeoServe(['--data-root', folders])).stop();
    const moved = await refused(['--store', location('three')], folders);
    expect([moved.code, moved.said[0]]).toEqual([2, expect.stringContaining('in its data folder, not in s3://')]);
    const missing = await refused(['--store', `s3://nobody/x?endpoint=${gateway.endpoint}`], other);
    expect([missing.code, missing.said[0]]).toEqual([10, expect.stringContaining('there is no such bucket')]);
    const away = await refused(['--store', 's3://served/x?endpoint=http://127.0.0.1:9'], other);
    expect([away.code, away.said.length]).toEqual([16, 1]);
    await writeFile(join(other, 'server.toml'), 'store = "/srv/objects"\n');
    const local = await refused([], other);
    expect([local.code, local.said[0]]).toEqual([2, expect.stringContaining('server.toml: store: ')]);
  });

  it('takes its place from server.toml, goes on where it was, and tells when the bucket is away', async () => {
    const root = await temporary('bucket-toml');
    await writeFile(join(root, 'server.toml'), `store = "${location('toml', proxy.endpoint)}"\n`);
    await using server = await startNeoServe(['--data-root', root], gateway.env);
    const user = await userOf(server);
    await ok(user.neo(['init', ...QUICK_KDF]));
    expect((await get(server.port, '/v1/health')).status).toBe(200);
    // Some fail, some are cut off: all is tried again, and counted once.
    proxy.fate = (_line, number) => (number % 4 === 0 ? SLOW_DOWN : number % 7 === 0 ? 'cut' : 'pass');
    await ok(user.sh('mkdir work; head -c 9M /dev/urandom > work/a'));
    await ok(user.neo(['snapshot', 'work', '--retry-for', '60s']));
    proxy.fate = () => 'cut';
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await get(server.port, '/v1/health')).status).toBe(503);
    proxy.fate = () => 'pass';
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await get(server.port, '/v1/health')).status).toBe(200);
    await ok(user.neo(['check', '--read-data']));
    await demandExact(user, 'toml');
  });

  it('ends at the next start what was being removed, and leaves alone what it does not know', async () => {
    const root = await temporary('bucket-removal');
    const first = await serve('removal', root, proxy.endpoint);
    const user = await userOf(first);
    await ok(user.neo(['init', ...QUICK_KDF]));
    await ok(user.sh('echo 1 > file'));
    await ok(user.neo(['snapshot', 'file']));
    proxy.fate = (line) => (line.startsWith('DELETE') ? { status: 403 } : 'pass');
    expect((await user.neo(['target', 'remove', 'docs', '--yes'])).code).not.toBe(0);
    expect((await inBucket('removal')).length).toBeGreaterThan(2);
    await first.stop();
    proxy.fate = () => 'pass';
    const bucket = await openBucket(parseS3(location('removal')));
    await bucket.put('targets/00ff/packs/00/a', new Uint8Array(3));
    await bucket.close();
    await using second = await serve('removal', root);
    expect((await inBucket('removal')).map(({ path }) => path)).toEqual(['targets/00ff/packs/00/a']);
    expect(second.stderr()).toContain('"unknown-folder"');
  });

  // Many kills: `npm run torture -- --only serve` does it to folders.
  it('keeps what it acknowledged, and counts exactly, when it is killed again and again', async () => {
    const folder = await temporary('bucket-kill');
    const store = () => bucketStore(gateway, 'killed');
    const campaign = serveKillCampaign(folder, 11, { cases: 1, milliseconds: 12_000 }, store);
    try {
      const { kills, snapshots, differences, ...counts } = await campaign.run(0);
      expect(differences).toBe(0);
      expect(Math.min(kills ?? 0, snapshots ?? 0, counts['restores compared'] ?? 0)).toBeGreaterThan(1);
    } finally {
      await campaign.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }, 180_000);
});
