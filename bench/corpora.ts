/**
 * What is saved in the benchmark: folders made from the machine's own files, once, by a seed. A corpus is there when
 * `MANIFEST` has its line: `name seed=… size=… files=… bytes=… fp=…`, written last.
 *
 * - `big`: one file of random bytes, which cannot be compressed
 * - `mixed`: real files of all kinds and sizes
 * - `small`: real files of 1 to 20 KiB
 * - `vm`: the image of a disk; `vm2`: 2 % of its blocks rewritten anywhere, and 20 insertions; `vm3`: the 2 % in 64 runs
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { addVariations, copyFiles, filesBelow, pickFiles, type RealFile } from './corpus-files.ts';
import { writeEdited, writeImage } from './corpus-image.ts';
import { Seeded } from './seeded.ts';

export const CORPORA = ['big', 'mixed', 'small', 'vm', 'vm2', 'vm3'] as const;
export type CorpusName = (typeof CORPORA)[number];

export interface Sizes {
  readonly big: number;
  readonly mixed: number;
  /** Number of files; all others are bytes. */
  readonly small: number;
  readonly vm: number;
}
const GIB = 2 ** 30;
export const FULL: Sizes = { big: 2 * GIB, mixed: 1.5 * GIB, small: 60_000, vm: GIB };
export const QUICK: Sizes = { big: 64 << 20, mixed: 16 << 20, small: 1_000, vm: 32 << 20 };

export interface CorpusPlan {
  readonly folder: string;
  readonly sizes: Sizes;
  readonly seed: number;
  /** Folders with real files, best first. */
  readonly roots: readonly string[];
  readonly say: (line: string) => void;
}

const PIECE = 16 << 20;
const SMALL = { least: 1024, most: 20 << 10 };
const ROOT = join(import.meta.dirname, '..');
export const REAL_FILES = ['/usr', join(ROOT, 'node_modules')];

/** Makes those that are not there yet. */
export function ensureCorpora(plan: CorpusPlan, names: readonly CorpusName[]): void {
  const there = manifestOf(plan.folder);
  for (const name of names) {
    if (there.get(name)?.startsWith(planned(plan, name)) && fs.existsSync(join(plan.folder, name))) continue;
    plan.say(`making corpus ${name}`);
    // What is edited must come from an image of the same seed.
    if (name === 'vm2' || name === 'vm3') ensureCorpora(plan, ['vm']);
    makeCorpus(plan, name);
  }
}

/** What a line of the manifest begins with: another plan makes its corpus anew. */
function planned({ sizes, seed }: CorpusPlan, name: CorpusName): string {
  return `${name} seed=${seed} size=${name === 'vm2' || name === 'vm3' ? sizes.vm : sizes[name]} `;
}

function manifestOf(folder: string): Map<string, string> {
  const path = join(folder, 'MANIFEST');
  const lines = fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n') : [];
  return new Map(lines.filter((line) => line !== '').map((line) => [line.split(' ')[0] ?? '', line]));
}

function makeCorpus(plan: CorpusPlan, name: CorpusName): void {
  const made = join(plan.folder, `${name}.new`);
  fs.rmSync(made, { recursive: true, force: true });
  fs.mkdirSync(made, { recursive: true });
  MAKERS[name](plan, made, new Seeded(name === 'big' ? `neo-${plan.seed}` : `neo-${plan.seed}-${name}`));
  const line = planned(plan, name) + describe(made);
  const final = join(plan.folder, name);
  fs.rmSync(final, { recursive: true, force: true });
  fs.renameSync(made, final);
  const lines = manifestOf(plan.folder).set(name, line);
  fs.writeFileSync(join(plan.folder, 'MANIFEST'), [...lines.values(), ''].join('\n'));
  plan.say(line);
}

const MAKERS: { readonly [name in CorpusName]: (plan: CorpusPlan, folder: string, seeded: Seeded) => void } = {
  big({ sizes }, folder, seeded) {
    const fd = fs.openSync(join(folder, 'random.bin'), 'w');
    for (let left = sizes.big; left > 0; left -= PIECE) fs.writeSync(fd, seeded.bytes(Math.min(left, PIECE)));
    fs.closeSync(fd);
  },
  mixed({ roots, sizes }, folder, seeded) {
    let left = sizes.mixed;
    for (const root of roots) {
      // No file may be most of it.
      const files = filesBelow(root, (size) => size > 0 && size <= sizes.mixed / 16);
      const picked = pickFiles(files, seeded, { bytes: left });
      copyFiles(picked, folder);
      left -= bytesOf(picked);
    }
  },
  small({ roots, sizes }, folder, seeded) {
    const chosen: RealFile[] = [];
    for (const root of roots) {
      const files = filesBelow(root, (size) => size >= SMALL.least && size <= SMALL.most);
      chosen.push(...pickFiles(files, seeded, { files: sizes.small - chosen.length }));
    }
    copyFiles(chosen, folder);
    if (chosen.length < sizes.small) addVariations(chosen, folder, sizes.small - chosen.length, seeded);
  },
  vm(plan, folder, seeded) {
    const files = plan.roots.flatMap((root) => filesBelow(root, (size) => size > 0 && size <= plan.sizes.vm / 16));
    writeImage(folder, files, plan.sizes.vm, seeded);
  },
  vm2: ({ folder: from }, folder, seeded) => writeEdited(join(from, 'vm'), folder, false, seeded),
  vm3: ({ folder: from }, folder, seeded) => writeEdited(join(from, 'vm'), folder, true, seeded),
};

function bytesOf(files: readonly RealFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** The fingerprint is that of `find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum`. */
function describe(folder: string): string {
  const files = filesBelow(folder, () => true).map((file) => ({ ...file, name: file.path.slice(folder.length + 1) }));
  const hash = createHash('sha256');
  for (const { path, name } of files.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))) {
    hash.update(`${hashOf(path)}  ./${name}\n`);
  }
  return `files=${files.length} bytes=${bytesOf(files)} fp=${hash.digest('hex').slice(0, 16)}`;
}

function hashOf(path: string): string {
  const hash = createHash('sha256');
  const fd = fs.openSync(path, 'r');
  const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(1, fs.fstatSync(fd).size)));
  for (let length = 1; length > 0; ) {
    length = fs.readSync(fd, piece);
    hash.update(piece.subarray(0, length));
  }
  fs.closeSync(fd);
  return hash.digest('hex');
}
