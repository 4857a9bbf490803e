import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CORPORA, ensureCorpora } from '../../bench/corpora.ts';
import { rewrittenBlocks } from '../../bench/corpus-image.ts';
import { editFiles } from '../../bench/edits.ts';
import { parseTime, parseTimes } from '../../bench/measure.ts';
import { Seeded } from '../../bench/seeded.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true });
});

function temporary(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'neo-corpora-'));
  folders.push(folder);
  return folder;
}

const SIZES = { big: 1 << 20, mixed: 1 << 18, small: 300, vm: 1 << 21 };

/** @returns what was said */
function makeIn(folder: string, seed: number, sizes = SIZES): string[] {
  const said: string[] = [];
  const roots = [join(import.meta.dirname, '..', '..', 'src', 'core')];
  ensureCorpora({ folder, sizes, seed, roots, say: (line) => said.push(line) }, CORPORA);
  return said;
}

function make(seed: number): string {
  const folder = temporary();
  makeIn(folder, seed);
  return folder;
}

const manifest = (folder: string): string => fs.readFileSync(join(folder, 'MANIFEST'), 'utf8');

describe('corpora', () => {
  it('are the same for the same seed and files, and others for another', () => {
    const [one, same, other] = [make(1), make(1), make(2)];
    expect(manifest(one)).toBe(manifest(same));
    const names = manifest(one).trim().split('\n');
    expect(names.map((line) => line.split(' ')[0])).toEqual([...CORPORA]);
    const others = manifest(other).trim().split('\n');
    for (const [n, line] of names.entries()) if (!line.startsWith('mixed')) expect(line).not.toBe(others[n]);
    expect(names[0]).toContain('bytes=1048576 ');
    expect(names[2]).toContain('files=300 ');
    expect(fs.statSync(join(one, 'vm', 'disk.img')).size).toBe(1 << 21);
    expect(fs.statSync(join(one, 'vm2', 'disk.img')).size).toBeGreaterThan(1 << 21);
  });

  it('are made once, and anew for another size', () => {
    const folder = make(1);
    expect(makeIn(folder, 1)).toEqual([]);
    expect(makeIn(folder, 1, { ...SIZES, big: 1000 })[0]).toBe('making corpus big');
    expect(manifest(folder)).toMatch(/^big seed=1 size=1000 files=1 bytes=1000 /m);
    expect(makeIn(folder, 1, { ...SIZES, big: 1000 })).toEqual([]);
  });
});

describe('edits', () => {
  it('rewrite 2 % of an image, anywhere or in 64 runs', () => {
    const scattered = rewrittenBlocks(65_536, false, new Seeded('a'));
    expect(new Set(scattered).size).toBe(1310);
    const runs = rewrittenBlocks(65_536, true, new Seeded('a'));
    expect(runs).toHaveLength(64 * 20);
    expect(runs.filter((block, n) => n > 0 && block !== (runs[n - 1] ?? 0) + 1).length).toBeLessThan(64);
  });

  it('change, add and remove a hundredth of the files', () => {
    const folder = temporary();
    for (let n = 0; n < 800; n += 1) fs.writeFileSync(join(folder, String(n)), `file ${n}`.padEnd(2000, '.'));
    expect(editFiles(folder, new Seeded('x'))).toBe(8);
    const after = fs.readdirSync(folder);
    expect(after.filter((name) => name.endsWith('.copy'))).toHaveLength(2);
    expect(after).toHaveLength(800);
    const sizes = after.map((name) => fs.statSync(join(folder, name)).size);
    expect(sizes.filter((size) => size !== 2000).length).toBeGreaterThanOrEqual(2);
  });
});

describe('usage', () => {
  it('is read from what GNU time says, also after a line about the exit code', () => {
    expect(parseTime('Command exited with non-zero status 1\n1.50 0.25 2048\n')).toEqual({ cpu: 1.75, peak: 2 << 20 });
  });

  it('is read from the shell where there is no GNU time: the children, not the shell', () => {
    expect(parseTimes('0m9.00s 0m9.00s\n1m2.50s 0m0.25s\n')).toEqual({ cpu: 62.75, peak: undefined });
  });
});
