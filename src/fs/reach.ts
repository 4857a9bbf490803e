/**
 * Paths longer than the kernel takes (PATH_MAX, 4,096 bytes with the NUL) are reached in pieces: a directory on the way
 * is opened, and the rest is looked up below /proc/self/fd/N. Linux with /proc; elsewhere the long path is handed to the
 * system, which says ENAMETOOLONG.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { asBuffer, joinPath, pathOf } from './path.ts';

/** Longest path given to a system call as it is; with a name of 255 bytes below it, it still fits in PATH_MAX. */
export const REACH_LIMIT = 3_800;

/** O_PATH needs only the right to pass through, and a walker's directory may be unreadable. */
const O_PATH = 0o10000000;
const O_WAYPOINT = O_PATH | (constants.O_DIRECTORY ?? 0);

/** A path for system calls; good until it is disposed of (twice is harmless). */
export interface ReachedPath extends Disposable {
  readonly path: Uint8Array;
}

/** The name of an open descriptor, below which further names can be looked up. Good in all threads of the process. */
export function descriptorPath(fd: number): Buffer {
  return pathOf(`/proc/self/fd/${fd}`);
}

/**
 * `path` itself when it is short; otherwise a short path to the same thing.
 * @throws the system's error when a directory on the way cannot be opened
 */
export function reachPath(path: Uint8Array): ReachedPath {
  if (path.length <= REACH_LIMIT || process.platform !== 'linux') {
    return { path, [Symbol.dispose]: () => undefined };
  }
  let waypoint: number | undefined;
  let rest = asBuffer(path);
  try {
    while (rest.length > REACH_LIMIT) {
      const cut = rest.lastIndexOf(0x2f, REACH_LIMIT);
      if (cut <= 0) break;
      const next = openSync(below(waypoint, rest.subarray(0, cut)), O_WAYPOINT);
      if (waypoint !== undefined) closeSync(waypoint);
      waypoint = next;
      rest = rest.subarray(cut + 1);
    }
  } catch (error) {
    if (waypoint !== undefined) closeSync(waypoint);
    throw error;
  }
  return {
    path: below(waypoint, rest),
    [Symbol.dispose]: () => {
      if (waypoint !== undefined) closeSync(waypoint);
      waypoint = undefined;
    },
  };
}

function below(fd: number | undefined, path: Uint8Array): Buffer {
  return fd === undefined ? asBuffer(path) : joinPath(descriptorPath(fd), path);
}
