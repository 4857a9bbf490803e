/** Every command there is: explained, with an example, able to speak JSON, and one way to fail. */

import { spawn } from 'node:child_process';
import { cp, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environment, launcher, neo, root, run, temporary } from './run.ts';

interface Manifest {
  readonly version: string;
  readonly commands: { readonly [id: string]: ManifestCommand };
}

interface ManifestCommand {
  readonly summary?: string;
  readonly description?: string;
  readonly examples?: readonly (string | { readonly command: string })[];
  readonly flags: { readonly [name: string]: { readonly summary?: string; readonly description?: string } };
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'oclif.manifest.json'), 'utf8')) as Manifest;
}

const manifest = await readManifest(root);
const commands = Object.entries(manifest.commands);

describe('the manifest', () => {
  it('is what the commands say: after a change, build and commit it', async () => {
    const folder = await temporary('manifest');
    // A copy, not a link: the manifest holds paths.
    await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    for (const part of ['package.json', 'node_modules']) await symlink(join(root, part), join(folder, part));
    const oclif = join(root, 'node_modules/oclif/bin/run.js');
    const { code, stderr } = await run(process.execPath, [oclif, 'manifest'], {
      cwd: folder,
      env: environment(folder),
    });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect(await readManifest(folder)).toEqual(manifest);
  });

  it('has a command for every file', async () => {
    const files = await readdir(join(root, 'src/commands'), { recursive: true });
    const ids = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3).replaceAll('/', ':'));
    expect(Object.keys(manifest.commands).sort()).toEqual(ids.map((id) => id.replace(/:index$/, '')).sort());
  });

  it('is of this version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(manifest.version).toBe(version);
    expect(await readFile(join(root, 'CHANGELOG.md'), 'utf8')).toContain(`## ${version}`);
  });
});

describe.each(commands)('%s', (id, command) => {
  it('has a summary, an example, --json, and a word on every flag', () => {
    expect(command.summary ?? '').toMatch(/\S/);
    expect(command.examples ?? []).not.toEqual([]);
    expect(Object.keys(command.flags)).toContain('json');
    for (const [name, flag] of Object.entries(command.flags)) {
      expect(flag.summary ?? flag.description ?? '', `--${name}`).toMatch(/\S/);
    }
  });

  // `neo help --help` is the list of commands, as `neo --help` is.
  it('explains itself', async () => {
    const { code, stdout, stderr } = await neo([...id.split(':'), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    if (id === 'help') return expect(stdout).toContain('COMMANDS');
    expect(stdout).toContain(`$ neo ${id.replaceAll(':', ' ')}`);
    expect(stdout).toMatch(/^EXAMPLES?$/m);
  });

  it('answers a wrong flag with 2, one line and a pointer, and an object with --json', async () => {
    const name = id.replaceAll(':', ' ');
    const { code, stdout, stderr } = await neo([...id.split(':'), '--json', '--no-such-flag']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^neo: [^\n]*\n {5}see `neo [^\n]*\n$/);
    expect(stderr).toContain(`neo ${name} --help`);
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, type: 'error', code: 'usage' });
  });
});

describe('neo', () => {
  it('alone, and with help, lists the commands', async () => {
    for (const args of [[], ['help'], ['--help'], ['-h']]) {
      const { code, stdout } = await neo(args);
      expect(code).toBe(0);
      for (const [id] of commands) expect(stdout).toContain(id.split(':')[0] ?? '');
    }
  });

  it('answers an unknown command with 2', async () => {
    const { code, stdout, stderr } = await neo(['snapshto']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^neo: command snapshto not found\n {5}see `neo help`\n$/);
  });

  it('prints its version as an object', async () => {
    const { stdout } = await neo(['version', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, type: 'version', version: manifest.version });
  });

  it('takes NODE_ENV for nothing of its business', async () => {
    expect(await neo(['version'], { NODE_ENV: 'test' })).toMatchObject({ code: 0, stderr: '' });
    expect(await neo(['version'], { NODE_ENV: 'development' })).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends quietly when its reader goes away', async () => {
    const home = await temporary('pipe');
    const child = spawn(process.execPath, [launcher, 'version', '--json'], { env: environment(home) });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, stderr]).toEqual([0, '']);
  });

  it('says so when its output cannot be written', async () => {
    const home = await temporary('full');
    const { code, stderr } = await run(
      'sh',
      ['-c', '"$0" "$1" version --json > /dev/full', process.execPath, launcher],
      {
        env: environment(home),
      },
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^neo: [^\n]*ENOSPC[^\n]*\n$/);
  });
});
