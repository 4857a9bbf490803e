/** Zip archives of snapshots, read by Python's zipfile. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NeoEvent } from '../../src/core/events.ts';
import { dumpZip } from '../../src/tasks/dump.ts';
import { noise } from './backup-support.ts';
import { HistoryWorld, path } from './history-support.ts';

const READ = `
import io, json, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert archive.testzip() is None
print(json.dumps([[i.filename, oct(i.external_attr >> 16), archive.read(i).decode('latin1')] for i in archive.infolist()]))
`;

async function zipped(
  world: HistoryWorld,
  at: string,
): Promise<{ entries: [string, string, string][]; told: string[] }> {
  const [snapshot] = (await world.look()).snapshots;
  if (snapshot === undefined) throw new Error('no snapshot');
  const told: string[] = [];
  const hear = (event: NeoEvent): void => {
    if (event.type === 'warning') told.push(event.message);
  };
  const parts: Uint8Array[] = [];
  const counts = { files: 0, bytes: 0 };
  for await (const bytes of dumpZip(await world.indexed(), snapshot, path(at), hear, counts)) {
    parts.push(Buffer.from(bytes));
  }
  const archive = Buffer.concat(parts);
  expect(archive.length).toBe(counts.bytes);
  const read = execFileSync('python3', ['-c', READ], { input: archive, maxBuffer: 1 << 28 }).toString();
  const entries = JSON.parse(read) as [string, string, string][];
  expect(entries).toHaveLength(counts.files);
  return { entries, told };
}

describe('neo dump --zip', () => {
  it('gives bytes, modes and links, under names that every system takes', async () => {
    const world = await HistoryWorld.make();
    const at = (name: string): string => join(world.folder, name);
    mkdirSync(at('dir/empty'), { recursive: true });
    writeFileSync(at('dir/file'), 'content');
    chmodSync(at('dir/file'), 0o751);
    chmodSync(at('dir'), 0o700);
    writeFileSync(at('A'), 'upper');
    writeFileSync(at('a'), 'lower');
    writeFileSync(at('back\\slash'), 'back');
    writeFileSync(at('nothing'), '');
    writeFileSync(at('sparse'), 'begin');
    truncateSync(at('sparse'), 300_000);
    symlinkSync('dir/file', at('link'));
    await world.snapshot();
    const { entries, told } = await zipped(world, '/home');
    const found = new Map(entries.map(([name, mode, content]) => [name, { mode, content }]));
    expect(found.get('home/dir/file')).toEqual({ mode: '0o100751', content: 'content' });
    expect(found.get('home/dir/')?.mode).toBe('0o40700');
    expect(found.get('home/dir/empty/')?.content).toBe('');
    expect([found.get('home/A')?.content, found.get('home/a~2')?.content]).toEqual(['upper', 'lower']);
    expect(found.get('home/back%5Cslash')?.content).toBe('back');
    expect(found.get('home/nothing')?.content).toBe('');
    expect(found.get('home/sparse')?.content).toBe(`begin${'\0'.repeat(299_995)}`);
    expect(found.get('home/link')).toEqual({ mode: '0o120777', content: 'dir/file' });
    expect(told).toHaveLength(2);
  });

  it('of one file has it alone', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'one'), '1');
    writeFileSync(join(world.folder, 'two'), '2');
    await world.snapshot();
    expect((await zipped(world, '/home/one')).entries.map(([name]) => name)).toEqual(['one']);
  });

  it('breaks off where something is damaged', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'one'), noise(300_000, 1));
    await world.snapshot();
    const largest = { path: '', size: 0 };
    for await (const { path: at, size } of world.made.backend.list('packs')) {
      if (size > largest.size) Object.assign(largest, { path: at, size });
    }
    const bytes = Buffer.from((await world.made.backend.get(largest.path)) ?? []);
    world.made.backend.tamper(largest.path, bytes.fill(7, 100, 200));
    await expect(zipped(world, '/home')).rejects.toMatchObject({ code: 'integrity' });
  });
});
