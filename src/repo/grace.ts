/**
 * The times on which prune and writers agree (docs/decisions/0010-prune.md). All are durations in milliseconds.
 *
 * A writer whose snapshot lies in storage within half the floor of its validation is seen by every sweep that could
 * delete what it rests on: a sweep lists snapshots no earlier than the floor after it read the tomb.
 */
export const GRACE_FLOOR = 600_000;

/** Between a validation and the receipt of the snapshot; one that came later is unconfirmed. */
export function confirmWithin(floor = GRACE_FLOOR): number {
  return floor / 2;
}

/** A clock that is further off is wrong. */
export const CLOCK_TOLERANCE = 300_000;
/** Tombs that were swept go after that, so a listing of them older than a part of it says nothing any more. */
export const TOMBS_KEPT = 30 * 86_400_000;
export const LISTING_HOLDS = 7 * 86_400_000;
