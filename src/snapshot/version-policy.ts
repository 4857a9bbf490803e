/**
 * Which contents of a file stay when the snapshots go that hold them: a pure function of when each was first seen; and for
 * whom that is said in the repository.
 */
import { fromByteString } from '../core/bytes.ts';
import { calendarTime, PERIODS, type Period, parseSpan, periodOf, type Span } from '../core/calendar.ts';
import { parseVersionRules, type VersionRules } from '../core/version-rules.ts';
import type { RecordListing } from '../repo/record.ts';
import type { PolicyScope } from './policy.ts';

export interface VersionPolicy extends PolicyScope {
  readonly rules: VersionRules;
  /** So long after a file was seen last nothing of it has to stay; without it, it stays. */
  readonly keepDeleted?: Span;
  /** When it was set, by the storage's clock, milliseconds. */
  readonly time: number;
}

/** @param versions by the time at which each was first seen, milliseconds, the oldest first */
export function wantedVersions<V extends { readonly time: number }>(
  versions: readonly V[],
  { original, last = 0, each = {} }: VersionRules,
): Set<V> {
  const newestFirst = versions.toReversed();
  const wanted = new Set(newestFirst.slice(0, last));
  const [first] = versions;
  if (original && first !== undefined) wanted.add(first);
  for (const period of PERIODS)
    for (const version of ofPeriods(newestFirst, period, each[period] ?? 0)) wanted.add(version);
  return wanted;
}

function ofPeriods<V extends { readonly time: number }>(newestFirst: readonly V[], period: Period, most: number): V[] {
  const seen = new Map<string, V>();
  for (const version of newestFirst) {
    if (seen.size >= most) break;
    const name = periodOf(calendarTime(version.time), period);
    if (!seen.has(name)) seen.set(name, version);
  }
  return [...seen.values()];
}

export function versionPoliciesOf({ versions }: Pick<RecordListing, 'versions'>): VersionPolicy[] {
  return versions.map(({ host, path, rules, deleted, time }) => ({
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path: fromByteString(path) }),
    rules: rules === null || rules === '' ? { original: false } : parseVersionRules(rules),
    ...(deleted === undefined ? {} : { keepDeleted: parseSpan(deleted) }),
    time,
  }));
}
