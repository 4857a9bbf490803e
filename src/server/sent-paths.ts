/** Paths that a client sends: of the grammar, and no longer than any of ours. */
import { isPath } from '../backends/path.ts';
import { NeoError } from '../core/errors.ts';

/** The longest of ours are some 140 characters in three parts. What is deeper would only make folders. */
const MOST_LENGTH = 250;
const MOST_PARTS = 5;

/** @throws NeoError usage: it is the client's fault, not one of this program */
export function checkPathSent(path: string): void {
  if (path.length <= MOST_LENGTH && isPath(path) && path.split('/').length <= MOST_PARTS) return;
  throw new NeoError('usage', "not an object's path");
}
