import fc from 'fast-check';
import { expect, it } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { promisedHash } from '../../src/protocol/object-names.ts';
import { ABSENT, BEYOND, decodeRanges, encodeRange, type RangeAnswer } from '../../src/protocol/ranges.ts';
import { routeOf, urlOf, VERBS, type Verb } from '../../src/protocol/verbs.ts';

const answer: fc.Arbitrary<RangeAnswer> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constant<typeof ABSENT>(ABSENT),
  fc.constant<typeof BEYOND>(BEYOND),
);
const lengthOf = (each: RangeAnswer): number => (typeof each === 'number' ? 7 : each.length);

it('answers to ranges are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 30 }), (answers) => {
      const bytes = concatBytes(...answers.map(encodeRange));
      expect(decodeRanges(new Uint8Array(bytes), answers.map(lengthOf))).toEqual(answers);
    }),
  );
});

it('answers that are cut, too long or of other lengths are refused, and nothing else is thrown', () => {
  fc.assert(
    fc.property(
      fc.array(answer, { minLength: 1, maxLength: 10 }),
      fc.nat(),
      fc.uint8Array({ maxLength: 9 }),
      (answers, at, more) => {
        const bytes = concatBytes(...answers.map(encodeRange));
        const lengths = answers.map(lengthOf);
        const cut = bytes.subarray(0, at % bytes.length);
        expect(() => decodeRanges(cut, lengths)).toThrow(expect.objectContaining({ code: 'failed' }));
        if (more.length > 0) {
          expect(() => decodeRanges(concatBytes(bytes, more), lengths)).toThrow(
            expect.objectContaining({ code: 'failed' }),
          );
        }
        const first = answers[0];
        if (typeof first === 'number' || first === undefined) return;
        expect(() => decodeRanges(bytes, [first.length + 1, ...lengths.slice(1)])).toThrow(
          expect.objectContaining({ code: 'failed' }),
        );
      },
    ),
  );
});

const HASH = 'ab'.repeat(32);
it.each([
  [`packs/ab/${HASH}`, HASH],
  [`index/${HASH}`, HASH],
  [`config/0-${HASH}`, HASH],
  [`tombs/12-${HASH}`, HASH],
  [`keys/${HASH.slice(0, 32)}/0`, undefined],
  [`tombs/12-${HASH}.swept`, undefined],
  [`sessions/${HASH}/1`, undefined],
  [`packs/ab/${HASH}0`, undefined],
  [`packs/ab/x${HASH}`, undefined],
])('%s promises %s', (path, hash) => {
  expect(promisedHash(path)).toBe(hash);
});

it('each verb has a route of its own, and leads back to itself', () => {
  for (const verb of Object.keys(VERBS) as Verb[]) {
    const url = urlOf(verb, 'documents', 'packs/ab/c');
    const found = routeOf(VERBS[verb].method, url);
    expect(found?.verb).toBe(verb);
    for (const [part, value] of [
      ['TARGET', { target: 'documents' }],
      ['PATH', { path: 'packs/ab/c' }],
    ] as const)
      if (VERBS[verb].route.includes(part)) expect(found).toMatchObject(value);
  }
  expect(routeOf('POST', '/v1/hello')).toBeUndefined();
  expect(routeOf('GET', '/v1/targets/a/b/list')).toBeUndefined();
});
