import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PERIODS } from '../../src/core/calendar.ts';
import { parseVersionRules, type VersionRules, versionRulesText } from '../../src/core/version-rules.ts';
import { wantedVersions } from '../../src/snapshot/version-policy.ts';

const HOUR = 3_600_000;
const count = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constant(Number.POSITIVE_INFINITY));
const rules: fc.Arbitrary<VersionRules> = fc
  .record({
    original: fc.boolean(),
    last: fc.option(count, { nil: undefined }),
    each: fc.dictionary(fc.constantFrom(...PERIODS), count),
  })
  .map(({ original, last, each }) => ({
    original,
    ...(last === undefined ? {} : { last }),
    ...(Object.keys(each).length === 0 ? {} : { each: { ...each } }),
  }));
const versions = fc
  .uniqueArray(fc.integer({ min: 0, max: 20_000 }), { maxLength: 40 })
  .map((hours) => hours.sort((a, b) => a - b).map((hour) => ({ time: Date.UTC(2025, 0, 1) + hour * HOUR })));

describe('rules of versions', () => {
  it('are read as they are written', () => {
    expect(parseVersionRules('original,last:10,daily:7')).toEqual({ original: true, last: 10, each: { daily: 7 } });
    expect(versionRulesText(parseVersionRules('all'))).toBe('all');
    fc.assert(
      fc.property(rules, (given) => {
        const text = versionRulesText(given);
        if (text !== '') expect(parseVersionRules(text)).toEqual(given);
      }),
    );
  });

  it.each(['', 'first', 'last', 'last:0', 'original:1', 'daily:-1', 'original,,last:1', 'fortnightly:2', 'last:1e3'])(
    'refuse %j',
    (text) => {
      expect(() => parseVersionRules(text)).toThrow('says nothing about versions');
    },
  );

  it('keep the first and the newest', () => {
    fc.assert(
      fc.property(versions, fc.integer({ min: 1, max: 50 }), (all, last) => {
        const kept = wantedVersions(all, { original: true, last });
        expect(kept).toEqual(new Set([...all.slice(0, 1), ...all.slice(-last)]));
      }),
    );
  });

  it('never keep less for one rule more', () => {
    fc.assert(
      fc.property(versions, rules, rules, (all, some, more) => {
        const kept = wantedVersions(all, some);
        const withMore = wantedVersions(all, {
          ...more,
          ...some,
          original: true,
          each: { ...more.each, ...some.each },
        });
        expect([...kept].every((version) => withMore.has(version))).toBe(true);
      }),
    );
  });

  it('of a day keep the last, and of so many days that have any', () => {
    const at = (...times: [day: number, hour: number][]) =>
      times.map(([day, hour]) => ({ time: new Date(2025, 3, day, hour).getTime() }));
    const all = at([1, 8], [1, 20], [4, 9], [9, 1], [9, 2], [9, 23]);
    const kept = [...wantedVersions(all, { original: false, each: { daily: 2 } })].map(({ time }) => time);
    expect(kept).toEqual([all[5], all[2]].map((version) => version?.time));
  });
});
