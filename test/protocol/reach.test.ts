/** What a share reaches: as bytes and back, and which ranges it lets through. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { decodeReach, encodeReach, isReached, type ReachedRange } from '../../src/protocol/reach.ts';

const range = fc.record({ offset: fc.nat(5000), length: fc.integer({ min: 1, max: 300 }) });
const path = fc.stringMatching(/^[a-z0-9]{1,8}\/[a-f0-9]{1,64}$/);
const objects = fc.array(fc.record({ path, ranges: fc.array(range, { maxLength: 40 }) }), { maxLength: 8 });

/** Each byte that one of the ranges holds. */
function bytesOf(ranges: readonly ReachedRange[]): Set<number> {
  return new Set(ranges.flatMap(({ offset, length }) => Array.from({ length }, (_, at) => offset + at)));
}

/** From the one before it. */
function isApart({ offset }: ReachedRange, at: number, all: readonly ReachedRange[]): boolean {
  const before = all[at - 1];
  return before === undefined || offset > before.offset + before.length;
}

describe('what a share reaches', () => {
  it('is the same bytes after a way there and back, in order, and nothing touches', () => {
    fc.assert(
      fc.property(objects, (given) => {
        const decoded = decodeReach(encodeReach(given));
        expect(decoded.map((each) => each.path)).toEqual(given.map((each) => each.path));
        expect(decoded.map(({ ranges }) => bytesOf(ranges))).toEqual(given.map(({ ranges }) => bytesOf(ranges)));
        expect(decoded.every(({ ranges }) => ranges.every(isApart))).toBe(true);
      }),
    );
  });

  it('holds a range when it holds each byte of it, and never one without bytes', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), fc.nat(5400), fc.nat(300), (given, offset, length) => {
        const [{ ranges } = { ranges: [] }] = decodeReach(encodeReach([{ path: 'packs/x', ranges: given }]));
        const held = bytesOf(given);
        const wanted = Array.from({ length }, (_, at) => offset + at);
        expect(isReached(ranges, offset, length)).toBe(length > 0 && wanted.every((byte) => held.has(byte)));
      }),
      { numRuns: 500 },
    );
  });

  it('is refused where it is cut, longer, out of order, or empty ranges stand in it', () => {
    const good = encodeReach([
      { path: 'packs/00/a', ranges: [{ offset: 3, length: 4 }] },
      {
        path: 'packs/00/b',
        ranges: [
          { offset: 0, length: 1 },
          { offset: 9, length: 2 },
        ],
      },
    ]);
    const second = encodeReach([{ path: 'packs/00/a', ranges: [{ offset: 3, length: 4 }] }]).length;
    for (let end = 1; end < good.length; end++) {
      if (end === second) continue;
      expect(() => decodeReach(good.subarray(0, end))).toThrow(expect.objectContaining({ code: 'integrity' }));
    }
    for (const [at, value] of [
      [good.length - 4, 0],
      [good.length - 8, 1],
      [second + 12, 255],
    ] as const) {
      const bad = good.slice();
      bad[at] = value;
      if (value === 0) bad.fill(0, at);
      expect(() => decodeReach(bad)).toThrow(expect.objectContaining({ code: 'integrity' }));
    }
  });

  it('of any bytes is a list or a refusal, and no memory is taken for what a length only claims', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          expect(encodeReach(decodeReach(bytes)).length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'integrity' });
        }
      }),
      { numRuns: 2000 },
    );
    const claims = new Uint8Array([1, 0, ...utf8('a'), 0xff, 0xff, 0xff, 0xff]);
    expect(() => decodeReach(claims)).toThrow(expect.objectContaining({ code: 'integrity' }));
  });
});
