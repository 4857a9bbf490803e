import { describe, expect, it } from 'vitest';
import { rowsOf, type Sample } from '../../bench/figures.ts';
import { markdownOf, ratioText, tablesOf, textOf, timeText } from '../../bench/table.ts';

const MIB = 1 << 20;
const sample = (tool: string, seconds: number, more: Partial<Sample> = {}): Sample => ({
  scene: 'big',
  operation: 'first',
  tool,
  pair: 0,
  seconds,
  cpu: seconds * 2,
  peak: 100 * MIB,
  bytes: 20 * MIB,
  ...more,
});
const rows = rowsOf(
  [
    sample('neo', 2),
    sample('restic', 9, { bytes: 40 * MIB, opening: { seconds: 1, cpu: 2 } }),
    sample('neo', 0.05, { operation: 'version', bytes: undefined as never }),
    sample('cp -a', 0.5, { operation: 'limits' }),
  ],
  { baseline: 'restic', keyless: ['neo'] },
);

describe('tables', () => {
  const [comparison, limits] = tablesOf(rows, ['--quick']);

  it('has a line for each operation, with the flags that repeat it', () => {
    expect(comparison?.lines).toEqual([
      [
        'big: first snapshot',
        '4.0',
        '2.00 / 9.00',
        '4.00 / 18.0',
        '0.25',
        '100 / 100',
        '20 / 40',
        '0.50',
        '`--only first --corpus big --quick`',
      ],
      [
        'big: version',
        '–',
        '0.050 / –',
        '0.100 / –',
        '–',
        '100 / –',
        '–',
        '–',
        '`--only version --corpus big --quick`',
      ],
    ]);
  });

  it('keeps limits apart', () => {
    expect(limits?.lines).toEqual([
      ['big', 'cp -a', '0.500', '40', '1.00', '100', '`--only limits --corpus big --quick`'],
    ]);
  });

  it('has as many cells as headings in every line', () => {
    for (const { header, lines } of [comparison, limits].filter((table) => table !== undefined)) {
      for (const line of lines) expect(line).toHaveLength(header.length);
    }
  });

  it('leaves out what is empty', () => expect(tablesOf([], [])).toEqual([]));

  it('is written as Markdown and as columns', () => {
    const table = { title: 'T', header: ['a', 'bb'], lines: [['xxx', 'y']] };
    expect(markdownOf(table)).toBe('## T\n\n| a | bb |\n| --- | --- |\n| xxx | y |\n');
    expect(textOf(table)).toBe('T\na    bb\nxxx  y\n');
  });
});

describe('cells', () => {
  it('show the spread only where there is one', () => {
    expect(ratioText({ median: 2.04, least: 0.956, most: 12 })).toBe('2.0 (0.96–12.0)');
    expect(ratioText({ median: 2, least: 2, most: 2 })).toBe('2.0');
    expect(ratioText(undefined)).toBe('–');
  });

  it('show three figures of a time', () => {
    expect([0.0949, 1.238, 61.24].map(timeText)).toEqual(['0.095', '1.24', '61.2']);
  });
});
