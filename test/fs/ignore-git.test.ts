/** Every decision compared with the real `git check-ignore`: seeded patterns of the nasty kind over real trees. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { explain } from '../../src/fs/ignore-explain.ts';
import { fromLatin1, toLatin1 } from '../../src/fs/ignore-pattern.ts';
import { type DirectoryContent, IgnoreRules } from '../../src/fs/ignore-rules.ts';

const TRIALS = Number(process.env['NEO_IGNORE_TRIALS'] ?? 60);
const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** A small linear generator: the same seeds on every machine. */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 12345) >>> 0;
  }
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** All text here is latin1: one character a byte. `é` in UTF-8 is two of them; `\xff` is no UTF-8 at all. */
const NAMES = [
  'a',
  'b',
  'ab',
  'abc',
  'a.c',
  'b.c',
  'foo',
  'foobar',
  'bar',
  'A',
  'aB',
  'a b',
  'a ',
  '#x',
  '!x',
  'a\\b',
  '*',
  '[a]',
  'x-y',
  '0',
  '7z',
  'e\u00c3\u00a9',
  '\u00ff\u00fe',
  'a\tb',
  '.h',
  'a]',
  '-',
  '^',
  'a?',
  'z.tar.gz',
  'a\rb',
  'x\r',
];
const CLASSES = [
  '[a-c]',
  '[!a]',
  '[^a]',
  '[]a]',
  '[!]a]',
  '[a-]',
  '[-a]',
  '[[:alpha:]]',
  '[[:digit:]x]',
  '[[:upper:][:digit:]]',
  '[[:space:]]',
  '[![:alnum:]]',
  '[[:punct:]]',
  '[[:xdigit:]-z]',
  '[\\]a]',
  '[a\\-c]',
  '[\\a-c]',
  '[a-\\c]',
  '[c-a]',
  '[[a]',
  '[[:foo:]]',
  '[[:alpha:]',
  '[a',
  '[',
  '[]',
  '[!',
  '[[:',
  '[[:]',
  '[[::]]',
  '[[:alpha]]',
  '[a/b]',
  '[!a/]',
  '[\u00c3]',
  '[\u0080-\u00ff]',
  '[[:graph:]]',
  '[[:print:]]',
  '[[:cntrl:]]',
  '[[:lower:]b-]',
  '[[:blank:]]',
  '[a-c-e]',
  '[*]',
  '[?]',
  '[,--]',
  '[--0]',
  '[+--]',
  '[\\',
  '[\\\\]',
  '[[-a]',
  '[a[:digit:]-z]',
  '[!-a]',
  '[^^]',
  '[!!]',
];
const PIECES = [
  '*',
  '?',
  '**',
  '***',
  '\\*',
  '\\?',
  '\\a',
  '\\!',
  '\\#',
  '\\ ',
  '\\\\',
  '\\',
  '*.c',
  '*a',
  'a*',
  '*o*',
  ' ',
  '\t',
];

function component(dice: Dice): string {
  const roll = dice.below(100);
  if (roll < 35) return dice.pick(NAMES);
  if (roll < 45) return dice.pick(['*', '**', '?', '??', '*.c', 'a*']);
  let text = '';
  for (let parts = 1 + dice.below(3); parts > 0; parts--) {
    const kind = dice.below(3);
    text += kind === 0 ? dice.pick(NAMES) : dice.pick(kind === 1 ? CLASSES : PIECES);
  }
  return text;
}

function pattern(dice: Dice): string {
  const parts: string[] = [];
  for (let count = dice.pick([1, 1, 1, 2, 2, 3, 4]); count > 0; count--) parts.push(component(dice));
  let text = parts.join(dice.chance(4) ? '\\/' : '/');
  if (dice.chance(20)) text = `/${text}`;
  if (dice.chance(15)) text = `**/${text}`;
  if (dice.chance(20)) text += '/';
  if (dice.chance(8)) text += '/**';
  if (dice.chance(20)) text = `!${text}`;
  if (dice.chance(5)) text += dice.pick([' ', '  ', '\\ ', '\\  ', '/ ', '\\']);
  if (dice.chance(2))
    text = dice.pick([
      '',
      ' ',
      '/',
      '!',
      '//',
      '#c',
      '\\#x',
      '\\!x',
      '!/',
      '**',
      '/**',
      '**/',
      '/*',
      '*',
      '!*',
      'a//b',
    ]);
  return text.replaceAll('\n', '');
}

/**
 * Until 2.51 git took the literal beginning off a path pattern before it looked at the stars, so that in `ab**` + `/c`
 * the stars seemed to stand alone; 2.52 corrected it, and neo does as 2.52 and the manual.
 */
function readDifferentlyByOldGit(line: string): boolean {
  return /^!?[^*?[\\]*[^*?[\\/]\*\*+(\/|\\\/|$)/.test(line.replace(/ +$/, ''));
}

function ignoreFile(dice: Dice): string {
  const lines: string[] = [];
  for (let count = 1 + dice.below(8); count > 0; count--) {
    const line = pattern(dice);
    if (!readDifferentlyByOldGit(line)) lines.push(line);
  }
  const text = lines.join(dice.chance(10) ? '\r\n' : '\n') + dice.pick(['', '\n', '\r\n', '\r', ' ']);
  return (dice.chance(10) ? '\u00ef\u00bb\u00bf' : '') + text;
}

interface Tree {
  readonly root: string;
  /** Relative paths; directories with their content. */
  readonly directories: string[];
  readonly files: string[];
}

const bytesOf = (root: string, path: string): Buffer => Buffer.from(fromLatin1(`${root}/${path}`));

function makeTree(dice: Dice): Tree {
  const root = mkdtempSync(join(tmpdir(), 'neo-ignore-'));
  roots.push(root);
  const directories = [''];
  const files: string[] = [];
  const taken = new Set<string>();
  for (let count = 45; count > 0; count--) {
    const parent = dice.pick(directories);
    if (parent.split('/').length > 5) continue;
    const path = `${parent}${dice.pick(NAMES)}`;
    if (taken.has(path)) continue;
    taken.add(path);
    if (dice.chance(45)) {
      mkdirSync(bytesOf(root, path));
      directories.push(`${path}/`);
    } else {
      writeFileSync(bytesOf(root, path), '');
      files.push(path);
    }
  }
  return { root, directories, files };
}

function writeIgnoreFiles(dice: Dice, tree: Tree): void {
  execFileSync('git', ['init', '-q', tree.root], { env: { ...process.env, GIT_TEMPLATE_DIR: '' } });
  mkdirSync(join(tree.root, '.git/info'), { recursive: true });
  writeFileSync(join(tree.root, '.git/info/exclude'), Buffer.from(ignoreFile(dice), 'latin1'));
  for (const directory of tree.directories) {
    if (directory !== '' && !dice.chance(35)) continue;
    writeFileSync(bytesOf(tree.root, `${directory}.gitignore`), Buffer.from(ignoreFile(dice), 'latin1'));
  }
}

/** path -> `source:line:pattern` of git, '' when no rule matched. */
function askGit(tree: Tree, paths: readonly string[]): Map<string, string> {
  const settings = ['-c', 'core.excludesFile=/dev/null', '-c', 'core.ignoreCase=false'];
  const run = spawnSync('git', [...settings, 'check-ignore', '-v', '-n', '-z', '--no-index', '--stdin'], {
    cwd: tree.root,
    input: Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1'),
    maxBuffer: 1 << 26,
  });
  // 1: none of them is ignored.
  expect([run.status === 1 ? 0 : run.status, run.stderr.toString()]).toEqual([0, '']);
  const output = run.stdout.toString('latin1');
  const fields = output.split('\0');
  const answers = new Map<string, string>();
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [source, line, text, path] = fields.slice(at, at + 4);
    answers.set(path ?? '', source === '' ? '' : `${source}:${line}:${text}`);
  }
  return answers;
}

function contentOf(directory: Uint8Array): DirectoryContent {
  const inside = (name: Uint8Array): Buffer => Buffer.concat([directory, Buffer.from('/'), name]);
  return {
    has: (name) => existsSync(inside(name)),
    read: (name) => (existsSync(inside(name)) ? readFileSync(inside(name)) : undefined),
  };
}

function askNeo(tree: Tree, rules: IgnoreRules, path: string, type: 'directory' | 'other'): string {
  const source = fromLatin1(tree.root);
  const answer = explain(rules, { source, path: bytesOf(tree.root, path), type }, contentOf);
  if (answer.rule === undefined) return '';
  const file = toLatin1(answer.rule.source as Uint8Array).slice(tree.root.length + 1);
  expect(answer.ignored).toBe(!answer.rule.negated);
  return `${file}:${answer.rule.line}:${toLatin1(answer.rule.pattern)}`;
}

test(`decisions and their rules are those of git check-ignore (${TRIALS} trees)`, () => {
  const rules = new IgnoreRules({ gitignore: true, ignoreFiles: false });
  let compared = 0;
  let matched = 0;
  const differences: string[] = [];
  for (let seed = 1; seed <= TRIALS; seed++) {
    const dice = new Dice(seed);
    const tree = makeTree(dice);
    writeIgnoreFiles(dice, tree);
    const directories = tree.directories.slice(1).map((path) => path.slice(0, -1));
    const missing = Array.from({ length: 20 }, () => `${dice.pick(tree.directories)}${dice.pick(NAMES)}x`);
    const git = askGit(tree, [...new Set([...directories, ...tree.files, ...missing])]);
    for (const [path, expected] of git) {
      const type = directories.includes(path) ? 'directory' : 'other';
      const answer = askNeo(tree, rules, path, type);
      compared++;
      if (expected !== '') matched++;
      if (answer !== expected) differences.push(JSON.stringify({ seed, path, type, git: expected, neo: answer }));
    }
  }
  expect(differences.slice(0, 20)).toEqual([]);
  expect(compared).toBeGreaterThan(TRIALS * 30);
  expect(matched).toBeGreaterThan(compared / 4);
});
