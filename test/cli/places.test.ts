import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyConfig, readConfig } from '../../src/cli/config.ts';
import { parseConfig } from '../../src/cli/config-text.ts';
import { resolveLocation } from '../../src/cli/context.ts';
import { defaultRepository, userFolders } from '../../src/cli/folders.ts';

const folders = userFolders({}, '/home/ann');

describe('folders', () => {
  it('are those of the XDG specification', () => {
    expect(folders).toEqual({
      home: '/home/ann',
      data: '/home/ann/.local/share/neo',
      state: '/home/ann/.local/state/neo',
      cache: '/home/ann/.cache/neo',
      config: '/home/ann/.config/neo',
    });
    expect(defaultRepository(folders)).toBe('/home/ann/.local/share/neo/repository');
  });

  it('follow the variables, but not to relative paths', () => {
    const env = { XDG_DATA_HOME: '/data', XDG_STATE_HOME: 'state', XDG_CACHE_HOME: '', XDG_CONFIG_HOME: '/etc/x' };
    expect(userFolders(env, '/home/ann')).toMatchObject({
      data: '/data/neo',
      state: '/home/ann/.local/state/neo',
      cache: '/home/ann/.cache/neo',
      config: '/etc/x/neo',
    });
  });
});

describe('the configuration', () => {
  it('is empty when there is none', async () => {
    const home = await mkdtemp(join(tmpdir(), 'neo-config-'));
    expect(await readConfig(userFolders({}, home))).toEqual(emptyConfig);
  });

  it('is read from config.toml', async () => {
    const home = await mkdtemp(join(tmpdir(), 'neo-config-'));
    await mkdir(join(home, '.config/neo'), { recursive: true });
    await writeFile(
      join(home, '.config/neo/config.toml'),
      '[repositories]\ndisk = "/mnt/neo"\n"off-site" = "sftp://h/x"\n',
    );
    const config = await readConfig(userFolders({}, home));
    expect(config.repositories).toEqual({ disk: '/mnt/neo', 'off-site': 'sftp://h/x' });
  });

  it.each([
    ['a line that is no TOML', '[repositories]\ndisk = /mnt\n', 'c.toml:2: '],
    ['a wrong type', '# mine\n[repositories]\na = "/a"\nb = 3\n', 'c.toml:4: repositories.b'],
    ['an unknown key', '[repositories]\na = "/a"\n\n[repositores]\n', 'c.toml:4: unknown key repositores'],
    ['an empty location', '[repositories]\na = ""\n', 'c.toml:2: repositories.a'],
  ])('names file and line of %s', async (_what, text, message) => {
    await expect(async () => parseConfig(text, 'c.toml')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    });
  });

  it('knows no names by inheritance', async () => {
    const location = resolveLocation({ repo: 'constructor' }, {}, parseConfig('', 'c'), folders);
    expect(location).toEqual({ location: resolve('constructor'), origin: 'flag' });
  });
});

describe('the repository meant', () => {
  const config = { repositories: { disk: '/mnt/neo', home: '~/backup', far: 'sftp://h/x', bad: 'here' } };
  const where = (repo: string | undefined, env = {}) => resolveLocation({ repo }, env, config, folders);

  it('is the flag, else NEO_REPO, else the default', () => {
    expect(where('/a', { NEO_REPO: '/b' })).toEqual({ location: '/a', origin: 'flag' });
    expect(where(undefined, { NEO_REPO: '/b' })).toEqual({ location: '/b', origin: 'environment' });
    expect(where(undefined)).toEqual({ location: '/home/ann/.local/share/neo/repository', origin: 'default' });
  });

  it('may be a name, a URL or a path', () => {
    expect(where('disk')).toEqual({ location: '/mnt/neo', origin: 'flag', name: 'disk' });
    expect(where('home')).toMatchObject({ location: '/home/ann/backup' });
    expect(where(undefined, { NEO_REPO: 'far' })).toMatchObject({ location: 'sftp://h/x', name: 'far' });
    expect(where('./disk')).toEqual({ location: resolve('disk'), origin: 'flag' });
    expect(where('s3://bucket/x')).toEqual({ location: 's3://bucket/x', origin: 'flag' });
  });

  it('is refused when empty, or when its place would depend on the working directory', () => {
    expect(() => where('')).toThrow('--repo is empty');
    expect(() => where(undefined, { NEO_REPO: '' })).toThrow('NEO_REPO is empty');
    expect(() => where('bad')).toThrow('neither an absolute path nor a URL');
  });
});
