/** Policies: as they are stored they come back, and the nearest one counts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { PERIODS, parseSpan, type Span, spanText } from '../../src/core/calendar.ts';
import type { StoredKeep } from '../../src/repo/record.ts';
import { type Policy, policiesOf, policyFor, storedKeep, storedScope } from '../../src/snapshot/policy.ts';
import type { RetentionRules } from '../../src/snapshot/retention.ts';

const number = fc.integer({ min: 0, max: 999_999 });
const span: fc.Arbitrary<Span> = fc.record({ years: number, months: number, days: number, hours: number });
const count = fc.oneof(fc.integer({ min: 1, max: 1e9 }), fc.constant(Number.POSITIVE_INFINITY));
const perPeriod = <T>(value: fc.Arbitrary<T>) =>
  fc.dictionary(fc.constantFrom(...PERIODS), value, { noNullPrototype: true });
const rules: fc.Arbitrary<RetentionRules> = fc.record(
  {
    last: count,
    each: perPeriod(count),
    within: span,
    eachWithin: perPeriod(span),
    tags: fc.array(fc.array(fc.string())),
  },
  { requiredKeys: [] },
);

function policyOf(keep: StoredKeep, host?: string, path?: Uint8Array): Policy | undefined {
  const scope = storedScope({ ...(host === undefined ? {} : { host }), ...(path === undefined ? {} : { path }) });
  const record = { v: 1, type: 'policy', subject: '', counter: 1, time: 7, keep, ...scope } as const;
  return policiesOf({ policies: [record] })[0];
}

describe('a stored policy', () => {
  it('comes back as it was set', () => {
    fc.assert(
      fc.property(rules, fc.option(fc.string()), fc.option(fc.uint8Array()), (given, host, path) => {
        const stored = JSON.parse(JSON.stringify(storedKeep(given))) as StoredKeep;
        const read = policyOf(stored, host ?? undefined, path ?? undefined);
        expect(read?.path && [...read.path]).toEqual(path === null ? undefined : [...path]);
        expect({ ...read, path: undefined }).toEqual({
          rules: given,
          time: 7,
          ...(host === null ? {} : { host }),
          path: undefined,
        });
      }),
    );
  });

  it('has spans that are read as they were written', () => {
    fc.assert(
      fc.property(span, (given) => {
        expect(parseSpan(spanText(given))).toEqual(given);
      }),
    );
    expect(() => parseSpan('999999w')).toThrow('no span of time');
  });
});

describe('of several policies', () => {
  const all: Policy[] = [
    { rules: { last: 1 }, time: 0 },
    { host: 'laptop', rules: { last: 2 }, time: 0 },
    { path: utf8('/home'), rules: { last: 3 }, time: 0 },
    { path: utf8('/home'), host: 'laptop', rules: { last: 4 }, time: 0 },
    { path: utf8('/home/ann'), rules: { last: 5 }, time: 0 },
  ];

  it.each([
    ['the one for everybody', 'server', ['/etc'], 1],
    ['the one for a host', 'laptop', ['/etc'], 2],
    ['the one for a path', 'server', ['/home/bob', '/home'], 3],
    ['the one for path and host before that for the path', 'laptop', ['/home/bob'], 4],
    ['the longest path before any host', 'laptop', ['/home/ann/work', '/home/ann'], 5],
    ['one that holds all paths', 'laptop', ['/home/ann', '/etc'], 2],
    ['no path that only begins alike', 'server', ['/homes'], 1],
  ])('%s counts', (_, host, paths, last) => {
    expect(policyFor(all, { host, paths: paths.map(utf8) })?.rules.last).toBe(last);
    expect(policyFor(all.toReversed(), { host, paths: paths.map(utf8) })?.rules.last).toBe(last);
  });

  it('none counts where none fits', () => {
    expect(policyFor(all.slice(1), { host: 'server', paths: [utf8('/etc')] })).toBeUndefined();
  });
});
