import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { QUICK_KDF, User } from './user.ts';

let user: User;
let path: string;
beforeEach(async () => {
  user = await User.make();
  path = user.at('.config/neo/config.toml');
});

async function write(text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const text = async (): Promise<string> => readFile(path, 'utf8');

describe('neo repo', () => {
  it('gives a name that --repo takes, and takes it back', async () => {
    expect((await user.neo(['repo', 'list'])).stderr).toContain('no repository has a name');
    expect((await user.neo(['repo', 'add', 'disk', 'backup'])).stdout).toBe(`disk is ${user.at('backup')}\n`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await user.neo(['init', ...QUICK_KDF, '--repo', 'disk'])).code).toBe(0);
    expect((await user.neo(['snapshots', '--repo', user.at('backup')])).code).toBe(0);
    const office = 'sftp://ann@backup.example.org/srv/"neo"';
    expect((await user.neo(['repo', 'add', 'off-site', office])).code).toBe(0);
    expect((await user.neo(['repo', 'list', '--json'])).of('repository').map(({ name, location }) => [name, location]))
      // The newest stands first in the file.
      .toEqual([
        ['off-site', office],
        ['disk', user.at('backup')],
      ]);
    expect((await user.neo(['repo', 'remove', 'disk'])).code).toBe(0);
    expect((await user.neo(['repo', 'list'])).stdout).not.toContain('disk');
    expect((await user.neo(['snapshots', '--repo', user.at('backup')])).code).toBe(0);
  });

  it('leaves comments and order alone', async () => {
    const before = '# mine\n\n[ repositories ] # names\n# the disk\ndisk = "/mnt/neo"\n"b.c" = \'/x\'\n\n# the end';
    await write(before);
    await user.neo(['repo', 'add', 'new', '/y']);
    const line = '"new" = "/y"\n';
    expect(await text()).toBe(before.replace('# names\n', `# names\n${line}`));
    await user.neo(['repo', 'remove', 'b.c']);
    await user.neo(['repo', 'remove', 'new']);
    expect(await text()).toBe(before.replace('"b.c" = \'/x\'\n', ''));
  });

  it('says what is there already, and changes nothing', async () => {
    await user.neo(['repo', 'add', 'disk', '/a']);
    const before = await text();
    expect((await user.neo(['repo', 'add', 'disk', '/a'])).code).toBe(0);
    const { code, stderr } = await user.neo(['repo', 'add', 'disk', '/b']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('disk is /a already')]);
    for (const args of [
      ['add', 'a/b', '/c'],
      ['add', '', '/c'],
      ['add', 'c', ''],
      ['add', 'c', 'ftp://host/x'],
      ['add', 'c'],
      ['remove'],
    ]) {
      expect((await user.neo(['repo', ...args])).code).toBe(2);
    }
    expect((await user.neo(['repo', 'remove', 'other'])).code).toBe(1);
    expect(await text()).toBe(before);
  });

  it.each(['repositories = { disk = "/a" }\n', 'repositories.disk = "/a"\n', '[repositories\n'])(
    'leaves a file to its author that is written in another way: %j',
    async (before) => {
      await write(before);
      expect((await user.neo(['repo', 'add', 'new', '/y'])).code).toBe(2);
      expect(await text()).toBe(before);
    },
  );
});
