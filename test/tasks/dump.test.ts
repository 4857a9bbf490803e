/** Archives of snapshots, read by the system's tar. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreEvents } from '../../src/core/events.ts';
import { END_OF_ARCHIVE, type TarEntry, tarHeader } from '../../src/tasks/dump/pax.ts';
import { dumpTar } from '../../src/tasks/dump.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { HistoryWorld, path } from './history-support.ts';

async function dumped(world: HistoryWorld, at: string): Promise<Buffer> {
  const [snapshot] = (await world.look()).snapshots;
  if (snapshot === undefined) throw new Error('no snapshot');
  const parts: Uint8Array[] = [];
  const counts = { files: 0, bytes: 0 };
  for await (const bytes of dumpTar(await world.indexed(), snapshot, path(at), ignoreEvents, counts)) {
    parts.push(Buffer.from(bytes));
  }
  const archive = Buffer.concat(parts);
  expect(archive.length).toBe(counts.bytes);
  return archive;
}

function extracted(archive: Buffer, folder: string, ...flags: string[]): void {
  execFileSync('tar', ['-xpf', '-', '-C', folder, ...flags], { input: archive, maxBuffer: 1 << 28 });
}

describe('neo dump', () => {
  it('gives what tar brings back: bytes, modes, times, links, long and odd names, holes', async () => {
    const world = await HistoryWorld.make();
    const at = (name: string): string => join(world.folder, name);
    const long = `dir/${'long'.repeat(40)}`;
    mkdirSync(at('dir/empty'), { recursive: true });
    writeFileSync(at('file'), 'content');
    writeFileSync(at('block'), Buffer.alloc(512, 1));
    writeFileSync(at('nothing'), '');
    writeFileSync(at('large'), Buffer.alloc(700_000, 'ab'));
    writeFileSync(at('sparse'), 'begin');
    truncateSync(at('sparse'), 2 << 20);
    writeFileSync(at(long), 'long');
    writeFileSync(Buffer.from(`${world.folder}/b\xffd`, 'latin1'), 'bad');
    writeFileSync(at('grüße'), 'hello');
    linkSync(at('file'), at('linked'));
    symlinkSync('x'.repeat(150), at('dangling'));
    chmodSync(at('file'), 0o4751);
    utimesSync(at('file'), 1_000_000_000.25, 1_000_000_000.25);
    utimesSync(at('nothing'), -5, -5);
    await world.snapshot();
    const back = await tempFolder();
    extracted(await dumped(world, '/home'), back);
    const there = (name: string): string => join(back, 'home', name);
    for (const name of ['file', 'block', 'nothing', 'large', 'sparse', long, 'grüße']) {
      expect(readFileSync(there(name)).equals(readFileSync(at(name))), name).toBe(true);
    }
    expect(readFileSync(Buffer.from(`${back}/home/b\xffd`, 'latin1')).toString()).toBe('bad');
    expect(lstatSync(there('file')).ino).toBe(lstatSync(there('linked')).ino);
    expect(readlinkSync(there('dangling'))).toBe('x'.repeat(150));
    expect(lstatSync(there('dir/empty')).isDirectory()).toBe(true);
    for (const name of ['file', 'nothing', 'dir']) {
      const [a, b] = [lstatSync(there(name), { bigint: true }), lstatSync(at(name), { bigint: true })];
      expect([a.mode, a.mtimeNs, a.uid], name).toEqual([b.mode, b.mtimeNs, b.uid]);
    }
  });

  it('of one file, and of a whole snapshot, has the names that they have', async () => {
    const world = await HistoryWorld.make();
    mkdirSync(join(world.folder, 'inner'));
    writeFileSync(join(world.folder, 'inner/file'), 'x');
    await world.snapshot('host', '/srv/data');
    const list = async (at: string): Promise<string> =>
      execFileSync('tar', ['-tf', '-'], { input: await dumped(world, at) }).toString();
    expect(await list('/srv/data/inner/file')).toBe('file\n');
    expect(await list('/srv/data/inner')).toBe('inner/\ninner/file\n');
    expect(await list('/')).toBe('srv/\nsrv/data/\nsrv/data/inner/\nsrv/data/inner/file\n');
    await expect(dumped(world, '/srv/none')).rejects.toMatchObject({ code: 'failed' });
  });

  it('breaks off without an end where something is damaged', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'large'), Buffer.alloc(300_000, 'xy'));
    await world.snapshot();
    const { backend } = world.made;
    const packs: { path: string; size: number }[] = [];
    for await (const { path: pack, size } of backend.list('packs')) packs.push({ path: pack, size });
    for (const { path: pack } of packs) {
      const bytes = (await backend.get(pack)) ?? new Uint8Array();
      const bad = Uint8Array.from(bytes);
      for (let n = 0; n < 2000; n++) bad[24 + n] = (bad[24 + n] ?? 0) ^ 0x55;
      await backend.remove(pack);
      await backend.put(pack, bad);
      await expect(dumped(world, '/home')).rejects.toMatchObject({ code: 'integrity' });
      await backend.remove(pack);
      await backend.put(pack, bytes);
    }
    expect((await dumped(world, '/home')).subarray(-END_OF_ARCHIVE.length).every((byte) => byte === 0)).toBe(true);
  });
});

describe('a header', () => {
  it('is read by tar as it was meant, whatever is in it', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((bytes) => Uint8Array.from(bytes, (byte) => (byte === 0 || byte === 0x2f || byte === 0x0a ? 0x61 : byte)))
      .filter((bytes) => !['.', '..'].includes(Buffer.from(bytes).toString('latin1')));
    const seconds = fc.bigInt({ min: -(2n ** 33n), max: 2n ** 34n });
    fc.assert(
      fc.property(name, fc.nat(0o7777), fc.nat(4_000_000_000), seconds, (bytes, mode, uid, time) => {
        const entry: TarEntry = {
          path: bytes,
          type: 'file',
          mode,
          uid,
          gid: 0,
          mtime: time * 1_000_000_000n,
          size: 0,
          xattrs: [],
        };
        const archive = Buffer.concat([tarHeader(entry), END_OF_ARCHIVE]);
        expect(archive.length % 512).toBe(0);
        const flags = ['-tvf', '-', '--quoting-style=literal', '--show-transformed-names', '--full-time', '--utc'];
        const listed = execFileSync('tar', [...flags, '--numeric-owner'], { input: archive, env: { LC_ALL: 'C' } });
        const [, owner, , day, clock] = listed.toString('latin1').split(/\s+/);
        expect(owner).toBe(`${uid}/0`);
        expect(Date.parse(`${day}T${clock}Z`) / 1000).toBe(Number(time));
        expect(listed.subarray(-bytes.length - 1, -1).equals(bytes)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
