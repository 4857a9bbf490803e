/** The grammar of object paths (see `backend.ts`), checked before anything touches storage. */
import { NeoError } from '../core/errors.ts';

/** A top-level folder that belongs to the backend, for files that are not objects yet. */
export const TEMPORARY_FOLDER = 'tmp';

const PART = /^[a-z0-9._-]+$/;

/** True for one part of a path: `a-z 0-9 . - _`, neither `.` nor `..`. */
export function isPathPart(part: string): boolean {
  return PART.test(part) && part !== '.' && part !== '..';
}

/** True of what may be an object's path. */
export function isPath(path: string): boolean {
  const parts = path.split('/');
  return parts.every(isPathPart) && parts[0] !== TEMPORARY_FOLDER;
}

/** @throws NeoError failed when this is not an object's path (a fault of the program, or an attack by a name) */
export function checkPath(path: string): void {
  if (!isPath(path)) throw new NeoError('failed', `not an object's path: ${JSON.stringify(path.slice(0, 200))}`);
}

/** A folder for `list`: `''` is everything. @throws NeoError failed when it is no path */
export function checkFolder(folder: string): void {
  if (folder !== '') checkPath(folder);
}

/** The folder that holds a path, `''` at the top. */
export function folderOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut === -1 ? '' : path.slice(0, cut);
}

/** @throws NeoError failed for a range that is none, integrity when the object ends before the range does */
export function checkRange(
  path: string,
  size: number,
  range: { readonly offset: number; readonly length: number },
): void {
  const { offset, length } = range;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new NeoError('failed', `not a range: ${offset}+${length} of ${path}`);
  }
  if (offset + length > size) {
    throw new NeoError('integrity', `${path} is ${size} bytes long, too short for ${length} bytes at ${offset}`);
  }
}

/** The error of a put that met another object under its path. */
export function conflict(path: string): NeoError {
  return new NeoError('integrity', `${path} exists already with other bytes`, {
    hint: 'Run `neo check`: either the stored object is damaged or two writers chose the same name.',
  });
}
