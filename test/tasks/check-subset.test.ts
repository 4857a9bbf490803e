import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { objectName } from '../../src/core/ids.ts';
import { choosePacks, parseSubset } from '../../src/tasks/check-subset.ts';
import { SimRandom } from '../support/sim-random.ts';

const random = new SimRandom(1);
const packs = Array.from({ length: 300 }, (_, n) => ({ name: objectName(toHex(random.bytes(32))), size: 1000 + n }));

describe('--read-data-subset', () => {
  it.each([
    ['10%', { type: 'percent', percent: 10 }],
    ['0.5%', { type: 'percent', percent: 0.5 }],
    ['1/7', { type: 'part', n: 1, m: 7 }],
    ['500M', { type: 'bytes', bytes: 500 << 20 }],
    ['1.5GiB', { type: 'bytes', bytes: 1.5 * 2 ** 30 }],
  ])('%s', (text, subset) => expect(parseSubset(text)).toEqual(subset));

  it.each(['', '0%', '101%', '0/7', '8/7', '1/0', '5', 'all', '-1%', '10 %', '0M'])('refuses %j', (text) => {
    expect(() => parseSubset(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('parts are the same each time, do not overlap, and are everything together', () => {
    const parts = [1, 2, 3, 4, 5, 6, 7].map((n) => choosePacks(packs, { type: 'part', n, m: 7 }, random));
    expect(
      parts
        .flat()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(packs.map(({ name }) => name).sort());
    for (const part of parts) expect(part.length).toBeGreaterThan(20);
  });

  it('percent and sizes are just reached, by other packs each time', () => {
    const draw = () => choosePacks(packs, { type: 'percent', percent: 10 }, random);
    const total = packs.reduce((sum, { size }) => sum + size, 0);
    const read = draw().reduce((sum, { size }) => sum + size, 0);
    expect(read).toBeGreaterThanOrEqual(total / 10);
    expect(read).toBeLessThan(total / 10 + 1300);
    expect(draw()).not.toEqual(draw());
    expect(choosePacks(packs, { type: 'bytes', bytes: 1 }, random)).toHaveLength(1);
    expect(choosePacks(packs, { type: 'percent', percent: 100 }, random)).toHaveLength(300);
    expect(choosePacks([], { type: 'percent', percent: 100 }, random)).toEqual([]);
  });
});
