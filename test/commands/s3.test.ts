/** A repository in a bucket of a real gateway, also behind a proxy that refuses, cuts and changes what it carries. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type HttpProxy, startHttpProxy } from '../support/http-proxy.ts';
import { startInstanceMetadata } from '../support/instance-metadata.ts';
import { type Radosgw, radosgwIsThere, startRadosgw } from '../support/radosgw.ts';
import { QUICK_KDF, User } from './user.ts';

const SLOW_DOWN = { status: 503, body: '<Error><Code>SlowDown</Code></Error>' } as const;

describe.skipIf(!radosgwIsThere())('a repository in a bucket', () => {
  let gateway: Radosgw;
  let proxy: HttpProxy;
  let user: User;

  beforeAll(async () => {
    gateway = await startRadosgw();
    proxy = await startHttpProxy(gateway.endpoint);
    user = await User.make({
      NEO_PASSWORD: 'correct horse',
      NEO_REPO: `s3://backup/laptop?endpoint=${proxy.endpoint}`,
      ...gateway.env,
    });
    await user.sh(
      'mkdir work; for n in 1 2 3 4 5 6; do head -c 3M /dev/urandom > work/$n; done; echo small > work/small',
    );
  }, 60_000);

  afterEach(() => {
    proxy.fate = () => 'pass';
  });

  afterAll(async () => {
    await proxy.stop();
    await gateway.stop();
  });

  it('is made only in a bucket that is there, or is to be made', async () => {
    const missing = await user.neo(['init', ...QUICK_KDF]);
    expect([missing.code, missing.stderr]).toEqual([10, expect.stringContaining('--create-bucket')]);
    expect((await user.neo(['snapshots'])).code).toBe(10);
    expect((await user.neo(['init', ...QUICK_KDF, '--create-bucket', '--pack-size', '2M'])).code).toBe(0);
    expect((await user.neo(['init', ...QUICK_KDF, '--create-bucket'])).code).toBe(1);
  });

  it('is one like any other', async () => {
    expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
    await user.sh('echo changed > work/small; cp work/1 work/copy');
    const second = await user.neo(['snapshot', 'work', '--json']);
    expect(second.of('summary')[0]).toMatchObject({ filesNew: 1, filesChanged: 1 });
    await user.neo(['restore', 'latest', '--to', 'back']);
    expect((await user.sh('diff -r work back$PWD/work')).stdout).toBe('');
    expect((await user.neo(['forget', '--keep-last', '1', '--trash', '0', '--yes'])).code).toBe(0);
    expect((await user.neo(['prune', '--sole-writer', '--grace', '0', '--yes'])).code).toBe(0);
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
  });

  it('lets nobody in without the right key, and says so', async () => {
    const wrong = await user.neo(['snapshots'], { AWS_SECRET_ACCESS_KEY: 'wrong' });
    expect([wrong.code, wrong.stderr]).toEqual([13, expect.stringContaining('AWS_ACCESS_KEY_ID')]);
    const none = await user.neo(['snapshots'], { AWS_SECRET_ACCESS_KEY: '' });
    expect([none.code, none.stderr]).toEqual([13, expect.stringContaining('no credentials')]);
    expect(wrong.stderr + none.stderr).not.toContain(gateway.env.AWS_SECRET_ACCESS_KEY);
  });

  it('lets one in with the keys of a role: from the environment, a profile, or the machine itself', async () => {
    const keys = await gateway.temporaryKeys();
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    expect((await user.neo(['snapshots'], { ...keys })).code).toBe(0);
    const forged = await user.neo(['snapshots'], { ...keys, AWS_SESSION_TOKEN: 'x'.repeat(300) });
    expect(forged.code).toBe(13);
    const lines = Object.entries(keys).map(([name, value]) => `${name.toLowerCase()} = ${value}`);
    await user.sh(`mkdir .aws; printf '%s\\n' "$LINES_" > .aws/credentials`, {
      LINES_: ['[backup]', ...lines].join('\n'),
    });
    expect((await user.neo(['snapshots'], { ...none, AWS_PROFILE: 'backup' })).code).toBe(0);
    const metadata = await startInstanceMetadata(keys);
    const machine = { ...none, AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.endpoint };
    const byMachine = await user.neo(['snapshots'], machine);
    await metadata.stop();
    expect([byMachine.code, byMachine.stderr]).toEqual([0, '']);
  });

  it('is written to and read from in a storm', async () => {
    await user.sh('head -c 9M /dev/urandom > work/storm');
    let storms = 0;
    proxy.fate = (line, number) => {
      const fates = ['pass', SLOW_DOWN, 'pass', 'cut', 'pass', line.startsWith('PUT') ? 'flip' : 'half'] as const;
      const fate = fates[number % fates.length] ?? 'pass';
      if (fate !== 'pass') storms += 1;
      return fate;
    };
    const snapshot = await user.neo(['snapshot', 'work']);
    expect([snapshot.code, snapshot.stderr]).toEqual([0, expect.stringContaining('trying again in')]);
    expect((await user.neo(['restore', 'latest', '--to', 'storm'])).code).toBe(0);
    expect((await user.sh('diff -r work storm$PWD/work')).stdout).toBe('');
    expect(storms).toBeGreaterThan(10);
    proxy.fate = () => 'pass';
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
  });

  it('sends nothing twice that was acknowledged when it is cut twenty times', async () => {
    await user.sh('head -c 44M /dev/urandom > work/many');
    const acknowledged = new Set<string>();
    const twice: string[] = [];
    let cuts = 0;
    proxy.fate = (line) => {
      if (!line.startsWith('PUT') || !line.includes('/packs/')) return 'pass';
      if (acknowledged.has(line)) twice.push(line);
      if (cuts < 20 && cuts <= acknowledged.size) {
        cuts += 1;
        return 'cut';
      }
      acknowledged.add(line);
      return 'pass';
    };
    const { code, of } = await user.neo(['snapshot', 'work', '--json']);
    proxy.fate = () => 'pass';
    expect([code, cuts, twice]).toEqual([0, 20, []]);
    expect(of('summary')[0]).toMatchObject({ filesNew: 1, errors: 0 });
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
    await user.sh('rm work/many');
  });

  it.each([
    ['the same secrets', ['--copy-secrets-from', 'KEEP_FROM']],
    ['secrets of its own', []],
  ])('fetches nothing back that goes on to another repository with %s', async (_, more) => {
    const first = `s3://backup/laptop?endpoint=${proxy.endpoint}`;
    const second = `second-${more.length}`;
    const secrets = more.map((word) => (word === 'KEEP_FROM' ? first : word));
    await user.neo(['init', ...QUICK_KDF, '--repo', second, ...secrets]);
    const to = ['--to', first, '--to', second];
    // The first copy is of everything that there is.
    expect((await user.neo(['snapshot', 'work', ...to])).code).toBe(0);
    await user.sh('head -c 8M /dev/urandom > work/further');
    const before = proxy.requests.length;
    expect((await user.neo(['snapshot', 'work', ...to])).code).toBe(0);
    const asked = proxy.requests.slice(before);
    const packs = (method: string): string[] =>
      asked.flatMap((line) => new RegExp(`^${method} .*/packs/\\w+/(\\w+)`).exec(line)?.[1] ?? []);
    const stored = packs('PUT');
    expect(stored.length).toBeGreaterThan(3);
    expect(packs('GET').filter((pack) => stored.includes(pack))).toEqual([]);
    await user.neo(['restore', 'latest', '--repo', second, '--to', `back-${second}`]);
    expect((await user.sh(`diff -r work back-${second}$PWD/work`)).stdout).toBe('');
    expect((await user.sh('ls .cache/neo/packs')).stdout).toBe('');
  });

  it('waits for a network that is not there yet', async () => {
    proxy.fate = (_, number) => (number <= failed ? 'cut' : 'pass');
    const failed = proxy.requests.length + 4;
    const { code, stderr } = await user.neo(['snapshots']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('trying again in')]);
  });

  it('is asked for little, and for much of it at the same time, when nothing has changed', async () => {
    await user.neo(['snapshot', 'work']);
    proxy.delay = 30;
    const before = proxy.requests.length;
    proxy.rounds = 0;
    expect((await user.neo(['snapshot', 'work'])).code).toBe(0);
    const asked = proxy.requests.slice(before);
    proxy.delay = 0;
    // Index, snapshots and trees are kept on this machine.
    expect(
      asked.filter((line) => /^GET .*(index|snapshots|packs)%?[2F/]/.test(line) && !line.includes('list-type')),
    ).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(24);
    expect(proxy.rounds).toBeLessThanOrEqual(11);
  });

  it('ends with 16 where nothing is to be tried again', async () => {
    proxy.fate = () => SLOW_DOWN;
    const { code, stderr } = await user.neo(['snapshots', '--retry-for', '0']);
    expect([code, stderr]).toEqual([16, expect.stringContaining('has no time')]);
  });
});
