import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth, fitWidth, formatTable, safeText } from '../../src/cli/table.ts';

describe('table', () => {
  it('counts terminal columns', () => {
    expect(['abc', 'é', 'e\u0301', '日本', '한', '👍', ''].map(displayWidth)).toEqual([3, 1, 1, 4, 2, 2, 0]);
  });

  it('aligns wide characters, and numbers on the right', () => {
    expect(
      formatTable(
        ['Name', { numbers: 'Size' }],
        [
          ['日本', '1.5 MiB'],
          ['a', '20 B'],
        ],
      ),
    ).toEqual(['Name     Size', '日本  1.5 MiB', 'a        20 B']);
  });

  it('leaves ids on the left, also where all of their digits are decimal', () => {
    expect(formatTable(['ID', 'HOST'], [['12345678', '2024']])).toEqual(['ID        HOST', '12345678  2024']);
  });

  it('takes as many rows as there are', () => {
    const rows = Array.from({ length: 200_000 }, (_, n) => [String(n), 'x']);
    const lines = formatTable([{ numbers: 'N' }, 'NAME'], rows);
    expect([lines.length, lines[1], lines.at(-1)]).toEqual([200_001, '     0  x', '199999  x']);
  });

  it('never cuts wider than asked, and leaves what fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, columns) => {
        const safe = safeText(text);
        const cut = fitWidth(safe, columns);
        expect(displayWidth(cut)).toBeLessThanOrEqual(columns);
        if (displayWidth(safe) <= columns) expect(cut).toBe(safe);
      }),
    );
  });

  it('keeps one row on one line, whatever the cells hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (cells) => {
        const lines = formatTable(
          cells.map(() => 'H'),
          [cells],
        );
        for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u);
        expect(lines).toHaveLength(2);
      }),
    );
  });
});
