/** Real kernel, real processes: the order of system calls, a full disk, a read-only one, and kill -9. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { openLocal } from '../../src/backends/local.ts';
import { listed, pattern } from '../support/backend-suite.ts';
import { bytesFor } from '../support/put-child.ts';

const CHILD = fileURLToPath(new URL('../support/put-child.ts', import.meta.url));

interface Trace {
  readonly lines: readonly string[];
  /** The first line from `from` on with this call, or -1. */
  readonly at: (call: RegExp, from?: number) => number;
}

describe('durability on disk', () => {
  let folder = '';
  let root = '';
  const mounts: string[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'neo-durable-'));
    root = join(folder, 'repository');
  });
  afterEach(async () => {
    for (const mount of mounts.splice(0)) execFileSync('umount', [mount]);
    await rm(folder, { recursive: true });
  });

  /** A tmpfs below the test's folder; skips the test where mounting is not allowed. */
  async function mountTmpfs(context: TestContext, options: string): Promise<string> {
    const at = join(folder, 'mount');
    await mkdir(at);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at]).status !== 0) {
      context.skip('skipped: a tmpfs can be mounted by root only');
    }
    mounts.push(at);
    return at;
  }

  /** The system calls of a writer that puts five objects one by one, puts the first again and removes it. */
  async function traceCalls(context: TestContext): Promise<Trace> {
    if (spawnSync('strace', ['-V']).error !== undefined) context.skip('skipped: strace is not installed');
    const file = join(folder, 'trace');
    const calls = 'write,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat';
    const options = ['-f', '-y', '-qq', '-e', `trace=${calls}`, '-o', file];
    const run = spawnSync('strace', [...options, process.execPath, CHILD, root, '5', '9000', '1', 'more'], {
      encoding: 'utf8',
      env: { ...process.env, UV_USE_IO_URING: '0' },
    });
    if (/ptrace/.test(run.stderr)) context.skip('skipped: strace may not trace here');
    expect(run.status, run.stderr).toBe(0);
    const lines = (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line.includes(folder) || line.includes('write(1<'));
    return { lines, at: (call, from = 0) => lines.findIndex((line, n) => n >= from && call.test(line)) };
  }

  /** Positions that exist, each after the one before. */
  function expectOrder(trace: Trace, positions: readonly number[]): void {
    expect(positions, trace.lines.join('\n')).not.toContain(-1);
    expect(positions, trace.lines.join('\n')).toEqual([...positions].sort((a, b) => a - b));
  }

  it('syncs the file, links it, syncs the folder, and only then acknowledges', async (context) => {
    const trace = await traceCalls(context);
    const { lines, at } = trace;
    // Put 0 goes to a new folder, put 4 into one that is known.
    for (const name of ['0-9000', '4-9000']) {
      const linked = at(new RegExp(`\\blink(at)?\\(.*"${root}/packs/00/${name}"`));
      const temporary = /"([^"]*\/tmp\/[^"]*)"/.exec(lines[linked] ?? '')?.[1] ?? 'none';
      expectOrder(trace, [
        at(new RegExp(`write(64)?\\(\\d+<${temporary}>`)),
        at(new RegExp(`fsync\\(\\d+<${temporary}>`)),
        linked,
        at(new RegExp(`fsync\\(\\d+<${root}/packs/00>`), linked),
        at(new RegExp(`write\\(1<.*${name}`)),
      ]);
    }
    expect(at(/rename|ftruncate/)).toBe(-1);
  });

  it('makes the names of new folders durable before the first acknowledgement', async (context) => {
    const trace = await traceCalls(context);
    const acknowledged = trace.at(/write\(1</);
    for (const [made, above] of [
      [root, folder],
      [`${root}/packs`, root],
      [`${root}/packs/00`, `${root}/packs`],
    ]) {
      const making = trace.at(new RegExp(`mkdir\\("${made}"`));
      expectOrder(trace, [making, trace.at(new RegExp(`fsync\\(\\d+<${above}>`), making), acknowledged]);
    }
  });

  it('makes an object that is there already, and a removal, durable before it acknowledges', async (context) => {
    const trace = await traceCalls(context);
    const syncedFolder = new RegExp(`fsync\\(\\d+<${root}/packs/00>`);
    const last = trace.at(/write\(1<.*4-9000/);
    const existing = trace.at(new RegExp(`fsync\\(\\d+<${root}/packs/00/0-9000>`));
    expectOrder(trace, [last, existing, trace.at(syncedFolder, existing), trace.at(/write\(1<.*again/)]);
    const again = trace.at(/write\(1<.*again/);
    const unlinked = trace.at(new RegExp(`unlink\\("${root}/packs/00/0-9000"`));
    expectOrder(trace, [again, unlinked, trace.at(syncedFolder, unlinked), trace.at(/write\(1<.*removed/)]);
  });

  it('says no-space on a full file system, and leaves neither parts nor litter', async (context) => {
    const at = await mountTmpfs(context, 'size=1m');
    const backend = await openLocal(join(at, 'repository'), { create: true });
    await backend.put('packs/00/fits', pattern(600_000));
    const refused = { code: 'no-space', message: expect.stringContaining('packs/00/big'), hint: expect.any(String) };
    await expect(backend.put('packs/00/big', pattern(600_000))).rejects.toMatchObject(refused);
    expect((await listed(backend)).map((info) => info.path)).toEqual(['packs/00/fits']);
    expect(await readdir(join(at, 'repository/tmp'))).toEqual([]);
    await backend.remove('packs/00/fits');
    await backend.put('packs/00/big', pattern(600_000));
    expect(await backend.get('packs/00/big')).toEqual(pattern(600_000));
  });

  it('says no-space when the inodes are used up', async (context) => {
    const at = await mountTmpfs(context, 'nr_inodes=8');
    const backend = await openLocal(join(at, 'r'), { create: true });
    // Used: root of the mount, r, tmp, packs, 00, a, b; the eighth is the next temporary file.
    await backend.put('packs/00/a', pattern(10));
    await backend.put('packs/00/b', pattern(10));
    await expect(backend.put('packs/01/c', pattern(10))).rejects.toMatchObject({ code: 'no-space' });
    expect(await readdir(join(at, 'r/tmp'))).toEqual([]);
    expect((await listed(backend)).map((info) => info.path)).toEqual(['packs/00/a', 'packs/00/b']);
  });

  it('says permission-denied where it may not write, and still reads', async (context) => {
    const isRoot = process.getuid?.() === 0;
    const at = isRoot ? await mountTmpfs(context, 'size=1m') : folder;
    const place = join(at, 'repository');
    await (await openLocal(place, { create: true })).put('packs/00/a', pattern(10));
    if (isRoot) execFileSync('mount', ['-o', 'remount,ro', at]);
    else for (const path of ['packs/00', 'tmp']) await chmod(join(place, path), 0o500);
    const backend = await openLocal(place);
    const refused = { code: 'permission-denied', hint: expect.any(String) };
    expect(await backend.get('packs/00/a')).toEqual(pattern(10));
    await expect(backend.put('packs/00/b', pattern(10))).rejects.toMatchObject(refused);
    await expect(backend.remove('packs/00/a')).rejects.toMatchObject(refused);
    // On a network mount this would ask with a probe, which cannot be written here.
    expect(await backend.now()).toBeGreaterThan(Date.UTC(2020, 0, 1));
    await backend.close();
    if (!isRoot) for (const path of ['packs/00', 'tmp']) await chmod(join(place, path), 0o700);
  });

  it('shows no partial object and loses no acknowledged one to kill -9', async () => {
    let acknowledgedInAll = 0;
    for (let cycle = 0; cycle < 12; cycle += 1) {
      const place = join(folder, `cycle${cycle}`);
      const acknowledged = await putUntilKilled(place, 1 + cycle * 3);
      acknowledgedInAll += acknowledged.length;
      const backend = await openLocal(place);
      const left = await listed(backend);
      for (const { path } of left) {
        const bytes = await backend.get(path);
        expect(bytes !== undefined && Buffer.compare(bytes, bytesFor(path)) === 0, `${path} is whole`).toBe(true);
      }
      expect(left.map((info) => info.path)).toEqual(expect.arrayContaining(acknowledged));
    }
    expect(acknowledgedInAll).toBeGreaterThan(12);
  });
});

/** Runs a writer of 256 KiB objects, four at a time, and kills it once it has acknowledged `count` of them. */
function putUntilKilled(root: string, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, root, '100000', '262144', '4'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.split('\n').length > count) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself: ${signal}`));
      else resolve(output.split('\n').slice(0, -1));
    });
  });
}
