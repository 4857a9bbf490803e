/** Plain aligned columns. Hostile names cannot drive the terminal: every cell is escaped. */
import { displayText } from '../core/bytes.ts';

// Marks join the character before them; they take no column of their own.
const ZERO_WIDTH = /\p{Mn}|\p{Me}|\p{Cf}/u;
// East Asian Wide and Fullwidth (UAX #11), in the blocks that matter, and emoji shown as pictures.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

const PLAIN = /^[ -~]*$/;

/** Terminal columns of a text without control characters. */
export function displayWidth(text: string): number {
  // Most is ASCII.
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x300) width += 1;
    else if (!ZERO_WIDTH.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** Control characters made visible, so that no name moves the cursor or breaks a line. */
export function safeText(text: string): string {
  return PLAIN.test(text) ? text : displayText(text.toWellFormed());
}

/** Cut to `columns`, the end marked with `…`. */
export function fitWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 0;
  let cut = '';
  for (const character of text) {
    width += displayWidth(character);
    if (width > columns - 1) break;
    cut += character;
  }
  return columns > 0 ? `${cut}…` : '';
}

/** Its title; `numbers` stand on the right. Not told from the cells: an id of decimal digits alone is no number. */
export type Column = string | { readonly numbers: string };

/** Header and rows. */
export function formatTable(header: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = header.map((column) => (typeof column === 'string' ? column : column.numbers));
  const lines = [titles, ...rows].map((row) => row.map(safeText));
  const widths = header.map((_, column) => widest(lines, column));
  return lines.map((cells) =>
    cells
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)));
        return typeof header[column] === 'object' ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** There may be more lines than a function takes arguments. */
function widest(lines: readonly (readonly string[])[], column: number): number {
  return lines.reduce((most, cells) => Math.max(most, displayWidth(cells[column] ?? '')), 0);
}
