/** `neo serve install`: the unit, as systemd itself judges it. */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environment, launcher, neo, run, temporary } from '../house/run.ts';

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

async function unit(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await neo(['serve', 'install', '--print', ...args]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

async function analyze(text: string, ...args: string[]) {
  const file = join(await temporary('unit'), 'neo.service');
  await writeFile(file, text);
  return run('systemd-analyze', [...args, file], { env: { PATH: process.env['PATH'] } });
}

describe('the unit', () => {
  it
    .runIf(hasSystemd)
    .each([
      [[]],
      [['--user', 'daemon', '--data-root', '/srv/my $neo 5%', '--listen', '0.0.0.0:443', '--name', 'backup.example']],
      [['--data-root', '/var/lib/neo two', '--config', '/etc/neo/server.toml']],
    ])('is one that systemd takes, and that is well confined: %j', async (args) => {
    const text = await unit(...args);
    expect(await analyze(text, 'verify')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { stdout } = await analyze(text, 'security', '--offline=true', '--no-pager');
    expect(Number(/Overall exposure level for .*: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(2);
  });

  it('lets V8 compile, and little else', async () => {
    const text = await unit();
    expect(text).toMatch(/^ExecStart=\S+ \S+bin\/neo\.cjs serve --data-root \/var\/lib\/neo$/m);
    for (const line of [
      ...['Type=exec', 'DynamicUser=yes', 'StateDirectory=neo', 'ProtectSystem=strict', 'NoNewPrivileges=yes'],
      ...['CapabilityBoundingSet=', 'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX', 'Restart=on-failure'],
      ...['SystemCallFilter=@system-service', 'MemoryDenyWriteExecute=no', 'ProtectHome=yes', 'LimitNOFILE=65536'],
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('gives the right to a port below 1024, and to one folder', async () => {
    const text = await unit('--user', 'neo', '--data-root', '/srv/neo', '--listen', ':443');
    for (const line of ['User=neo', 'ReadWritePaths=/srv/neo', 'AmbientCapabilities=CAP_NET_BIND_SERVICE']) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).not.toContain('DynamicUser');
  });

  it('quotes as systemd reads it', async () => {
    const text = await unit('--user', 'neo', '--data-root', '/srv/a "b" $c 5%');
    expect(text).toContain('--data-root "/srv/a \\"b\\" $$c 5%%"\n');
    expect(text).toContain('ReadWritePaths="/srv/a \\"b\\" $c 5%%"\n');
  });

  it.each([
    [['--data-root', '/srv/neo'], 'name the user'],
    [['--user', 'a b'], 'not a user'],
    [['--listen', 'nowhere:99999'], 'not an address'],
  ])('is refused: %j', async (args, said) => {
    const { code, stderr } = await neo(['serve', 'install', '--print', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  });
});

describe('a unit of the user', () => {
  it('is written where systemd looks, and never over another one', async () => {
    const home = await temporary('home');
    const install = (...more: string[]) =>
      run(process.execPath, [launcher, 'serve', 'install', '--user-unit', '--json', ...more], {
        env: environment(home),
      });
    const path = join(home, '.config/systemd/user/neo.service');
    const first = await install();
    expect([first.code, JSON.parse(first.stdout)]).toEqual([0, { v: 1, type: 'summary', path, isNew: true }]);
    expect(first.stderr).toContain('systemctl --user daemon-reload');
    const text = await readFile(path, 'utf8');
    expect(text).toContain(`--data-root ${home}/.local/share/neo/server\n`);
    expect(text).not.toMatch(/DynamicUser|CapabilityBoundingSet|ProtectSystem/);
    expect(JSON.parse((await install()).stdout)).toMatchObject({ isNew: false });
    await writeFile(path, 'something of mine\n');
    const refused = await install();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is there already, with other lines')]);
    expect(await readFile(path, 'utf8')).toBe('something of mine\n');
    expect((await install('--force')).code).toBe(0);
    expect(await readFile(path, 'utf8')).toBe(text);
  });
});
