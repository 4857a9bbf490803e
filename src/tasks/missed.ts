/** What one repository has of a line of snapshots, and another one missed: it could not be reached when they were taken. */
import { type Snapshot, takenAt } from '../snapshot/listing.ts';
import type { VisibleSnapshots } from './snapshots.ts';

/** Snapshots of one machine and the same paths. */
export interface Line {
  readonly host: string;
  readonly paths: readonly Uint8Array[];
}

/**
 * Of `from`, oldest first: those that were taken after all that `to` has of the line, in its trash too. What is older `to`
 * has forgotten by rules of its own. Where it has none, the newest.
 */
export function missedSnapshots(from: VisibleSnapshots, to: VisibleSnapshots, line: Line): Snapshot[] {
  const key = lineKey(line);
  const isOfIt = ({ body }: Snapshot): boolean =>
    body.kind !== 'stash' && body.kind !== 'share' && lineKey(body) === key;
  const there = [...to.snapshots, ...to.removed].filter(isOfIt);
  const here = from.snapshots.filter(isOfIt);
  if (there.length === 0) return here.slice(-1);
  const newest = there.reduce((latest, snapshot) => Math.max(latest, takenAt(snapshot)), 0);
  return here.filter((snapshot) => takenAt(snapshot) > newest);
}

/** The same for the same line. */
export function lineKey({ host, paths }: Line): string {
  return JSON.stringify([host, paths.map((path) => Buffer.from(path).toString('latin1')).sort()]);
}
