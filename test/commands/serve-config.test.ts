/** `neo serve`: its first start, its configuration, and what keeps it from starting. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { environment, launcher, neo, run, start, temporary } from '../house/run.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { dataRootWith, get, until } from '../support/serve-admin.ts';

const isRoot = process.getuid?.() === 0;
const LOOPBACK = ['--listen', '127.0.0.1:0'];

/** One line for people, and its exit code. */
async function refused(args: readonly string[]) {
  const { code, stderr } = await neo(['serve', ...args]);
  return { code, said: stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{')) };
}

describe('the first start', () => {
  it('makes all that it needs in an empty home, and says what and where', async () => {
    const home = await temporary('home');
    const { child, done, printed } = start(process.execPath, [launcher, 'serve', ...LOOPBACK], {
      env: environment(home),
    });
    await printed('neo login neo://127.0.0.1:');
    child.kill('SIGTERM');
    const { code, stdout } = await done;
    const root = join(home, '.local/share/neo/server');
    expect(code).toBe(0);
    for (const path of [root, ...['server.db', 'server.key', 'server.cert'].map((name) => join(root, name))]) {
      expect(stdout).toMatch(new RegExp(`^made +${path}$`, 'm'));
      expect((await stat(path)).mode & 0o077, path).toBe(0);
    }
    const again = start(process.execPath, [launcher, 'serve', ...LOOPBACK], { env: environment(home) });
    await again.printed('fingerprint');
    again.child.kill('SIGTERM');
    const second = (await again.done).stdout;
    expect(second).not.toContain('made ');
    expect(/fingerprint .*/.exec(second)?.[0]).toBe(/fingerprint .*/.exec(stdout)?.[0]);
  });
});

describe('the configuration', () => {
  it('is server.toml in the data folder, or what --config names; flags win', async () => {
    const dataRoot = await dataRootWith('names = ["backup.example"]\nlog-level = "error"\n');
    await using server = await startNeoServe(['--data-root', dataRoot]);
    expect(server.stderr()).toBe('');
    const { stdout } = await run('sh', ['-c', `openssl x509 -in ${dataRoot}/server.cert -noout -text`], {
      env: { PATH: process.env['PATH'] },
    });
    expect(stdout).toContain('DNS:backup.example');
    await server.stop();
    const file = join(await temporary('config'), 'other.toml');
    await writeFile(file, 'log = "neo.log"\nlog-level = "error"\n');
    await using other = await startNeoServe(['--data-root', dataRoot, '--config', file, '--log-level', 'info']);
    await until(async () => (await readFile(join(file, '../neo.log'), 'utf8')).includes('"listening"'));
    expect(other.stderr()).toBe('');
  });

  it.each([
    ['listens = "a"', 'server.toml:1: unknown key listens'],
    ['\n\nmetrics = { age = true }', 'server.toml:3: unknown key metrics.age'],
    ['[limits]\nconnections = "many"', 'server.toml:2: limits.connections: '],
    ['[limits]\nconnections = 0', 'server.toml:2: limits.connections: '],
    ['second-factor = "maybe"', 'server.toml:1: second-factor: '],
    ['names = ["a", 1]', 'server.toml:1: names.1: '],
    ['listen = "127.0.0.1:99999"', 'server.toml: listen: not an address'],
    ['limits = { grace = "soon" }', 'server.toml: limits.grace: not a duration'],
    ['tls-cert = "a.pem"', 'server.toml: tls-cert and tls-key go together'],
    ['[metrics]\ntoken-file = "none"', 'cannot read '],
    ['listen = ', 'server.toml:1: '],
  ])('is refused with file and key: %s', async (toml, message) => {
    const dataRoot = await dataRootWith(toml);
    const { code, said } = await refused(['--data-root', dataRoot]);
    expect([code, said[0]]).toEqual([2, expect.stringContaining(message)]);
    expect(await readdir(dataRoot)).toEqual(['server.toml']);
  });

  it('is refused when it names a token that is none', async () => {
    const dataRoot = await dataRootWith('[metrics]\ntoken-file = "token"\n');
    await writeFile(join(dataRoot, 'token'), 'short\n');
    expect(await refused(['--data-root', dataRoot])).toMatchObject({
      code: 2,
      said: [/holds no token/, /16/].map((each) => expect.stringMatching(each)),
    });
  });

  it('is refused when --config names a file that is not there', async () => {
    const { code, said } = await refused(['--config', '/nowhere/server.toml']);
    expect([code, said[0]]).toEqual([2, expect.stringContaining('/nowhere/server.toml')]);
  });

  it('bounds connections', async () => {
    const dataRoot = await dataRootWith('limits = { connections = 1 }\n');
    await using server = await startNeoServe(['--data-root', dataRoot]);
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => get(server.port, '/v1/hello')));
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain('fulfilled');
    expect(statuses).toContain('rejected');
  });
});

describe('it does not start, and says why in one line', () => {
  it('where another program listens', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, said } = await refused(['--listen', `127.0.0.1:${port}`]);
    expect([code, said[0]]).toEqual([1, `neo: cannot listen at 127.0.0.1:${port}: another program listens there`]);
    other.close();
  });

  it('at an address that is not of this machine', async () => {
    const { code, said } = await refused(['--listen', '192.0.2.1:4322']);
    expect([code, said[0]]).toEqual([2, expect.stringContaining('this machine has no such address')]);
  });

  it('in a data folder that others may read', async () => {
    const dataRoot = await dataRootWith('');
    await chmod(dataRoot, 0o755);
    const { code, said } = await refused(['--data-root', dataRoot, ...LOOPBACK]);
    expect(code).toBe(13);
    expect(said).toEqual([expect.stringContaining(dataRoot), expect.stringContaining(`chmod 700 ${dataRoot}`)]);
  });

  it('with a log that cannot be written', async () => {
    const { code, said } = await refused([...LOOPBACK, '--log', '/nowhere/neo.log']);
    expect([code, said[0]]).toEqual([1, expect.stringContaining('cannot write the log /nowhere/neo.log')]);
  });

  it.runIf(isRoot)('at a port below 1024 without the right to it', async () => {
    const top = await temporary('port');
    await chmod(top, 0o777);
    const args = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--bounding-set', '-all', process.execPath];
    const { code, stderr } = await run(
      'setpriv',
      [...args, launcher, 'serve', '--data-root', join(top, 'data'), '--listen', '127.0.0.1:81'],
      { env: environment(top) },
    );
    const isOpenToAll = Number(await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) <= 81;
    if (!isOpenToAll) expect([code, stderr]).toEqual([13, expect.stringContaining('ports below 1024')]);
  });

  describe.runIf(isRoot)('on a disk that', () => {
    const mount = async (options: string): Promise<string> => {
      const folder = await temporary('disk');
      execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'tmpfs', folder]);
      mounted.push(folder);
      return folder;
    };
    const mounted: string[] = [];
    afterEach(() => {
      for (const folder of mounted.splice(0)) spawnSync('umount', ['-l', folder]);
    });

    it('is read-only', async () => {
      const folder = await mount('size=8m,ro');
      const { code, said } = await refused(['--data-root', join(folder, 'data'), ...LOOPBACK]);
      expect([code, said[0]]).toEqual([13, expect.stringContaining(`cannot make ${folder}/data: permission denied`)]);
    });

    it('is full', async () => {
      const folder = await mount('size=64k');
      await mkdir(join(folder, 'data'), { mode: 0o700 });
      const { code, said } = await refused(['--data-root', join(folder, 'data'), ...LOOPBACK]);
      expect([code, said[0]]).toEqual([1, expect.stringContaining('no space left')]);
    });

    it('becomes full, which its health and its log say', async () => {
      const folder = await mount('size=8m');
      await using server = await startNeoServe(['--data-root', join(folder, 'data')]);
      spawnSync('dd', ['if=/dev/zero', `of=${folder}/filler`, 'bs=64k']);
      expect((await get(server.port, '/v1/health')).status).toBe(503);
      await until(() => server.stderr().includes('"unhealthy"'));
      execFileSync('rm', [`${folder}/filler`]);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      expect((await get(server.port, '/v1/health')).status).toBe(200);
      await server.stop();
    });
  });
});
