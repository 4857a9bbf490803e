/** Every decision compared with the real `git check-ignore`: seeded patterns of the nasty kind over real trees. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { explain } from '../../src/fs/ignore-explain.ts';
import { fromLatin1, toLatin1 } from '../../src/fs/ignore-pattern.ts';
import { type DirectoryContent, IgnoreRules } from '../../src/fs/ignore-rules.ts';
import { Dice, ignoreFile, instance, NAMES, pattern, readDifferentlyByOldGit } from './ignore-generator.ts';

const EFFORT = Number(process.env['NEO_IGNORE_EFFORT'] ?? 1);
const TREES = 20 * EFFORT;
const PAIR_ROUNDS = 3 * EFFORT;
/** Patterns a round, one in each of that many directories. */
const PATTERNS = 500;
const PATHS = 12;
const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

interface Tree {
  readonly root: string;
  /** Relative paths; directories with their content. */
  readonly directories: string[];
  readonly files: string[];
}

const bytesOf = (root: string, path: string): Buffer => Buffer.from(fromLatin1(`${root}/${path}`));

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'neo-ignore-'));
  roots.push(root);
  execFileSync('git', ['init', '-q', root], { env: { ...process.env, GIT_TEMPLATE_DIR: '' } });
  return root;
}

function makeTree(dice: Dice): Tree {
  const root = newRoot();
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
  mkdirSync(join(tree.root, '.git/info'), { recursive: true });
  writeFileSync(join(tree.root, '.git/info/exclude'), Buffer.from(ignoreFile(dice), 'latin1'));
  for (const directory of tree.directories) {
    if (directory !== '' && !dice.chance(35)) continue;
    writeFileSync(bytesOf(tree.root, `${directory}.gitignore`), Buffer.from(ignoreFile(dice), 'latin1'));
  }
}

/** path -> `source:line:pattern` of git, '' when no rule matched. */
function askGit(root: string, paths: readonly string[]): Map<string, string> {
  const settings = ['-c', 'core.excludesFile=/dev/null', '-c', 'core.ignoreCase=false'];
  const run = spawnSync('git', [...settings, 'check-ignore', '-v', '-n', '-z', '--no-index', '--stdin'], {
    cwd: root,
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

interface Asked {
  readonly path: string;
  readonly type: 'directory' | 'other';
  readonly look: (directory: Uint8Array) => DirectoryContent;
}

function askNeo(root: string, { path, type, look }: Asked): string {
  const rules = new IgnoreRules({ gitignore: true, ignoreFiles: false });
  const answer = explain(rules, { source: fromLatin1(root), path: bytesOf(root, path), type }, look);
  if (answer.rule === undefined) return '';
  const file = toLatin1(answer.rule.source as Uint8Array).slice(root.length + 1);
  expect(answer.ignored).toBe(!answer.rule.negated);
  return `${file}:${answer.rule.line}:${toLatin1(answer.rule.pattern)}`;
}

interface Tally {
  compared: number;
  matched: number;
  readonly differences: string[];
}

function compare(tally: Tally, root: string, expected: string, asked: Asked): void {
  const neo = askNeo(root, asked);
  tally.compared++;
  if (expected !== '') tally.matched++;
  if (neo !== expected)
    tally.differences.push(JSON.stringify({ path: asked.path, type: asked.type, git: expected, neo }));
}

test(`nested ignore files: decisions and their rules are those of git check-ignore (${TREES} trees)`, () => {
  const tally: Tally = { compared: 0, matched: 0, differences: [] };
  for (let seed = 1; seed <= TREES; seed++) {
    const dice = new Dice(seed);
    const tree = makeTree(dice);
    writeIgnoreFiles(dice, tree);
    const directories = tree.directories.slice(1).map((path) => path.slice(0, -1));
    const missing = Array.from({ length: 20 }, () => `${dice.pick(tree.directories)}${dice.pick(NAMES)}x`);
    const git = askGit(tree.root, [...new Set([...directories, ...tree.files, ...missing])]);
    for (const [path, expected] of git) {
      const type = directories.includes(path) ? 'directory' : 'other';
      compare(tally, tree.root, expected, { path, type, look: contentOf });
    }
  }
  expect(tally.differences.slice(0, 20)).toEqual([]);
  expect(tally.compared).toBeGreaterThan(TREES * 30);
  expect(tally.matched).toBeGreaterThan(tally.compared / 4);
});

/** One pattern in the ignore file of each of many directories, with paths made after it. */
function makePairs(dice: Dice, root: string): { readonly files: Map<string, Uint8Array>; readonly paths: Set<string> } {
  const files = new Map<string, Uint8Array>();
  const paths = new Set<string>();
  for (let number = 0; number < PATTERNS; number++) {
    let line = pattern(dice);
    while (readDifferentlyByOldGit(line)) line = pattern(dice);
    mkdirSync(join(root, String(number)));
    files.set(`${root}/${number}`, fromLatin1(line));
    writeFileSync(join(root, String(number), '.gitignore'), fromLatin1(line));
    for (let count = 0; count < PATHS; count++) {
      const path = instance(dice, line);
      if (path !== '') paths.add(`${number}/${path}`);
    }
  }
  return { files, paths };
}

test(`single patterns: each pair of pattern and path (${PAIR_ROUNDS * PATTERNS} patterns)`, () => {
  const tally: Tally = { compared: 0, matched: 0, differences: [] };
  for (let round = 1; round <= PAIR_ROUNDS; round++) {
    const root = newRoot();
    const { files, paths } = makePairs(new Dice(1000 + round), root);
    const look = (directory: Uint8Array): DirectoryContent => {
      const bytes = files.get(toLatin1(directory));
      return { has: (name) => bytes !== undefined && toLatin1(name) === '.gitignore', read: () => bytes };
    };
    for (const [path, expected] of askGit(root, [...paths]))
      compare(tally, root, expected, { path, type: 'other', look });
  }
  expect(tally.differences.slice(0, 20)).toEqual([]);
  expect(tally.compared).toBeGreaterThan((PAIR_ROUNDS * PATTERNS * PATHS) / 2);
  expect(tally.matched).toBeGreaterThan(tally.compared / 4);
});
