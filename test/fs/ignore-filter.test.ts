import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { PathFilter } from '../../src/fs/ignore-filter.ts';
import type { EntryType } from '../../src/fs/ignore-list.ts';
import { fromLatin1, type PatternOption, parseOptionPattern } from '../../src/fs/ignore-pattern.ts';

type Patterns = Partial<Record<PatternOption, readonly string[]>>;

function filterOf({ exclude = [], iexclude = [], include = [] }: Patterns): PathFilter {
  return new PathFilter([
    ...exclude.map((text) => parseOptionPattern('exclude', text)),
    ...iexclude.map((text) => parseOptionPattern('iexclude', text)),
    ...include.map((text) => parseOptionPattern('include', text)),
  ]);
}

function verdict(patterns: Patterns, path: string, type: EntryType = 'other'): 'kept' | 'out' | 'way' {
  const decision = filterOf(patterns).decidePath(utf8(path), type);
  if (decision.ignored) return 'out';
  return decision.onlyToReach ? 'way' : 'kept';
}

describe('excludes', () => {
  test('a name matches at any depth, with all that lies below', () => {
    expect(verdict({ exclude: ['tmp'] }, '/a/tmp')).toBe('out');
    expect(verdict({ exclude: ['tmp'] }, '/a/tmp/b/c')).toBe('out');
    expect(verdict({ exclude: ['tmp'] }, '/a/tmpx')).toBe('kept');
    expect(verdict({ exclude: ['tmp/'] }, '/a/tmp')).toBe('kept');
    expect(verdict({ exclude: ['tmp/'] }, '/a/tmp', 'directory')).toBe('out');
  });

  test('a part of a path matches at any depth, a leading slash means the whole path', () => {
    expect(verdict({ exclude: ['b/c'] }, '/a/b/c')).toBe('out');
    expect(verdict({ exclude: ['b/c'] }, '/a/xb/c')).toBe('kept');
    expect(verdict({ exclude: ['/b/c'] }, '/a/b/c')).toBe('kept');
    expect(verdict({ exclude: ['/a/*/c'] }, '/a/b/c')).toBe('out');
    expect(verdict({ exclude: ['/a/*/c'] }, '/a/b/b/c')).toBe('kept');
    expect(verdict({ exclude: ['/a/**/c'] }, '/a/b/b/c')).toBe('out');
    expect(verdict({ exclude: ['a/b/'] }, '/x/a/b', 'directory')).toBe('out');
  });

  test('the last match decides, but nothing returns from an excluded directory', () => {
    expect(verdict({ exclude: ['*.log', '!keep.log'] }, '/a/keep.log')).toBe('kept');
    expect(verdict({ exclude: ['!keep.log', '*.log'] }, '/a/keep.log')).toBe('out');
    expect(verdict({ exclude: ['tmp', '!keep'] }, '/tmp/keep')).toBe('out');
    expect(verdict({ exclude: ['tmp/*', '!keep'] }, '/tmp/keep')).toBe('kept');
  });

  test('case counts for --exclude and not for --iexclude, also in letters beyond ASCII', () => {
    expect(verdict({ exclude: ['*.TMP'] }, '/a.tmp')).toBe('kept');
    expect(verdict({ iexclude: ['*.TMP'] }, '/a.tmP')).toBe('out');
    expect(verdict({ iexclude: ['/Año/ÑU?'] }, '/aÑO/ñux')).toBe('out');
    expect(verdict({ iexclude: ['[[:upper:]][B-C]'] }, '/ac')).toBe('out');
    expect(verdict({ exclude: ['*.c'], iexclude: ['!A.C'] }, '/a.c')).toBe('kept');
  });

  test('names that are not UTF-8', () => {
    const filter = new PathFilter([parseOptionPattern('exclude', fromLatin1('\u00ff*'))]);
    expect(filter.decidePath(fromLatin1('/a/\u00ff\u00fe'), 'other').ignored).toBe(true);
    expect(filter.decidePath(utf8('/a/ÿ'), 'other').ignored).toBe(false);
  });
});

describe('includes', () => {
  test('files that match, and directories as the way to them', () => {
    expect(verdict({ include: ['*.jpg'] }, '/a/b.jpg')).toBe('kept');
    expect(verdict({ include: ['*.jpg'] }, '/a/b.txt')).toBe('out');
    expect(verdict({ include: ['*.jpg'] }, '/a', 'directory')).toBe('way');
  });

  test('everything below a directory that matches', () => {
    expect(verdict({ include: ['docs'] }, '/a/docs', 'directory')).toBe('kept');
    expect(verdict({ include: ['docs'] }, '/a/docs/b/c')).toBe('kept');
    expect(verdict({ include: ['docs', '!*.tmp'] }, '/a/docs/b/c.tmp')).toBe('out');
    expect(verdict({ include: ['docs', '!old'] }, '/a/docs/old/c')).toBe('out');
  });

  test('directories that cannot hold a match are not entered', () => {
    expect(verdict({ include: ['/a/b/c'] }, '/a', 'directory')).toBe('way');
    expect(verdict({ include: ['/a/b/c'] }, '/a/b', 'directory')).toBe('way');
    expect(verdict({ include: ['/a/b/c'] }, '/a/x', 'directory')).toBe('out');
    expect(verdict({ include: ['/a/b*/c'] }, '/a/bb', 'directory')).toBe('way');
    expect(verdict({ include: ['/a/b*/c'] }, '/a/c', 'directory')).toBe('out');
    expect(verdict({ include: ['/a/b*/c'] }, '/ab', 'directory')).toBe('out');
    expect(verdict({ include: ['b/c'] }, '/x/y', 'directory')).toBe('way');
    expect(verdict({ include: ['/a/**/c'] }, '/a/x/y', 'directory')).toBe('way');
  });

  test('excludes win', () => {
    expect(verdict({ include: ['*.jpg'], exclude: ['tmp'] }, '/tmp/a.jpg')).toBe('out');
    expect(verdict({ include: ['docs'], exclude: ['*.jpg'] }, '/docs/a.jpg')).toBe('out');
    expect(verdict({ include: ['docs'], exclude: ['!a.jpg'] }, '/x/a.jpg')).toBe('out');
  });
});

test('a decision names its rule and the directory it was taken for', () => {
  const filter = filterOf({ exclude: ['tmp'], include: ['*.c'] });
  expect(filter.decidePath(utf8('/a/tmp/x/y'), 'other')).toMatchObject({
    ignored: true,
    at: fromLatin1('/a/tmp'),
    rule: { kind: 'exclude', source: '--exclude', pattern: fromLatin1('tmp') },
  });
  expect(filter.decidePath(utf8('/a/b.c'), 'other').rule).toMatchObject({
    kind: 'include',
    pattern: fromLatin1('*.c'),
  });
  expect(filter.decidePath(utf8('/a/b.h'), 'other').rule).toMatchObject({ kind: 'not-included' });
  expect(filter.decidePath(utf8('/'), 'directory')).toMatchObject({ ignored: false });
});
