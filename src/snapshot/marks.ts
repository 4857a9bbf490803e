/** What others say of a snapshot, and what is wrong with when it came. */
import { confirmWithin } from '../repo/grace.ts';
import { isPinned, isRevoked, type RecordListing } from '../repo/record.ts';
import type { Snapshot } from './listing.ts';
import { doubtAbout } from './retention.ts';

/** Undefined when it counts like all others. */
export function doubtOf(
  { name, arrived, role, head: { validated } }: Snapshot,
  records: RecordListing,
): 'unconfirmed' | 'disputed' | undefined {
  const confirmed = records.confirmed.has(name);
  return doubtAbout({ confirmed, arrived, validated, writeOnly: role !== 'full' }, confirmWithin());
}

/** `now`: by the storage's clock, milliseconds. */
export function marksOf(snapshot: Snapshot, records: RecordListing, now: number): string[] {
  const { name, head } = snapshot;
  const doubt = doubtOf(snapshot, records);
  return [
    ...(isPinned(records, name, now) ? ['pinned'] : []),
    ...(doubt === undefined ? [] : [doubt]),
    ...(isRevoked(records, head.client, name) ? ['revoked'] : []),
  ];
}
