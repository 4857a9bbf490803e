/**
 * Decisions of `neo forget` beside those that restic's documentation describes (restic.readthedocs.io, "Removing
 * snapshots according to a policy"), and what a key that may only write can do to them.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  calendarTime,
  earlier,
  PERIODS,
  type Period,
  parseSpan,
  periodOf,
  type Span,
} from '../../src/core/calendar.ts';
import { objectName } from '../../src/core/ids.ts';
import { decideRetention, type RetentionCandidate, type RetentionRules } from '../../src/snapshot/retention.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 27, 12);
const clock = { now: NOW, confirmWithin: 300_000 };

function candidate(received: number, more: Partial<RetentionCandidate> = {}): RetentionCandidate {
  const name = objectName(received.toString(16).padStart(64, '0'));
  const fixed = { kind: 'snapshot', client: 'c', writeOnly: false, tags: [], pinned: false, confirmed: false } as const;
  return { name, received, arrived: received, validated: received, ...fixed, ...more };
}

function kept(candidates: readonly RetentionCandidate[], rules: RetentionRules): number[] {
  return decideRetention(candidates, rules, clock)
    .filter(({ keep }) => keep)
    .map(({ candidate: { received } }) => received);
}

type Sample = readonly RetentionCandidate[];

/** "For the last n days which have one or more snapshots, keep the most recent one for each day." */
function mostRecentOfEach(newestFirst: Sample, period: Period, n: number): number[] {
  const seen = new Map<string, number>();
  for (const { received } of newestFirst) {
    const bucket = periodOf(calendarTime(received), period);
    if (!seen.has(bucket)) seen.set(bucket, received);
  }
  return [...seen.values()].slice(0, n);
}

/** "Keep all snapshots having a timestamp within the specified duration of the latest snapshot." */
function withinOf(newestFirst: Sample, duration: Span | undefined): Sample {
  if (duration === undefined) return [];
  const since = earlier(newestFirst[0]?.received ?? 0, duration);
  return newestFirst.filter(({ received }) => received > since);
}

/** What restic's documentation says stays. */
function resticKeeps(history: Sample, { last, each, within, eachWithin, tags }: RetentionRules): Set<number> {
  const newestFirst = [...history].sort((a, b) => b.received - a.received);
  // "Keep all snapshots which have all tags specified by this option."
  const tagged = newestFirst.filter((one) => tags?.some((wanted) => wanted.every((tag) => one.tags.includes(tag))));
  // "Keep the n last (most recent) snapshots."
  const whole = [...newestFirst.slice(0, last ?? 0), ...tagged, ...withinOf(newestFirst, within)];
  const counted = PERIODS.flatMap((period) => mostRecentOfEach(newestFirst, period, each?.[period] ?? 0));
  const spanned = PERIODS.flatMap((period) =>
    mostRecentOfEach(withinOf(newestFirst, eachWithin?.[period]), period, Number.POSITIVE_INFINITY),
  );
  return new Set([...whole.map(({ received }) => received), ...counted, ...spanned]);
}

/** Minutes before now: bursts within an hour, days, and years. */
const history = fc
  .uniqueArray(fc.oneof(fc.nat(180), fc.nat(14 * 1440), fc.nat(1500 * 1440)), { minLength: 1, maxLength: 60 })
  .chain((ages) =>
    fc
      .array(fc.subarray(['a', 'b', 'c']), { minLength: ages.length, maxLength: ages.length })
      .map((tags) => ages.map((age, i) => candidate(NOW - age * MINUTE, { tags: tags[i] ?? [] }))),
  );
const span = fc.constantFrom('3h', '1d', '10d', '2w', '1m', '6m', '1y2m3d4h').map(parseSpan);
const count = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(Number.POSITIVE_INFINITY));

describe('retention beside restic', () => {
  it('keeps the same last ones, spans and tags', () => {
    const rules = fc.record(
      { last: fc.nat(20), within: span, tags: fc.array(fc.subarray(['a', 'b'], { minLength: 1 }), { minLength: 1 }) },
      { requiredKeys: [] },
    );
    let compared = 0;
    fc.assert(
      fc.property(history, rules, (candidates, rule) => {
        fc.pre(Object.keys(rule).length > 0);
        const expected = resticKeeps(candidates, rule);
        // The newest one stays whatever the rules: a difference.
        expected.add(Math.max(...candidates.map(({ received }) => received)));
        expect(new Set(kept(candidates, rule))).toEqual(expected);
        compared += 1;
      }),
      { numRuns: 300 },
    );
    expect(compared).toBeGreaterThanOrEqual(200);
  });

  it('keeps one of the same minutes, hours, days, weeks, months, quarters and years: the first, not the last', () => {
    const some = fc.constantFrom(...PERIODS);
    const rules = fc.oneof(
      fc.tuple(some, count).map(([period, n]) => ({ period, rule: { each: { [period]: n } } })),
      fc.tuple(some, span).map(([period, within]) => ({ period, rule: { eachWithin: { [period]: within } } })),
    );
    fc.assert(
      fc.property(history, rules, (candidates, { period, rule }) => {
        const bucket = (received: number): string => periodOf(calendarTime(received), period);
        const newest = Math.max(...candidates.map(({ received }) => received));
        const restic = [...resticKeeps(candidates, rule)];
        const decided = decideRetention(candidates, rule, clock).filter(({ reasons }) =>
          reasons.some((reason) => reason.startsWith(period)),
        );
        const neo = decided.map(({ candidate: { received } }) => received);
        expect(new Set(neo.map(bucket))).toEqual(new Set(restic.map(bucket)));
        expect(neo).toHaveLength(restic.length);
        const since = 'eachWithin' in rule ? earlier(newest, Object.values(rule.eachWithin)[0] as never) : -Infinity;
        for (const received of neo) {
          const earlierOnes = candidates.filter((other) => other.received < received && other.received > since);
          expect(earlierOnes.map((other) => bucket(other.received))).not.toContain(bucket(received));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('joins rules: what one of them keeps stays', () => {
    fc.assert(
      fc.property(history, fc.nat(5), count, span, (candidates, last, daily, within) => {
        const both = new Set(kept(candidates, { last, each: { daily }, within }));
        const one = [{ last }, { each: { daily } }, { within }].flatMap((rule) => kept(candidates, rule));
        expect(both).toEqual(new Set(one));
      }),
    );
  });

  it('without rules keeps everything', () => {
    expect(kept([candidate(NOW), candidate(NOW - DAY)], {})).toHaveLength(2);
  });
});

describe('what no rule may remove', () => {
  it('the newest complete one, pins, stashes, and what is not confirmed', () => {
    const candidates = [
      candidate(NOW - 1 * DAY),
      candidate(NOW - 2 * DAY, { pinned: true }),
      candidate(NOW - 3 * DAY, { kind: 'stash' }),
      candidate(NOW - 4 * DAY, { validated: NOW - 4 * DAY - 13 * HOUR }),
      candidate(NOW - 5 * DAY),
    ];
    const decisions = decideRetention(candidates, { last: 1 }, clock);
    expect(decisions.map(({ keep, reasons }) => [keep, reasons.join(', ')])).toEqual([
      [true, 'latest, last'],
      [true, 'pinned'],
      [true, 'stash'],
      [true, 'not confirmed: only by its name'],
      [false, 'no rule keeps it'],
    ]);
  });

  it('a partial one stays until a complete one of the same key follows', () => {
    const partial = candidate(NOW - 2 * HOUR, { kind: 'partial' });
    const alone = decideRetention([partial, candidate(NOW - 3 * HOUR)], { last: 9 }, clock);
    expect(alone.map(({ keep }) => keep)).toEqual([true, true]);
    const foreign = decideRetention([candidate(NOW - HOUR, { client: 'other' }), partial], { last: 9 }, clock);
    expect(foreign.map(({ keep }) => keep)).toEqual([true, true]);
    const followed = decideRetention([candidate(NOW - HOUR), partial], { last: 9 }, clock);
    expect(followed.map(({ keep }) => keep)).toEqual([true, false]);
  });

  it('a thief with a write key pushes nothing out', () => {
    const rules: RetentionRules = { last: 5, each: { hourly: 5, daily: 7, weekly: 4, monthly: 12 } };
    const good = Array.from({ length: 30 }, (_, i) => candidate(NOW - (i + 1) * DAY, { writeOnly: true }));
    const before = new Set(kept(good, { each: { daily: 7, weekly: 4, monthly: 12 } }));
    const anyTime = fc.integer({ min: NOW - 3 * HOUR, max: NOW });
    fc.assert(
      fc.property(fc.uniqueArray(anyTime, { maxLength: 200 }), fc.nat(60 * DAY), (times, late) => {
        // Received within three hours, however many, and whatever they say of their times.
        const forged = times.map((received) => candidate(received, { writeOnly: true, validated: received - late }));
        const after = new Set(kept([...good, ...forged], rules));
        // Three hours can take three of the last and one day: today's.
        const lost = [...before].filter((received) => !after.has(received));
        expect(lost.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('spans of time', () => {
  it('are read, and refused when they are none', () => {
    expect(parseSpan('1y2m3w4d5h')).toEqual({ years: 1, months: 2, days: 25, hours: 5 });
    for (const wrong of ['', '5', 'd', '1x', '1d ', '-1d', '1.5d', '1234567d']) {
      expect(() => parseSpan(wrong)).toThrow(expect.objectContaining({ code: 'usage' }));
    }
  });

  it('begin weeks on Monday, over the end of a year', () => {
    const week = (text: string): string => periodOf(calendarTime(new Date(text).getTime()), 'weekly');
    expect(week('2026-01-01T12:00')).toBe('2025-12-29');
    expect(week('2025-12-29T00:00')).toBe('2025-12-29');
    expect(week('2025-12-28T23:59')).toBe('2025-12-22');
  });
});
