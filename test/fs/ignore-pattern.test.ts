import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { compileGlob } from '../../src/fs/ignore-glob.ts';
import {
  foldCase,
  fromLatin1,
  parseExcludeFile,
  parseIgnoreFile,
  parseOptionPattern,
  toLatin1,
} from '../../src/fs/ignore-pattern.ts';

const SOURCE = utf8('/.neoignore');

function read(text: string): [number | undefined, string][] {
  return parseIgnoreFile(SOURCE, utf8(text)).map(({ rule }) => [rule.line, Buffer.from(rule.pattern).toString()]);
}

describe('ignore files', () => {
  test('comments, empty lines and line ends', () => {
    expect(read('#a\n\na\r\n\r\n \n\\#b\n#')).toEqual([
      [3, 'a'],
      [6, '\\#b'],
    ]);
  });

  test('a byte order mark is skipped at the start only', () => {
    expect(read('\ufeffa\n\ufeffb')).toEqual([
      [1, 'a'],
      [2, '\ufeffb'],
    ]);
    expect(read('\ufeff#a')).toEqual([]);
  });

  test('spaces at the end go, unless one is escaped', () => {
    expect(read('a  \nb\\ \nc\\  \n d\ne\t')).toEqual([
      [1, 'a'],
      [2, 'b\\ '],
      [3, 'c\\ '],
      [4, ' d'],
      [5, 'e\t'],
    ]);
  });

  test('a line ends at a NUL', () => {
    expect(read('a\0b')).toEqual([[1, 'a']]);
  });

  test('what is malformed matches nothing', () => {
    expect(read('[a\na\\\n[[:nope:]]\n/\n!\n!/')).toEqual([]);
  });
});

describe('patterns of the command line', () => {
  const usage = expect.objectContaining({ code: 'usage' });

  test.each(['[a', 'a\\', '', '!', '/', './a', '../a', 'a/../b', 'a//b', '!./a', 'a/.', '..'])(
    'refuses "%s", which could match nothing',
    (pattern) => {
      expect(() => parseOptionPattern('exclude', pattern)).toThrow(usage);
    },
  );

  test.each(['...', '.a', 'a/..b', '.*', '**', '/a/.b/', '#a', ' a '])('takes "%s"', (pattern) => {
    expect(toLatin1(parseOptionPattern('exclude', pattern).rule.pattern)).toBe(pattern);
  });

  test('an exclude file names its line in a refusal', () => {
    expect(() => parseExcludeFile(utf8('/x/list'), utf8('a\n# c\n[b\n'))).toThrow('/x/list, line 3');
    expect(parseExcludeFile(utf8('/x/list'), utf8('a \n# c\n!b\n')).map(({ rule }) => rule)).toEqual([
      { kind: 'exclude-file', source: utf8('/x/list'), line: 1, pattern: fromLatin1('a'), negated: false },
      { kind: 'exclude-file', source: utf8('/x/list'), line: 3, pattern: fromLatin1('!b'), negated: true },
    ]);
  });
});

describe('globs', () => {
  test('? is one byte, so a letter of two bytes needs two', () => {
    const name = toLatin1(utf8('é'));
    expect(compileGlob('?')?.matches(name)).toBe(false);
    expect(compileGlob('??')?.matches(name)).toBe(true);
  });

  test('stars glued to letters do not cross a slash (git 2.52 and the manual)', () => {
    expect(compileGlob('a**/c')?.matches('ab/c')).toBe(true);
    expect(compileGlob('a**/c')?.matches('ac')).toBe(false);
    expect(compileGlob('a**/c')?.matches('ab/b/c')).toBe(false);
  });

  test('many stars over long names end at once', () => {
    const stars = compileGlob(`${'a*'.repeat(500)}b`);
    expect(stars?.matches('a'.repeat(4096))).toBe(false);
    expect(compileGlob(`${'*a'.repeat(500)}*`)?.matches('a'.repeat(4096))).toBe(true);
    expect(compileGlob(`${'[a-z]*?*'.repeat(300)}!`)?.matches('a'.repeat(4096))).toBe(false);
    const deep = compileGlob(`${'**/a*/'.repeat(200)}b`);
    expect(deep?.matches('a/'.repeat(2048))).toBe(false);
    expect(compileGlob(`${'**/*a*a/'.repeat(200)}b`)?.matches('aaa/'.repeat(1024))).toBe(false);
    expect(compileGlob(`${'**\\/a'.repeat(200)}b`)?.matches('/a'.repeat(2048))).toBe(false);
  });

  /** The definition, by plain recursion: each rest of the text that the first element of the pattern can leave. */
  function restsOf(element: string, text: string): string[] {
    const ends = Array.from({ length: text.length + 1 }, (_, at) => at);
    const rests = (holds: (taken: string) => boolean): string[] =>
      ends.filter((at) => holds(text.slice(0, at))).map((at) => text.slice(at));
    if (element === '**/') return rests((taken) => taken === '' || taken.endsWith('/'));
    if (element === '**') return rests(() => true);
    if (element === '*') return rests((taken) => !taken.includes('/'));
    if (element === '?') return rests((taken) => taken.length === 1 && taken !== '/');
    return rests((taken) => taken === element);
  }

  function model(elements: readonly string[], text: string): boolean {
    const [first, ...others] = elements;
    return first === undefined ? text === '' : restsOf(first, text).some((rest) => model(others, rest));
  }

  test('the loop agrees with the definition', () => {
    const part = fc.constantFrom('a', 'b', '*', '?', 'a*', '*b', 'a*b*', '**');
    const patterns = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
    const texts = fc
      .array(fc.constantFrom('a', 'b', '/', 'ab', 'a/b'), { maxLength: 10 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const elements = pattern.match(/\*\*\/|\*\*|./g) ?? [];
        expect(compileGlob(pattern)?.matches(text)).toBe(model(elements, text));
      }),
      { numRuns: 5000 },
    );
  });

  test('any bytes may be a pattern', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map(toLatin1);
    fc.assert(fc.property(bytes, bytes, (pattern, text) => typeof compileGlob(pattern)?.matches(text) !== 'string'));
  });
});

test('folding knows the letters of UTF-8, and only ASCII in other bytes', () => {
  expect(Buffer.from(foldCase(toLatin1(utf8('ÄRGER.TXT'))), 'latin1').toString()).toBe('ärger.txt');
  expect(foldCase('A\u00c4\u00ff')).toBe('a\u00c4\u00ff');
});
