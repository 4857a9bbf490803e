/** Which snapshots are meant, when not one but many are: by host, tag, path and time. */
import { isWithin } from '../fs/path.ts';
import { type Snapshot, takenAt } from './listing.ts';

/** Each member narrows; within one, any of its values will do. An empty list says nothing. */
export interface SnapshotFilter {
  readonly hosts: readonly string[];
  /** A word, or `key=value`; several joined with commas must all be there. */
  readonly tags: readonly string[];
  /** Absolute and normalised: at or below what the snapshot took. */
  readonly paths: readonly Uint8Array[];
  /** Milliseconds: none after this moment. */
  readonly until?: number;
}

/** In the order given. */
export function filterSnapshots(snapshots: readonly Snapshot[], filter: SnapshotFilter): Snapshot[] {
  return snapshots.filter(
    (snapshot) =>
      anyOf(filter.hosts, (host) => host === snapshot.body.host) &&
      anyOf(filter.tags, (tags) => tags.split(',').every((tag) => snapshot.body.tags.includes(tag))) &&
      anyOf(filter.paths, (path) => snapshot.body.paths.some((source) => isWithin(source, path))) &&
      (filter.until === undefined || takenAt(snapshot) <= filter.until),
  );
}

function anyOf<T>(values: readonly T[], holds: (value: T) => boolean): boolean {
  return values.length === 0 || values.some(holds);
}
