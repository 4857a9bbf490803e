import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultBackend } from '../../src/backends/fault.ts';
import { type LocalOptions, openLocal } from '../../src/backends/local.ts';
import { publishByCheckedRename, publishByNativeRename } from '../../src/backends/local-publish.ts';
import { type BackendFixture, backendSuite, bytesOf, listed, pattern } from '../support/backend-suite.ts';
import { SimRandom } from '../support/sim-random.ts';

const makeLocal =
  (options: LocalOptions = {}) =>
  async (): Promise<BackendFixture> => {
    const folder = await mkdtemp(join(tmpdir(), 'neo-local-'));
    const open = () => openLocal(join(folder, 'repository'), { ...options, create: true });
    return { backend: await open(), second: open, dispose: () => rm(folder, { recursive: true }) };
  };

backendSuite('local', makeLocal());
backendSuite('local without hard links', makeLocal({ publishWays: [publishByNativeRename, publishByCheckedRename] }));
backendSuite('local with plain renames only', makeLocal({ publishWays: [publishByCheckedRename] }));
backendSuite('faults without rules over local', async () => {
  const fixture = await makeLocal()();
  return { ...fixture, backend: new FaultBackend(fixture.backend, {}, new SimRandom(1)) };
});

describe('local', () => {
  let folder = '';
  let root = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'neo-local-'));
    root = join(folder, 'repository');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = (options: LocalOptions = { create: true }) => openLocal(root, options);
  const paths = async (): Promise<string[]> => (await listed(await open({}))).map((info) => info.path);

  it('makes private folders and files, and leaves nothing in tmp', async () => {
    const backend = await open();
    await backend.put('packs/00/a', bytesOf('a'));
    for (const [path, mode] of [
      ['', 0o700],
      ['tmp', 0o700],
      ['packs', 0o700],
      ['packs/00', 0o700],
    ] as const) {
      expect((await stat(join(root, path))).mode & 0o777, path).toBe(mode);
    }
    const file = await stat(join(root, 'packs/00/a'));
    expect(file.mode & 0o777).toBe(0o600);
    expect(file.nlink).toBe(1);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  it('leaves the mode of an existing root to its owner', async () => {
    await mkdir(root, { mode: 0o750 });
    await chmod(root, 0o750);
    await (await open()).put('a', bytesOf('a'));
    expect((await stat(root)).mode & 0o777).toBe(0o750);
  });

  it('makes the folders above a new root', async () => {
    const backend = await openLocal(join(root, 'x/y'), { create: true });
    await backend.put('a', bytesOf('a'));
    expect((await stat(join(root, 'x'))).mode & 0o777).toBe(0o700);
  });

  it('reads an absent root as empty, and does not make it for a put', async () => {
    const backend = await open({});
    expect(await backend.get('config/0-aa')).toBeUndefined();
    expect(await backend.stat('config/0-aa')).toBeUndefined();
    expect(await listed(backend)).toEqual([]);
    await backend.remove('config/0-aa');
    await expect(backend.put('config/0-aa', bytesOf('a'))).rejects.toMatchObject({ code: 'unreachable' });
    await expect(stat(root)).rejects.toThrow('ENOENT');
  });

  it('follows when the root is made later', async () => {
    const backend = await open({});
    expect(await backend.get('a')).toBeUndefined();
    await (await open()).put('a', bytesOf('a'));
    expect(await backend.get('a')).toEqual(bytesOf('a'));
    await backend.put('b', bytesOf('b'));
  });

  it.each(['gone', 'replaced'])('does not take a disk that is %s for an empty repository', async (what) => {
    const backend = await open();
    await backend.put('packs/00/a', bytesOf('a'));
    await rename(root, join(folder, 'elsewhere'));
    if (what === 'replaced') await mkdir(root);
    const refused = { code: 'unreachable', hint: expect.any(String) };
    await expect(backend.get('packs/00/a')).rejects.toMatchObject(refused);
    await expect(backend.getRange('packs/00/a', { offset: 0, length: 1 })).rejects.toMatchObject(refused);
    await expect(backend.stat('packs/00/a')).rejects.toMatchObject(refused);
    await expect(backend.remove('packs/00/a')).rejects.toMatchObject(refused);
    await expect(backend.put('packs/00/b', bytesOf('b'))).rejects.toMatchObject(refused);
    await expect(listed(backend)).rejects.toMatchObject(refused);
    if (what === 'replaced') expect(await readdir(root)).toEqual([]);
  });

  it('refuses a root that is a file, and accepts one that is a link to a folder', async () => {
    await writeFile(root, 'x');
    await expect(open({})).rejects.toMatchObject({ code: 'failed' });
    await expect(open()).rejects.toMatchObject({ code: 'failed' });
    await mkdir(join(folder, 'real'));
    await symlink('real', join(folder, 'linked'));
    const backend = await openLocal(join(folder, 'linked'), { create: true });
    await backend.put('a', bytesOf('a'));
    expect(await readdir(join(folder, 'real'))).toContain('a');
  });

  it('removes litter older than a day at the first put, keeps younger, lists none', async () => {
    await (await open()).put('a', bytesOf('a'));
    const old = Date.now() / 1000 - 25 * 3600;
    for (const name of ['old.tmp', 'young.tmp', 'foreign']) await writeFile(join(root, 'tmp', name), 'x');
    await utimes(join(root, 'tmp/old.tmp'), old, old);
    await utimes(join(root, 'tmp/foreign'), old, old);
    expect(await paths()).toEqual(['a']);
    expect(await readdir(join(root, 'tmp'))).toHaveLength(3);
    await (await open({})).put('b', bytesOf('b'));
    expect((await readdir(join(root, 'tmp'))).sort()).toEqual(['foreign', 'young.tmp']);
  });

  it('finishes a put whose process died between the link and the removal of the temporary name', async () => {
    await (await open()).put('a', bytesOf('a'));
    await link(join(root, 'a'), join(root, 'tmp/dead.tmp'));
    expect(await paths()).toEqual(['a']);
    await (await open()).put('a', bytesOf('a'));
    expect(await (await open()).get('a')).toEqual(bytesOf('a'));
  });

  it('makes tmp again when somebody removed it', async () => {
    const backend = await open();
    await backend.put('a', bytesOf('a'));
    await rm(join(root, 'tmp'), { recursive: true });
    await rm(join(root, 'a'));
    await backend.put('packs/00/b', bytesOf('b'));
    await rm(join(root, 'packs'), { recursive: true });
    await backend.put('packs/00/c', bytesOf('c'));
    expect(await paths()).toEqual(['packs/00/c']);
  });

  it('ignores links, fifos, folders and foreign names', async () => {
    const backend = await open();
    await backend.put('packs/00/a', bytesOf('a'));
    await writeFile(join(folder, 'secret'), 'secret');
    await symlink(join(folder, 'secret'), join(root, 'packs/00/link'));
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside/b'), 'b');
    await symlink(join(folder, 'outside'), join(root, 'packs/01'));
    await mkdir(join(folder, 'outside/deep'));
    await writeFile(join(folder, 'outside/deep/c'), 'c');
    for (const name of ['Upper', 'with space', '.DS_Store', 'lost+found', 'ü']) await writeFile(join(root, name), 'x');
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), 'x');
    execFileSync('mkfifo', [join(root, 'packs/00/fifo')]);
    await mkdir(join(root, 'packs/00/folder'));
    expect(await paths()).toEqual(['packs/00/a']);
    for (const path of ['packs/00/link', 'packs/01/b', 'packs/01/deep/c', 'packs/00/fifo', 'packs/00/folder']) {
      expect(await backend.get(path), path).toBeUndefined();
      expect(await backend.stat(path), path).toBeUndefined();
      await backend.remove(path);
      await expect(backend.put(path, bytesOf('x')), path).rejects.toMatchObject({ code: 'already-exists' });
    }
    for (const below of ['packs/01', 'packs/01/deep']) expect(await listed(backend, below)).toEqual([]);
    expect((await readdir(join(folder, 'outside'), { recursive: true })).sort()).toEqual(['b', 'deep', 'deep/c']);
    expect((await readdir(join(root, 'packs/00'))).sort()).toEqual(['a', 'fifo', 'folder', 'link']);
  });

  it('skips what vanishes while it lists', async () => {
    const backend = await open();
    for (let n = 0; n < 200; n += 1) await writeFile(join(root, `o${n}`), 'x');
    let seen = 0;
    for await (const info of backend.list('')) {
      if (seen === 0) for (let n = 0; n < 200; n += 1) await rm(join(root, `o${n}`));
      expect(info.size).toBe(1);
      seen += 1;
    }
    expect(seen).toBeLessThan(200);
  });

  it('lets one of two clients win without hard links, too', async () => {
    const clients = await Promise.all([1, 2].map(() => open({ create: true, publishWays: [publishByNativeRename] })));
    for (let round = 0; round < 20; round += 1) {
      const results = await Promise.allSettled(
        clients.map((client, n) => client.put(`config/${round}`, pattern(100, n))),
      );
      const winners = results.flatMap((result, n) => (result.status === 'fulfilled' ? [n] : []));
      expect(winners).toHaveLength(1);
      expect(await clients[0]?.get(`config/${round}`)).toEqual(pattern(100, winners[0]));
    }
  });
});
