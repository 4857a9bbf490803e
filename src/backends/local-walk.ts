/** The objects below a folder, as a stream: memory does not grow with their number. */
import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectInfo } from './backend.ts';
import { isAbsent } from './local-files.ts';
import { isPathPart, TEMPORARY_FOLDER } from './path.ts';

/** So many files are looked at together. */
const BATCH = 64;

/**
 * Regular files with names of the grammar. What vanishes meanwhile is skipped, symbolic links are never followed.
 * @param folder relative to `root`, `''` for all; an absent one is empty
 */
export async function* walkObjects(root: string, folder: string): AsyncGenerator<ObjectInfo> {
  const pending = [folder];
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    yield* walkFolder(root, current, pending);
  }
}

/**
 * The same in the order of the paths' bytes, and only what comes after `after`: folders that lie before it are not read. The names of
 * one folder are in memory at a time.
 */
export async function* walkInOrder(root: string, folder: string, after: string): AsyncGenerator<ObjectInfo> {
  let batch: string[] = [];
  for (const path of await sortedPaths(root, folder, after)) {
    const isFolder = path.endsWith('/');
    if (!isFolder) batch.push(path);
    if (!isFolder && batch.length < BATCH) continue;
    yield* await lookAt(root, batch);
    batch = [];
    if (isFolder) yield* walkInOrder(root, path.slice(0, -1), after);
  }
  yield* await lookAt(root, batch);
}

/** What may hold something after `after`; folders end in `/`, and so stand where their objects do. */
async function sortedPaths(root: string, folder: string, after: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of entriesOf(join(root, folder))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!isPathPart(entry.name) || path === TEMPORARY_FOLDER) continue;
    if (entry.isDirectory()) paths.push(`${path}/`);
    else if (entry.isFile()) paths.push(path);
  }
  return paths.filter((path) => path > after || (path.endsWith('/') && after.startsWith(path))).sort();
}

/** The files of one folder; its sub-folders are added to `pending`. */
async function* walkFolder(root: string, folder: string, pending: string[]): AsyncGenerator<ObjectInfo> {
  let batch: string[] = [];
  for await (const entry of entriesOf(join(root, folder))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!isPathPart(entry.name) || path === TEMPORARY_FOLDER) continue;
    if (entry.isDirectory()) pending.push(path);
    else if (entry.isFile()) batch.push(path);
    if (batch.length === BATCH) {
      yield* await lookAt(root, batch);
      batch = [];
    }
  }
  yield* await lookAt(root, batch);
}

async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder, { bufferSize: 256 });
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

async function lookAt(root: string, paths: readonly string[]): Promise<ObjectInfo[]> {
  const found = await Promise.all(paths.map((path) => infoOf(root, path)));
  return found.filter((info) => info !== undefined);
}

async function infoOf(root: string, path: string): Promise<ObjectInfo | undefined> {
  try {
    const stats = await lstat(join(root, path));
    return stats.isFile() ? { path, size: stats.size, modified: Math.floor(stats.mtimeMs) } : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
