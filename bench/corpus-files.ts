/** Corpora of real files: found below folders of the machine, chosen by a seed, copied. */
import fs from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Seeded } from './seeded.ts';

export interface RealFile {
  readonly path: string;
  readonly size: number;
  /** What its path in the corpus is relative to. */
  readonly root: string;
}

/** Readable regular files of a size, ordered by path; of hard links the first name only, they would be one file twice. */
export function filesBelow(root: string, wanted: (size: number) => boolean): RealFile[] {
  const found: RealFile[] = [];
  const seen = new Set<string>();
  const visit = (folder: string): void => {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      if (!entry.isFile()) continue;
      const size = sizeOf(path, seen);
      if (size !== undefined && wanted(size)) found.push({ path, size, root });
    }
  };
  visit(root);
  return found;
}

function entriesOf(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return []; // not there, or not ours to read
  }
}

function sizeOf(path: string, seen: Set<string>): number | undefined {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.nlink > 1) {
    const inode = `${stat.dev}:${stat.ino}`;
    if (seen.has(inode)) return undefined;
    seen.add(inode);
  }
  try {
    fs.accessSync(path, fs.constants.R_OK);
    return stat.size;
  } catch {
    return undefined;
  }
}

export interface Limit {
  readonly files?: number;
  readonly bytes?: number;
}

/** Whole directories in an order that the seed gives, until there is enough. */
export function pickFiles(files: readonly RealFile[], seeded: Seeded, limit: Limit): RealFile[] {
  const picked: RealFile[] = [];
  let bytes = 0;
  for (const [, directory] of seeded.shuffled([...Map.groupBy(files, ({ path }) => dirname(path))])) {
    for (const file of directory) {
      if (picked.length >= (limit.files ?? Number.POSITIVE_INFINITY)) return picked;
      if (bytes + file.size > (limit.bytes ?? Number.POSITIVE_INFINITY)) return picked;
      picked.push(file);
      bytes += file.size;
    }
  }
  return picked;
}

/** Copies with times and modes; each root becomes a folder of its own. */
export function copyFiles(files: readonly RealFile[], to: string): void {
  for (const file of files) {
    const target = targetOf(file, to);
    fs.mkdirSync(dirname(target), { recursive: true });
    fs.copyFileSync(file.path, target);
    const { atime, mtime } = fs.statSync(file.path);
    fs.utimesSync(target, atime, mtime);
  }
}

function targetOf({ root, path }: RealFile, to: string): string {
  return join(to, root.replaceAll('/', '_').replace(/^_/, ''), relative(root, path));
}

const PATCH = 32;

/** For machines with too few files: copies in which 32 bytes of each 512 are new digits, until there are so many. */
export function addVariations(files: readonly RealFile[], to: string, count: number, seeded: Seeded): void {
  if (files.length === 0) throw new Error('no real files to make variations of');
  for (let n = 0; n < count; n += 1) {
    const { path } = files[n % files.length] as RealFile;
    const bytes = fs.readFileSync(path);
    for (let at = 0; at + PATCH <= bytes.length; at += 512) bytes.write(seeded.bytes(PATCH / 2).toString('hex'), at);
    const folder = join(to, 'variations', String(Math.floor(n / 100)));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(join(folder, String(n)), bytes);
  }
}
