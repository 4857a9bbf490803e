/** Where a restore goes: from what was asked for to directories on disk and nodes of the snapshot. */

import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { baseName, joinPath, normalisePath, parentPath, pathOf } from '../../fs/path.ts';
import type { Node } from '../../snapshot/node.ts';
import type { SnapshotBody } from '../../snapshot/snapshot.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import { lookUp } from './lookup.ts';

export type Destination =
  /** Below a directory: the whole tree with its paths; of a part, its content (a file: under its name). */
  | { readonly type: 'directory'; readonly path: string }
  /** Where it was. */
  | { readonly type: 'in-place' }
  /** Beside the original, under a name with the snapshot's time; only when there is one source (or a path). */
  | { readonly type: 'beside' };

/** One tree that lands at one place. */
export interface RestoreRoot {
  /** Directory on disk below which everything happens; made if it is missing. */
  readonly directory: Buffer;
  /** Directories to be made below it before, with their metadata. */
  readonly chain: readonly Node[];
  /** Undefined: the root directory of the snapshot. */
  readonly node: Node | undefined;
  /** In the snapshot, of `node`. */
  readonly path: Buffer;
  /** Set: `node` gets this name. Otherwise its content lands in the directory itself. */
  readonly name: Buffer | undefined;
  /** Must not exist yet. */
  readonly fresh: boolean;
  /** What people look at afterwards. */
  readonly result: Buffer;
}

/** @throws NeoError failed when the path is not in the snapshot; usage when it is not clear where to restore to */
export async function destinationRoots(
  load: LoadBlob,
  snapshot: SnapshotBody,
  path: Uint8Array | undefined,
  destination: Destination,
): Promise<readonly RestoreRoot[]> {
  const part = path === undefined ? undefined : normalisePath(joinPath(pathOf('/'), path));
  const wanted = part === undefined ? snapshot.paths : [part];
  if (destination.type === 'directory') return [await below(load, snapshot, part, Buffer.from(destination.path))];
  const roots: RestoreRoot[] = [];
  if (destination.type === 'beside') {
    const [only] = wanted;
    if (only === undefined || wanted.length > 1) throw severalSources();
    return [await beside(load, snapshot, only)];
  }
  for (const source of wanted) roots.push(await inPlace(load, snapshot, source));
  return roots;
}

function severalSources(): NeoError {
  return new NeoError('usage', 'this snapshot is of several paths: say where to restore to', {
    hint: 'use --to DIR, or --in-place, or name one: SNAPSHOT:PATH',
  });
}

async function below(
  load: LoadBlob,
  snapshot: SnapshotBody,
  part: Buffer | undefined,
  directory: Buffer,
): Promise<RestoreRoot> {
  const { path, nodes } = await lookUp(load, snapshot.tree, part ?? pathOf('/'));
  const node = nodes.at(-1);
  const common = { directory, chain: [], node, path: Buffer.from(path), fresh: false };
  if (node === undefined || node.type === 'directory') return { ...common, name: undefined, result: directory };
  const name = baseName(path);
  return { ...common, name, result: joinPath(directory, name) };
}

async function beside(load: LoadBlob, snapshot: SnapshotBody, wanted: Uint8Array): Promise<RestoreRoot> {
  const { path, nodes } = await lookUp(load, snapshot.tree, wanted);
  const source = Buffer.from(path);
  const node = nodes.at(-1);
  if (node === undefined) {
    throw new NeoError('usage', 'the whole file system cannot be restored beside itself', { hint: 'use --to DIR' });
  }
  const parent = parentPath(source);
  if (!isDirectory(parent)) {
    throw new NeoError('failed', `${displayBytes(parent)} is not there any more: nothing to restore beside`, {
      hint: 'use --to DIR, or --in-place',
    });
  }
  const name = freeName(parent, Buffer.concat([baseName(source), Buffer.from(`.restored-${stamp(snapshot.time)}`)]));
  const result = joinPath(parent, name);
  if (node.type === 'directory') {
    return { directory: result, chain: [], node, path: source, name: undefined, fresh: true, result };
  }
  return { directory: parent, chain: [], node, path: source, name, fresh: true, result };
}

/** `2026-11-20T10-00-00`, local time: what a person looks for, without characters that shells and Windows mind. */
function stamp(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}-${two(date.getMinutes())}-${two(date.getSeconds())}`;
}

function freeName(parent: Buffer, name: Buffer): Buffer {
  for (let n = 1; ; n++) {
    const tried = n === 1 ? name : Buffer.concat([name, Buffer.from(`-${n}`)]);
    if (fs.lstatSync(joinPath(parent, tried), { throwIfNoEntry: false }) === undefined) return tried;
  }
}

/** From the deepest directory above the source that exists; symlinks on the way there are the user's. */
async function inPlace(load: LoadBlob, snapshot: SnapshotBody, wanted: Uint8Array): Promise<RestoreRoot> {
  const { path, nodes } = await lookUp(load, snapshot.tree, wanted);
  const source = Buffer.from(path);
  const node = nodes.at(-1);
  const common = { node, path: source, fresh: false, result: source };
  if (node === undefined) return { ...common, directory: pathOf('/'), chain: [], name: undefined };
  let directory = parentPath(source);
  let missing = 0;
  while (!isDirectory(directory) && directory.length > 1) {
    directory = parentPath(directory);
    missing += 1;
  }
  const chain = missing === 0 ? [] : nodes.slice(-1 - missing, -1);
  return { ...common, directory, chain, name: baseName(source) };
}

function isDirectory(path: Buffer): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}
