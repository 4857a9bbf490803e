/**
 * Which snapshots of one group stay: a pure function of their times, kinds and tags. The rules are those of restic's
 * `forget`; where this decides otherwise (docs/decisions/0009-retention.md), it is so that nobody with a key that may
 * only write can push good snapshots out: times are when storage received them, and of a period the first one stays.
 */

import { calendarTime, earlier, PERIODS, type Period, periodOf, type Span } from '../core/calendar.ts';
import type { ObjectName } from '../core/ids.ts';
import type { SnapshotKind } from './snapshot.ts';

export interface RetentionRules {
  /** The newest so many; Infinity for all. */
  readonly last?: number;
  /** Of the newest so many minutes, hours … that have any, one each; Infinity for all. */
  readonly each?: Readonly<Partial<Record<Period, number>>>;
  /** All that came at most so long before the newest one. */
  readonly within?: Span;
  /** Of these, one of each minute, hour … */
  readonly eachWithin?: Readonly<Partial<Record<Period, Span>>>;
  /** All that have every tag of one of these lists. */
  readonly tags?: readonly (readonly string[])[];
}

export interface RetentionCandidate {
  readonly name: ObjectName;
  /** When storage received it (of one that was made from another: that), milliseconds. */
  readonly received: number;
  /** When storage received this object. */
  readonly arrived: number;
  /** When its maker last made sure that all is there, by the same clock. */
  readonly validated: number;
  readonly kind: SnapshotKind;
  readonly client: string;
  /** Made with a key that may only write. */
  readonly writeOnly: boolean;
  readonly tags: readonly string[];
  /** Somebody said that it stays. */
  readonly pinned: boolean;
  /** Somebody with role full made sure that it is whole, and accepts when it came. */
  readonly confirmed: boolean;
}

export interface RetentionDecision<C extends RetentionCandidate = RetentionCandidate> {
  readonly candidate: C;
  readonly keep: boolean;
  /** Why it stays, or goes; at least one. */
  readonly reasons: readonly string[];
}

export interface RetentionClock {
  /** Storage's clock, milliseconds. */
  readonly now: number;
  /** Milliseconds after its validation from which on a snapshot is not confirmed (repo/grace.ts). */
  readonly confirmWithin: number;
}

/** Later than this after its validation, the snapshot of a key that may only write tells nothing by its time. */
const DISPUTED_AFTER = 3_600_000;

export function hasRules({ last, each, within, eachWithin, tags }: RetentionRules): boolean {
  const some = [...Object.values(each ?? {}), ...Object.values(eachWithin ?? {}), ...(tags ?? [])];
  return last !== undefined || within !== undefined || some.length > 0;
}

/** Of one group, in any order; the decisions come newest first. Without rules everything stays. */
export function decideRetention<C extends RetentionCandidate>(
  candidates: readonly C[],
  rules: RetentionRules,
  clock: RetentionClock,
): RetentionDecision<C>[] {
  const ordered = [...candidates].sort((a, b) => b.received - a.received || (a.name < b.name ? 1 : -1));
  const complete = ordered.filter((candidate) => exception(candidate, ordered, clock) === undefined);
  const reasons = new Map<C, string[]>(complete.map((candidate) => [candidate, []]));
  const kept = hasRules(rules) ? keptByRules(complete, rules, clock) : because(complete, 'no rule');
  for (const [candidate, reason] of kept) reasons.get(candidate)?.push(reason);
  return ordered.map((candidate) => {
    const special = exception(candidate, ordered, clock);
    if (special !== undefined) return { candidate, ...special };
    const found = reasons.get(candidate) ?? [];
    return found.length > 0
      ? { candidate, keep: true, reasons: found }
      : { candidate, keep: false, reasons: ['no rule keeps it'] };
  });
}

/**
 * What is wrong with when a snapshot came: so late that a prune may have missed it, or later than its maker (who may not
 * delete, and so must not push others out) says.
 */
export function doubtAbout(
  {
    confirmed,
    arrived,
    validated,
    writeOnly,
  }: Pick<RetentionCandidate, 'confirmed' | 'arrived' | 'validated' | 'writeOnly'>,
  confirmWithin: number,
): 'unconfirmed' | 'disputed' | undefined {
  const late = arrived - validated;
  if (confirmed || late <= confirmWithin) return undefined;
  return writeOnly && late > DISPUTED_AFTER ? 'disputed' : 'unconfirmed';
}

const DOUBTS = {
  unconfirmed: 'not confirmed: only by its name',
  disputed: 'disputed: only by its name',
} as const;

/** What no rule decides about. */
function exception(
  candidate: RetentionCandidate,
  all: readonly RetentionCandidate[],
  { confirmWithin }: RetentionClock,
): { readonly keep: boolean; readonly reasons: readonly string[] } | undefined {
  const { kind, pinned, received, client } = candidate;
  if (kind === 'stash') return { keep: true, reasons: ['stash'] };
  if (pinned) return { keep: true, reasons: ['pinned'] };
  const doubt = doubtAbout(candidate, confirmWithin);
  if (doubt !== undefined) return { keep: true, reasons: [DOUBTS[doubt]] };
  if (kind !== 'partial') return undefined;
  const followed = all.some(
    (other) => other.kind === 'snapshot' && other.client === client && other.received > received,
  );
  return followed
    ? { keep: false, reasons: ['partial, and a complete one followed'] }
    : { keep: true, reasons: ['partial, and nothing complete followed'] };
}

type Kept<C> = readonly [candidate: C, reason: string];

function because<C>(candidates: readonly C[], reason: string): Kept<C>[] {
  return candidates.map((candidate) => [candidate, reason]);
}

/** `complete`: newest first. */
function keptByRules<C extends RetentionCandidate>(
  complete: readonly C[],
  rules: RetentionRules,
  { now }: RetentionClock,
): Kept<C>[] {
  // A wrong rule must never cost the state of today.
  return [...because(complete.slice(0, 1), 'latest'), ...byNumber(complete, rules), ...byTime(complete, rules, now)];
}

function byNumber<C extends RetentionCandidate>(
  complete: readonly C[],
  { last, each, tags }: RetentionRules,
): Kept<C>[] {
  const hasAll = (wanted: readonly string[], { tags: has }: C): boolean => wanted.every((tag) => has.includes(tag));
  const tagged = complete.filter((candidate) => tags?.some((wanted) => hasAll(wanted, candidate)) === true);
  return [
    ...because(countedForLast(complete).slice(0, last ?? 0), 'last'),
    ...PERIODS.flatMap((period) => because(firsts(complete, period).slice(0, each?.[period] ?? 0), period)),
    ...because(tagged, 'tag'),
  ];
}

function byTime<C extends RetentionCandidate>(
  complete: readonly C[],
  { within, eachWithin }: RetentionRules,
  now: number,
): Kept<C>[] {
  if (within === undefined && eachWithin === undefined) return [];
  const past = complete.filter(({ received }) => received <= now);
  const inside = (span: Span | undefined): C[] => {
    if (span === undefined || past[0] === undefined) return [];
    const since = earlier(past[0].received, span);
    return past.filter(({ received }) => received > since);
  };
  return [
    ...because(inside(within), 'within'),
    ...PERIODS.flatMap((period) => because(firsts(inside(eachWithin?.[period]), period), `${period} within`)),
    ...because(
      complete.filter(({ received }) => received > now),
      'its time has not come',
    ),
  ];
}

/** Of each period the first received; newest period first. */
function firsts<C extends RetentionCandidate>(newestFirst: readonly C[], period: Period): C[] {
  const byPeriod = new Map<string, C>();
  for (const candidate of newestFirst) byPeriod.set(periodOf(calendarTime(candidate.received), period), candidate);
  return [...byPeriod.values()];
}

/** Of a key that may only write one an hour, the first: more could push all others out. */
function countedForLast<C extends RetentionCandidate>(newestFirst: readonly C[]): C[] {
  const first = new Map<string, C>();
  const hourOf = ({ client, received }: C): string => `${client} ${periodOf(calendarTime(received), 'hourly')}`;
  for (const candidate of newestFirst) if (candidate.writeOnly) first.set(hourOf(candidate), candidate);
  return newestFirst.filter((candidate) => !candidate.writeOnly || first.get(hourOf(candidate)) === candidate);
}
