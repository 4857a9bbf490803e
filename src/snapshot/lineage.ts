/** Snapshots of the same host and paths follow each other: what one of them has not, and one before had, was deleted. */
import type { SnapshotBody } from './snapshot.ts';

/** One text for paths in whatever order; no path holds a NUL. */
export function pathSet(paths: readonly Uint8Array[]): string {
  return paths
    .map((path) => Buffer.from(path).toString('latin1'))
    .sort()
    .join('\0');
}

/** One text for all snapshots of a host and a set of paths. */
export function lineageOf({ host, paths, kept }: Pick<SnapshotBody, 'host' | 'paths' | 'kept'>): string {
  // What is left of snapshots follows none of them.
  return JSON.stringify(kept === undefined ? [host, pathSet(paths)] : [host, pathSet(paths), 'kept']);
}
