import { describe, expect, it } from 'vitest';
import { parseRule, rateAt, rateLimit } from '../../src/cli/rate-flags.ts';

const at = (text: string, hour: number, minute = 0): number | undefined =>
  rateAt(text.split(',').map(parseRule), new Date(2026, 10, 29, hour, minute));

describe('limits', () => {
  it('hold by the time of day, the first that fits', () => {
    expect(at('1M', 3)).toBe(1 << 20);
    expect(at('1M/s', 3)).toBe(1 << 20);
    expect(at('0', 3)).toBeUndefined();
    const office = '500k@08:00-18:00, 0@22:00-06:00 ,5M';
    expect([7, 8, 17, 18, 21].map((hour) => at(office, hour))).toEqual([
      5 << 20,
      500 << 10,
      500 << 10,
      5 << 20,
      5 << 20,
    ]);
    expect([22, 0, 5, 6].map((hour) => at(office, hour))).toEqual([undefined, undefined, undefined, 5 << 20]);
    expect(at('1k@08:30-09:15', 9, 14)).toBe(1024);
    expect(at('1k@08:30-09:15', 9, 15)).toBeUndefined();
    expect(at('1k@00:00-24:00', 23, 59)).toBe(1024);
  });

  it.each(['', 'fast', '1M@', '1M@8-18', '1M@25:00-26:00', '1M@08:60-09:00', '1M@08:00-09:00@x', '-1', '1M,'])(
    'are no %j',
    (text) => {
      expect(() => rateLimit(text)).toThrow(/not (a size|a limit|hours)/);
    },
  );
});
