/** `mkdir -p`, as far as it goes. */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { systemCode } from '../core/errors.ts';
import { parentPath } from './path.ts';

/**
 * Makes a directory and those above it. Node's own way never ends where the system answers ENOENT below a directory
 * that exists, as /proc does.
 * @param path absolute
 * @throws what the system says, also when something else than a directory is there
 */
export function makeDirectories(path: Buffer): void {
  if (made(path, false)) return;
  const above = Buffer.from(parentPath(path));
  if (!above.equals(path)) makeDirectories(above);
  made(path, true);
}

/** False when something above is missing and that is not the `last` try. */
function made(path: Buffer, last: boolean): boolean {
  try {
    fs.mkdirSync(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' && !last) return false;
    if (code !== 'EEXIST' || !fs.statSync(path).isDirectory()) throw error;
  }
  return true;
}
