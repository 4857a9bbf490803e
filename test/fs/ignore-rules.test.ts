import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { explain } from '../../src/fs/ignore-explain.ts';
import { PathFilter } from '../../src/fs/ignore-filter.ts';
import { parsePresentMarker } from '../../src/fs/ignore-markers.ts';
import { parseOptionPattern, toLatin1 } from '../../src/fs/ignore-pattern.ts';
import {
  type DirectoryContent,
  type DirectoryRules,
  type IgnoreOptions,
  IgnoreRules,
} from '../../src/fs/ignore-rules.ts';

/** A tree: names to text (a file) or to a tree. */
interface Tree {
  readonly [name: string]: string | Tree;
}

const SOURCE = '/home/me/src';

function contentOf(tree: Tree): DirectoryContent {
  return {
    has: (name) => Object.hasOwn(tree, Buffer.from(name).toString()),
    read: (name) => {
      const found = lookUp(tree, Buffer.from(name).toString().split('/'));
      return typeof found === 'string' ? utf8(found) : undefined;
    },
  };
}

function lookUp(tree: Tree, names: readonly string[]): string | Tree | undefined {
  let found: string | Tree | undefined = tree;
  for (const name of names) found = typeof found === 'object' ? found[name] : undefined;
  return found;
}

/** The paths that a walk keeps; a directory with a slash at its end, one that is only the way with a question mark. */
function kept(tree: Tree, options: IgnoreOptions = {}, named = true): string[] {
  return keptIn(tree, new IgnoreRules(options).enterSource(utf8(SOURCE), contentOf(tree), named), '');
}

function keptIn(tree: Tree, rules: DirectoryRules, above: string): string[] {
  return Object.entries(tree).flatMap(([name, entry]) =>
    typeof entry === 'string' ? keptFile(name, entry, rules, above) : keptDirectory(name, entry, rules, above),
  );
}

function keptFile(name: string, text: string, rules: DirectoryRules, above: string): string[] {
  return rules.decide(utf8(name), 'other', text.length).ignored ? [] : [above + name];
}

function keptDirectory(name: string, tree: Tree, rules: DirectoryRules, above: string): string[] {
  const { ignored, onlyToReach } = rules.decide(utf8(name), 'directory');
  if (ignored) return [];
  const path = `${above}${name}/`;
  return [onlyToReach ? `${path}?` : path, ...keptIn(tree, rules.enter(utf8(name), contentOf(tree)), path)];
}

const excludes = (...patterns: string[]): PathFilter =>
  new PathFilter(patterns.map((text) => parseOptionPattern('exclude', text)));
const includes = (...patterns: string[]): PathFilter =>
  new PathFilter(patterns.map((text) => parseOptionPattern('include', text)));

describe('which file rules', () => {
  test('.neoignore over .backupignore over .gitignore over .git/info/exclude, in one directory', () => {
    const tree = {
      '.git': { info: { exclude: 'a\nb\nc\nd\n' } },
      '.gitignore': '!b\n!c\n!d',
      '.backupignore': 'c\nd',
      '.neoignore': '!d',
      a: '',
      b: '',
      c: '',
      d: '',
    };
    const files = (options: IgnoreOptions): string =>
      kept(tree, options)
        .filter((path) => path.length === 1)
        .join('');
    expect(files({ gitignore: true })).toBe('bd');
    expect(files({})).toBe('abd');
    expect(files({ gitignore: true, ignoreFiles: false })).toBe('bcd');
    expect(files({ ignoreFiles: false })).toBe('abcd');
  });

  test('the deeper directory over the outer one, whatever the name of the file', () => {
    const tree = { '.neoignore': '*.o', sub: { '.gitignore': '!a.o', 'a.o': '', 'b.o': '' } };
    expect(kept(tree, { gitignore: true })).toEqual(['.neoignore', 'sub/', 'sub/.gitignore', 'sub/a.o']);
    expect(kept(tree)).toEqual(['.neoignore', 'sub/', 'sub/.gitignore']);
  });

  test('no defaults: without rules everything is kept', () => {
    const tree = { '.git': { config: '' }, node_modules: { a: '' }, '.cache': { 'CACHEDIR.TAG': '', b: '' } };
    expect(kept(tree)).toHaveLength(7);
  });

  test("git's rules do not reach .git, nor a repository inside", () => {
    const tree = {
      '.git': { config: '', info: { exclude: 'x' } },
      '.gitignore': '*\n!vendor\n!.gitignore',
      x: '',
      vendor: { '.git': { config: '' }, '.gitignore': 'y', x: '', y: '' },
    };
    expect(kept(tree, { gitignore: true })).toEqual([
      ...['.git/', '.git/config', '.git/info/', '.git/info/exclude', '.gitignore'],
      ...['vendor/', 'vendor/.git/', 'vendor/.git/config', 'vendor/.gitignore', 'vendor/x'],
    ]);
    expect(kept({ ...tree, '.neoignore': '.git' }, { gitignore: true })).not.toContain('.git/');
  });

  test('the command line over ignore files, both ways', () => {
    const tree = { '.neoignore': 'a\n!b', a: '', b: '' };
    expect(kept(tree, { filter: excludes('!a', 'b') })).toEqual(['.neoignore', 'a']);
  });
});

describe('paths of the command line', () => {
  const tree = { src: { a: '', b: { a: '' } }, a: '' };

  test('a leading slash is the root of the file system', () => {
    expect(kept(tree, { filter: excludes('/a') })).toHaveLength(5);
    expect(kept(tree, { filter: excludes(`${SOURCE}/a`) })).toEqual(['src/', 'src/a', 'src/b/', 'src/b/a']);
    expect(kept(tree, { filter: excludes('/home/*/src/**/a') })).toEqual(['src/', 'src/b/']);
  });

  test('a part of a path may begin above the source', () => {
    expect(kept(tree, { filter: excludes('me/src/a') })).toEqual(['src/', 'src/a', 'src/b/', 'src/b/a']);
  });

  test('names above the source do not count, its own does unless it was written as a dot', () => {
    expect(kept(tree, { filter: excludes('home', 'me') })).toHaveLength(5);
    expect(kept(tree, { filter: includes('home') })).toEqual(['src/?', 'src/b/?']);
    expect(kept(tree, { filter: includes('/home/me') })).toHaveLength(5);
    expect(kept(tree, { filter: includes('src') })).toHaveLength(5);
    expect(kept(tree, { filter: includes('src') }, false)).toEqual(['src/', 'src/a', 'src/b/', 'src/b/a']);
  });

  test('a source is itself looked at', () => {
    const rules = new IgnoreRules({ filter: excludes('node_modules', '/data/x/', '*.o'), excludeLargerThan: 10 });
    expect(rules.decideSource(utf8('/a/node_modules'), 'directory').ignored).toBe(true);
    expect(rules.decideSource(utf8('/data/x'), 'directory').ignored).toBe(true);
    expect(rules.decideSource(utf8('/data/x'), 'other').ignored).toBe(false);
    expect(rules.decideSource(utf8('/node_modules/a'), 'directory').ignored).toBe(false);
    expect(rules.decideSource(utf8('/a/b'), 'other', 11).rule).toMatchObject({ kind: 'exclude-larger-than' });
  });
});

describe('markers and sizes', () => {
  const TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n# comment';

  test('a cache keeps itself and its tag; a file that only has the name is none', () => {
    const tree = { cache: { 'CACHEDIR.TAG': TAG, a: '', b: { c: '' } }, other: { 'CACHEDIR.TAG': 'x', a: '' } };
    expect(kept(tree, { excludeCaches: true })).toEqual([
      ...['cache/', 'cache/CACHEDIR.TAG', 'other/', 'other/CACHEDIR.TAG', 'other/a'],
    ]);
    const folder = { cache: { 'CACHEDIR.TAG': { a: '' } } };
    expect(kept(folder, { excludeCaches: true })).toHaveLength(3);
  });

  test('any name can be a marker, with or without a header', () => {
    const tree = { a: { '.nobackup': '', x: '' }, b: { '.skip': 'no', x: '' }, c: { '.skip': 'yes', x: '' } };
    const excludeIfPresent = [parsePresentMarker('.nobackup'), parsePresentMarker('.skip:ye')];
    expect(kept(tree, { excludeIfPresent })).toEqual(['a/', 'a/.nobackup', 'b/', 'b/.skip', 'b/x', 'c/', 'c/.skip']);
  });

  test('a marker wins over what would keep', () => {
    const tree = { '.nobackup': '', '.neoignore': '!x', x: '' };
    const filter = excludes('!x');
    expect(kept(tree, { filter, excludeIfPresent: [parsePresentMarker('.nobackup')] })).toEqual(['.nobackup']);
  });

  test.each(['', ':x', 'a/b'])('"%s" is no marker', (value) => {
    expect(() => parsePresentMarker(value)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('files above the limit, whatever else keeps them', () => {
    const tree = { '.neoignore': '!c', a: '12345', b: '123456', c: '123456' };
    expect(kept(tree, { excludeLargerThan: 5 })).toEqual(['.neoignore', 'a']);
  });

  test('includes and excludes together', () => {
    const tree = { a: { 'x.jpg': '', 'y.txt': '', tmp: { 'z.jpg': '' } }, b: { 'y.txt': '' }, '.neoignore': 'tmp' };
    expect(kept(tree, { filter: includes('*.jpg') })).toEqual(['a/?', 'a/x.jpg', 'b/?']);
  });
});

describe('explain', () => {
  const tree: Tree = {
    '.neoignore': '# rules\n*.log\n!keep.log\n',
    docs: { '.backupignore': 'build/', build: { deep: { 'a.txt': '' } }, 'keep.log': '', 'x.log': '', z: '' },
  };
  const look = (directory: Uint8Array): DirectoryContent => {
    const names = toLatin1(directory).slice(SOURCE.length + 1);
    const found = names === '' ? tree : lookUp(tree, names.split('/'));
    return contentOf(typeof found === 'object' ? found : {});
  };
  const ask = (path: string, options: IgnoreOptions = {}): unknown => {
    const question = { source: utf8(SOURCE), path: utf8(SOURCE + path), type: 'other' } as const;
    const { ignored, rule, at } = explain(new IgnoreRules(options), question, look);
    if (rule === undefined) return { ignored };
    const source = typeof rule.source === 'string' ? rule.source : toLatin1(rule.source).slice(SOURCE.length);
    const found = { ignored, rule: `${source}:${rule.line}:${toLatin1(rule.pattern)}` };
    return toLatin1(at) === SOURCE + path ? found : { ...found, at: toLatin1(at).slice(SOURCE.length) };
  };

  test('names file, line and pattern, also of a rule that keeps', () => {
    expect(ask('/docs/x.log')).toEqual({ ignored: true, rule: '/.neoignore:2:*.log' });
    expect(ask('/docs/keep.log')).toEqual({ ignored: false, rule: '/.neoignore:3:!keep.log' });
    expect(ask('/docs/z')).toEqual({ ignored: false });
    expect(ask('/nowhere/at/all.log')).toEqual({ ignored: true, rule: '/.neoignore:2:*.log' });
  });

  test('names the directory above that was left out', () => {
    const rule = '/docs/.backupignore:1:build/';
    expect(ask('/docs/build/deep/a.txt')).toEqual({ ignored: true, rule, at: '/docs/build' });
    const filter = excludes('src');
    expect(ask('/docs/z', { filter })).toEqual({ ignored: true, rule: '--exclude:undefined:src', at: '' });
  });

  test('refuses a path elsewhere', () => {
    const question = { source: utf8('/a/b'), path: utf8('/a/bc'), type: 'other' } as const;
    expect(() => explain(new IgnoreRules(), question, look)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
