import { describe, expect, it } from 'vitest';
import { isNeoError } from '../../src/core/errors.ts';
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatTime,
  parseSize,
} from '../../src/core/format.ts';

describe('format', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [5.6 * 1024 ** 3, '5.6 GiB'],
    [2 ** 53 - 1, '8.0 PiB'],
  ])('bytes: %d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('counts, durations, times', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([0, 1, 1000].map((count) => formatCounted(count, 'file'))).toEqual(['0 files', '1 file', '1,000 files']);
    expect([1, 2].map((count) => formatCounted(count, 'object is', 'objects are'))).toEqual([
      '1 object is',
      '2 objects are',
    ]);
    expect([-5, 7_000, 754_000, 3_723_000, 273_600_000].map(formatDuration)).toEqual([
      '0:00',
      '0:07',
      '12:34',
      '1:02:03',
      '3d 04:00',
    ]);
    expect(formatTime(new Date(2026, 10, 1, 2, 3, 4))).toBe('2026-11-01 02:03:04');
  });

  it.each([
    ['4096', 4096],
    ['16k', 16_384],
    ['500M', 500 * 1024 ** 2],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['2 TB', 2 * 1024 ** 4],
    ['0', 0],
  ])('size: %s is %d', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', 'M', '-1', '1e3', '5X', '9999999P', '1.2.3', '10%'])('size: %j is none', (text) => {
    expect(() => parseSize(text)).toThrow(expect.toSatisfy((error) => isNeoError(error, 'usage')));
  });
});
