/** Three states of one small folder on the real disk, and what each of them holds, read without neo. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { SimRandom } from './sim-random.ts';

/** Path below the folder (`''` for itself) → everything that a restore must bring back, as text. */
export type Model = ReadonlyMap<string, string>;

export interface SourceState {
  readonly folder: string;
  readonly model: Model;
}

export function fingerprint(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

export function describeEntry(entry: {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly mtime: bigint;
  /** Fingerprint of a file's bytes, target of a link. */
  readonly content: string;
  readonly links: number;
}): string {
  const { type, mode, uid, mtime, content, links } = entry;
  return `${type} ${mode.toString(8)} ${uid} ${mtime} ${links} ${content}`;
}

export function readModel(folder: string): Model {
  const model = new Map<string, string>();
  const visit = (path: string, name: string): void => {
    model.set(name, describePath(path));
    if (!lstatSync(path).isDirectory()) return;
    for (const child of readdirSync(path)) visit(join(path, child), `${name}/${child}`);
  };
  visit(folder, '');
  return model;
}

function describePath(path: string): string {
  const stat = lstatSync(path, { bigint: true });
  const common = { mode: Number(stat.mode) & 0o7777, uid: Number(stat.uid), mtime: stat.mtimeNs };
  const links = Number(stat.nlink);
  if (stat.isDirectory()) return describeEntry({ ...common, type: 'directory', links: 1, content: '' });
  if (stat.isSymbolicLink()) return describeEntry({ ...common, type: 'symlink', links, content: readlinkSync(path) });
  return describeEntry({ ...common, type: 'file', links, content: fingerprint(readFileSync(path)) });
}

/** Files of several chunks, bundles of small ones, a hard link, a symlink, a sparse and an empty file. */
function makeFirst(folder: string, random: SimRandom): void {
  mkdirSync(join(folder, 'docs/deep/er'), { recursive: true });
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'image.bin'), random.bytes(220_000));
  writeFileSync(join(folder, 'text.log'), 'a line that repeats, and packs well\n'.repeat(3000));
  for (let n = 0; n < 14; n++) writeFileSync(join(folder, `docs/note-${n}`), random.bytes(200 + 700 * n));
  for (let n = 0; n < 4; n++) writeFileSync(join(folder, `docs/deep/er/same-${n}`), 'equal');
  writeFileSync(join(folder, 'nothing'), '');
  writeFileSync(join(folder, 'holes'), random.bytes(5000));
  truncateSync(join(folder, 'holes'), 400_000);
  linkSync(join(folder, 'docs/note-3'), join(folder, 'docs/deep/linked'));
  symlinkSync('docs/note-1', join(folder, 'pointer'));
}

function copyOf(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

/** Edits in the middle, a deletion, a rename, new files. */
function makeSecond(folder: string, random: SimRandom): void {
  const image = readFileSync(join(folder, 'image.bin'));
  image.set(random.bytes(600), 100_000);
  writeFileSync(join(folder, 'image.bin'), image);
  rmSync(join(folder, 'docs/note-5'));
  renameSync(join(folder, 'docs/note-6'), join(folder, 'docs/moved'));
  writeFileSync(join(folder, 'docs/note-2'), random.bytes(900));
  writeFileSync(join(folder, 'new.bin'), random.bytes(90_000));
}

function makeThird(folder: string, random: SimRandom): void {
  rmSync(join(folder, 'docs/deep'), { recursive: true });
  renameSync(join(folder, 'new.bin'), join(folder, 'docs/renamed.bin'));
  for (let n = 0; n < 6; n++) writeFileSync(join(folder, `empty/late-${n}`), random.bytes(3000));
  writeFileSync(join(folder, 'second.bin'), random.bytes(150_000));
}

/** `base`: an empty folder. Bytes depend on `seed` alone; times are set, so that runs are alike. */
export function makeSources(base: string, seed = 1): readonly SourceState[] {
  const random = new SimRandom(seed);
  const folders = ['first', 'second', 'third'].map((name) => join(base, name));
  const [first = '', second = '', third = ''] = folders;
  mkdirSync(first);
  makeFirst(first, random);
  setTimes(first, 1_700_000_000);
  copyOf(first, second);
  makeSecond(second, random);
  copyOf(second, third);
  makeThird(third, random);
  return folders.map((folder) => ({ folder, model: readModel(folder) }));
}

function setTimes(path: string, time: number): void {
  const stat = lstatSync(path);
  if (stat.isDirectory()) for (const child of readdirSync(path)) setTimes(join(path, child), time);
  if (!stat.isSymbolicLink()) utimesSync(path, time, time);
}
