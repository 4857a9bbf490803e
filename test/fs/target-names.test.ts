/** Names for other systems: possible, apart, and as they were wherever they can be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, utf8 } from '../../src/core/bytes.ts';
import { TARGET_SYSTEMS, TargetNames } from '../../src/fs/target-names.ts';

function namesOf(system: (typeof TARGET_SYSTEMS)[number], names: readonly Uint8Array[]): string[] {
  const target = new TargetNames(system);
  return names.map((name) => Buffer.from(target.of(name)).toString());
}

function windows(...names: readonly string[]): string[] {
  return namesOf('windows', names.map(utf8));
}

const anyName = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 255 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map(utf8),
    fc
      .constantFrom('a', 'A', 'aux', 'AUX.txt', 'x:y', 'x%3Ay', 'a.', 'a ', 'é', 'e\u0301', 'ſ', 'a~2', 'com¹')
      .map(utf8),
  )
  .map((name) => Uint8Array.from(name.filter((byte) => byte !== 0 && byte !== 0x2f)))
  .filter((name) => name.length > 0 && name.length <= 255 && !['.', '..'].includes(Buffer.from(name).toString()));

describe('names for other systems', () => {
  it('leaves what can be there as it is', () => {
    const names = ['notes.txt', 'Übung', 'a b', 'console', 'aux-file', '.hidden', '100 %', '日本語'];
    expect(windows(...names)).toEqual(names);
  });

  it('escapes what Windows does not take', () => {
    expect(windows('x:y', 'aux', 'Aux.txt', 'com1', 'lpt9.log', 'end.', 'end ', 'a\\b', 'q?', 'tab\t')).toEqual([
      'x%3Ay',
      'aux_',
      'Aux_.txt',
      'com1_',
      'lpt9_.log',
      'end%2E',
      'end%20',
      'a%5Cb',
      'q%3F',
      'tab%09',
    ]);
    expect(namesOf('windows', [Uint8Array.of(0x61, 0xff, 0x62)])).toEqual(['a%FFb']);
  });

  it('keeps apart what would be one', () => {
    expect(windows('A', 'a', 'x%3Ay', 'x:y', 'é.txt', 'e\u0301.txt')).toEqual([
      'A',
      'a~2',
      'x%3Ay',
      'x%3Ay~2',
      'é.txt',
      'e\u0301~2.txt',
    ]);
    expect(namesOf('case-insensitive', ['README', 'readme', 'Readme', 'x:y', 'aux'].map(utf8))).toEqual([
      'README',
      'readme~2',
      'Readme~3',
      'x:y',
      'aux',
    ]);
  });

  it('gives each of any names one of its own that can be', () => {
    const directory = fc.uniqueArray(anyName, { selector: (name) => Buffer.from(name).toString('hex') });
    fc.assert(
      fc.property(fc.constantFrom(...TARGET_SYSTEMS), directory, (system, names) => {
        const target = new TargetNames(system);
        const made = names.map((name) => target.of(name));
        const folded = made.map((name) => Buffer.from(name).toString().normalize('NFC').toLowerCase());
        expect(new Set(folded).size).toBe(names.length);
        for (const name of made) {
          expect(name.length > 0 && name.length <= 255 && decodeUtf8(name) !== undefined).toBe(true);
          const text = Buffer.from(name).toString();
          expect(text.includes('/') || text.includes('\0') || text === '.' || text === '..').toBe(false);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be in it
          if (system === 'windows') expect(text).not.toMatch(/[\u0000-\u001f<>:"\\|?*]|[. ]$/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
