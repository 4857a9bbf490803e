/** Rules of retention that are kept in the repository: as they are stored, and for whom each is. */
import { fromByteString, toByteString } from '../core/bytes.ts';
import { PERIODS, type Period, parseSpan, type Span, spanText } from '../core/calendar.ts';
import { isWithin } from '../fs/path.ts';
import type { RecordListing, StoredKeep } from '../repo/record.ts';
import type { RetentionRules } from './retention.ts';

/** Whom a policy is for; without both, everybody who has no other. */
export interface PolicyScope {
  readonly host?: string;
  /** Absolute: for snapshots all of whose paths lie at or below it. */
  readonly path?: Uint8Array;
}

export interface Policy extends PolicyScope {
  readonly rules: RetentionRules;
  /** When it was set, by the storage's clock, milliseconds. */
  readonly time: number;
}

export function policiesOf({ policies }: Pick<RecordListing, 'policies'>): Policy[] {
  return policies.map(({ host, path, keep, time }) => ({
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path: fromByteString(path) }),
    rules: rulesOf(keep ?? {}),
    time,
  }));
}

/** The one with the longest path that fits, and of those the one that names the host. */
export function policyFor<P extends PolicyScope>(
  policies: readonly P[],
  { host, paths }: { readonly host: string; readonly paths: readonly Uint8Array[] },
): P | undefined {
  const fitting = policies.filter(
    (policy) =>
      (policy.host === undefined || policy.host === host) &&
      (policy.path === undefined || paths.every((path) => isWithin(policy.path ?? path, path))),
  );
  const weight = (policy: PolicyScope): number => (policy.path?.length ?? 0) * 2 + (policy.host === undefined ? 0 : 1);
  return fitting.toSorted((a, b) => weight(b) - weight(a))[0];
}

/** As a record holds them. */
export function storedScope({ host, path }: PolicyScope): { host?: string; path?: ReturnType<typeof toByteString> } {
  return {
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path: toByteString(path) }),
  };
}

export function storedKeep({ last, each, within, eachWithin, tags }: RetentionRules): StoredKeep {
  return {
    ...(last === undefined ? {} : { last: storedCount(last) }),
    ...(each === undefined ? {} : { each: mapPeriods(each, storedCount) }),
    ...(within === undefined ? {} : { within: spanText(within) }),
    ...(eachWithin === undefined ? {} : { eachWithin: mapPeriods(eachWithin, spanText) }),
    ...(tags === undefined ? {} : { tags: tags.map((list) => [...list]) }),
  };
}

function rulesOf({ last, each, within, eachWithin, tags }: StoredKeep): RetentionRules {
  return {
    ...(last === undefined ? {} : { last: countOf(last) }),
    ...(each === undefined ? {} : { each: mapPeriods(each, countOf) }),
    ...(within === undefined ? {} : { within: parseSpan(within) }),
    ...(eachWithin === undefined ? {} : { eachWithin: mapPeriods<string, Span>(eachWithin, parseSpan) }),
    ...(tags === undefined ? {} : { tags }),
  };
}

function storedCount(count: number): number | 'all' {
  return count === Number.POSITIVE_INFINITY ? 'all' : count;
}

function countOf(count: number | 'all'): number {
  return count === 'all' ? Number.POSITIVE_INFINITY : count;
}

function mapPeriods<A, B>(from: Partial<Record<Period, A>>, change: (value: A) => B): Partial<Record<Period, B>> {
  const changed: Partial<Record<Period, B>> = {};
  for (const period of PERIODS) {
    const value = from[period];
    if (value !== undefined) changed[period] = change(value);
  }
  return changed;
}
