/**
 * The ways to get neo, on the machine's own Node and with an empty home: the checkout, its scripts, and the packed
 * tarball installed globally. The last needs the registry.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { environment, oldNode, root, run, temporary } from './run.ts';

const VERSION = /^neo\/\d+\.\d+\.\d+ \S+ node-v(2[4-9]|[3-9]\d)\./;

let home: string;

beforeAll(async () => {
  home = await temporary('home');
});

/** Where npm finds its packages is the machine's business: its settings are kept, all else is not. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const settings = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_(registry|cafile|.*proxy)|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS)$/i.test(name),
  );
  return environment(home, Object.fromEntries(settings));
}

function npm(args: readonly string[], cwd: string) {
  return run('npm', args, { cwd, env: npmEnvironment() });
}

describe('in the checkout', () => {
  it('`npx neo` runs on Node 24', async () => {
    // In a new home npx runs `prepare` again; that would replace dist/ while other tests run it.
    const env = { ...npmEnvironment(), npm_config_ignore_scripts: 'true' };
    const { code, stdout } = await run('npx', ['neo', '--version'], { cwd: root, env });
    expect(code).toBe(0);
    expect(stdout).toMatch(VERSION);
  });

  it('scripts run on Node 24', async () => {
    const { stdout } = await npm(['exec', '--no', '--', 'node', '-p', 'process.version'], root);
    expect(stdout).toMatch(/^v(2[4-9]|[3-9]\d)\./m);
  });

  it('an old Node is what these tests stand on', () => {
    if (oldNode === undefined) console.warn('skipped: the Node of this machine is not older than 24');
    expect(process.env['CI'] === undefined || oldNode !== undefined).toBe(true);
  });
});

describe('the packed tarball', () => {
  it('holds what runs, and nothing else', async () => {
    const { stdout } = await npm(['pack', '--dry-run', '--json', '--ignore-scripts'], root);
    const [packed] = JSON.parse(stdout) as { files: { path: string }[] }[];
    const paths = (packed?.files ?? []).map((file) => file.path);
    for (const path of ['bin/neo.cjs', 'dist/cli/main.js', 'oclif.manifest.json', 'README.md', 'package.json']) {
      expect(paths).toContain(path);
    }
    expect(paths.filter((path) => /^(src|test|bench|node_modules|\.)/.test(path))).toEqual([]);
  });

  it('installs globally and runs on Node 24, in an empty home', async ({ skip }) => {
    const [folder, prefix, empty] = await Promise.all([temporary('pack'), temporary('prefix'), temporary('empty')]);
    await mkdir(join(prefix, 'lib'), { recursive: true });
    const packed = await npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
    expect(packed.code, packed.stderr).toBe(0);
    const [tarball] = await readdir(folder);
    const flags = ['--no-audit', '--no-fund', '--prefer-offline'];
    const installed = await npm(['install', '-g', ...flags, '--prefix', prefix, join(folder, tarball ?? '')], folder);
    if (
      installed.code !== 0 &&
      process.env['CI'] === undefined &&
      /EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/.test(installed.stderr)
    ) {
      console.warn('skipped: no registry to install from');
      skip();
    }
    expect(installed.code, installed.stderr).toBe(0);
    const command = join(prefix, 'bin/neo');
    const version = await run(command, ['--version'], { cwd: empty, env: environment(empty) });
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout).toMatch(VERSION);
    const help = await run(command, ['help'], { cwd: empty, env: environment(empty) });
    const { commands } = JSON.parse(await readFile(join(root, 'oclif.manifest.json'), 'utf8')) as { commands: object };
    for (const id of Object.keys(commands)) expect(help.stdout).toContain(id.split(':')[0]);
  });
});
