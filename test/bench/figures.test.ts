import { describe, expect, it } from 'vitest';
import { median, ratioOf, rowsOf, type Sample } from '../../bench/figures.ts';

const sample = (tool: string, pair: number, seconds: number, more: Partial<Sample> = {}): Sample => ({
  scene: 'small',
  operation: 'first',
  tool,
  pair,
  seconds,
  cpu: seconds,
  peak: undefined,
  ...more,
});
const comparison = { baseline: 'restic', keyless: ['neo'] };

function rowOf(samples: readonly Sample[], tool: string) {
  const row = rowsOf(samples, comparison).find((one) => one.tool === tool);
  if (row === undefined) throw new Error(`no row of ${tool}`);
  return row;
}

describe('median', () => {
  it('is the middle one, by value and not by place', () => expect(median([10, 1, 9])).toBe(9));
  it('is the mean of the two in the middle', () => expect(median([4, 1, 2, 10])).toBe(3));
  it('is the only one', () => expect(median([7])).toBe(7));
  it('leaves its values as they were', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
  it('of nothing is a mistake', () => expect(() => median([])).toThrow(RangeError));
});

describe('ratioOf', () => {
  it('has median and spread', () => expect(ratioOf([3, 1, 8])).toEqual({ median: 3, least: 1, most: 8 }));
  it('is nothing of nothing', () => expect(ratioOf([])).toBeUndefined());
});

describe('rowsOf', () => {
  it('divides the times of one pair, not the medians', () => {
    const samples = [
      ...[sample('borg', 0, 1), sample('restic', 0, 2)],
      ...[sample('borg', 1, 10), sample('restic', 1, 40)],
      ...[sample('borg', 2, 2), sample('restic', 2, 2)],
    ];
    const row = rowOf(samples, 'borg');
    expect(row.speed).toEqual({ median: 2, least: 1, most: 4 });
    expect(row).toMatchObject({ seconds: 2, cpu: 2, runs: 3 });
  });

  it('leaves out what the opening cost for those without a key derivation only', () => {
    const base = sample('restic', 0, 5, { cpu: 9, opening: { seconds: 1, cpu: 3 } });
    const samples = [sample('neo', 0, 2), sample('neo, password', 0, 2), base];
    expect(rowOf(samples, 'neo').speed?.median).toBe(2);
    expect(rowOf(samples, 'neo').cpuShare?.median).toBeCloseTo(2 / 6);
    expect(rowOf(samples, 'neo, password').speed?.median).toBe(2.5);
    expect(rowOf(samples, 'neo, password').cpuShare?.median).toBeCloseTo(2 / 9);
    expect(rowOf(samples, 'restic')).toMatchObject({ seconds: 5, speed: { median: 1 } });
  });

  it('never takes off more than there is', () => {
    const samples = [sample('neo', 0, 2), sample('restic', 0, 1, { opening: { seconds: 1.1, cpu: 1.1 } })];
    expect(rowOf(samples, 'neo').speed).toEqual({ median: 0, least: 0, most: 0 });
    expect(rowOf(samples, 'neo').cpuShare).toBeUndefined();
    // Of which the difference is not quite nothing.
    const equal = [sample('neo', 0, 2), sample('restic', 0, 1, { cpu: 0.1 + 0.2, opening: { seconds: 1, cpu: 0.3 } })];
    expect(rowOf(equal, 'neo').cpuShare).toBeUndefined();
  });

  it('compares bytes where both have them, and takes the highest peak', () => {
    const samples = [
      sample('neo', 0, 1, { bytes: 30, peak: 100 }),
      sample('restic', 0, 1, { bytes: 60, peak: 90 }),
      sample('neo', 1, 1, { bytes: 50, peak: 300 }),
      sample('restic', 1, 1),
    ];
    expect(rowOf(samples, 'neo')).toMatchObject({ bytes: 40, peak: 300, bytesShare: { median: 0.5 } });
  });

  it('has no ratio without a baseline in the same pair, scene and operation', () => {
    const samples = [
      sample('neo', 0, 1),
      sample('restic', 1, 1),
      sample('restic', 0, 1, { scene: 'big' }),
      sample('restic', 0, 1, { operation: 'check' }),
    ];
    expect(rowOf(samples, 'neo')).toMatchObject({ speed: undefined, cpuShare: undefined, bytes: undefined });
    expect(rowsOf(samples, comparison).map(({ scene, operation, tool }) => [scene, operation, tool])).toEqual([
      ['small', 'first', 'neo'],
      ['small', 'first', 'restic'],
      ['big', 'first', 'restic'],
      ['small', 'check', 'restic'],
    ]);
  });
});
