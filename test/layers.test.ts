/** The house of ARCHITECTURE.md as a test: who may import whom, types counted, and what no library folder may touch. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Bottom first; a row may name only rows above it in this list. */
const LAYERS: { readonly [folder: string]: readonly string[] } = {
  core: [],
  engine: ['core'],
  chunker: ['core'],
  fs: ['core'],
  protocol: ['core', 'engine'],
  backends: ['core', 'engine', 'protocol'],
  repo: ['core', 'engine', 'chunker', 'protocol', 'backends'],
  snapshot: ['core', 'engine', 'fs', 'repo'],
  tasks: ['core', 'engine', 'chunker', 'fs', 'repo', 'snapshot'],
  server: ['core', 'engine', 'protocol', 'backends'],
  peer: ['core', 'engine', 'protocol', 'backends', 'repo', 'tasks'],
  ui: ['core', 'snapshot', 'tasks'],
  cli: ['core', 'engine', 'protocol', 'backends', 'repo'],
  commands: ['core', 'protocol', 'backends', 'repo', 'snapshot', 'tasks', 'server', 'peer', 'ui', 'cli'],
};

/** Packages that belong to one folder: heavy, delicate or replaceable parts stand behind one file of ours. */
const PACKAGES: { readonly [name: string]: readonly string[] } = {
  'node:crypto': ['engine'],
  'node:zlib': ['engine'],
  'hash-wasm': ['engine'],
  'zstd-codec': ['engine'],
  '@noble/': ['engine'],
  '@napi-rs/blake-hash': ['engine'],
  '@peculiar/': ['engine'],
  otpauth: ['engine'],
  '@napi-rs/xattr': ['fs'],
  koffi: ['fs', 'backends'],
  '@oclif/': ['cli', 'commands'],
  '@aws-sdk/': ['backends'],
  '@smithy/': ['backends'],
  '@inquirer/': ['cli', 'commands'],
  'chrono-node': ['cli'],
  'smol-toml': ['cli'],
  yazl: ['tasks'],
  kysely: ['server'],
  'node:sqlite': ['server'],
  ink: ['ui'],
  react: ['ui'],
};

/** These may speak to the user and read the environment; all others get what they need handed in. */
const SPEAKING = ['cli', 'commands', 'ui'];
const SPEECH = /\bconsole\.|\bprocess\.(env|argv|stdout|stderr|stdin|exit|exitCode)\b|\bhomedir\(/;

const IMPORTS = [
  /^[ \t]*(?:import|export)\b[^;'"`]*?\bfrom\s*(['"])([^'"]+)\1/gm,
  /^[ \t]*import\s*(['"])([^'"]+)\1/gm,
  /\bimport\s*\(\s*(['"`])([^'"`]+)\1/g,
  /\brequire\s*\(\s*(['"`])([^'"`]+)\1/g,
  // Workers and files beside the code.
  /\bnew URL\(\s*(['"`])(\.[^'"`]+\.ts)\1/g,
];

type Files = ReadonlyMap<string, string>;

/** @param files path below src, with `/` → text. @returns one line for each breach */
function breaches(files: Files): string[] {
  return [...files].flatMap(([path, text]) => {
    const folder = path.split('/')[0] ?? '';
    if (!path.includes('/')) return [`${path}: loose file under src/`];
    if (LAYERS[folder] === undefined) return [`${path}: ${folder}/ is not in the table`];
    const found = importsOf(text).flatMap((name) => importBreach(path, folder, name, files));
    const code = withoutComments(text);
    if (!SPEAKING.includes(folder) && SPEECH.test(code))
      found.push(`${path}: ${SPEECH.exec(code)?.[0]} in a library folder`);
    if (/\bimport\s*\(\s*[^'"`\s)]/.test(code)) found.push(`${path}: import() of something that is not written out`);
    return found;
  });
}

function importsOf(text: string): string[] {
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[2] ?? ''));
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

function importBreach(path: string, folder: string, name: string, files: Files): string[] {
  if (!name.startsWith('.')) {
    const owned = Object.entries(PACKAGES).find(
      ([prefix]) => name === prefix || name.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`),
    );
    return owned === undefined || owned[1].includes(folder)
      ? []
      : [`${path}: ${name} belongs to ${owned[1].join(', ')}`];
  }
  const target = posix.join(posix.dirname(path), name);
  if (target.startsWith('..')) return [`${path}: ${name} leaves src/`];
  if (!files.has(target)) return [`${path}: ${name} is no file`];
  const parts = target.split('/');
  const targetFolder = parts[0] ?? '';
  if (targetFolder === folder) return [];
  if (!(LAYERS[folder] ?? []).includes(targetFolder))
    return [`${path}: ${folder} may not import ${targetFolder} (${name})`];
  return parts.length > 2 ? [`${path}: ${parts.slice(0, 2).join('/')}/ is private`] : [];
}

function readSource(root: string): Files {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8')]),
  );
}

const source = readSource(join(dirname(fileURLToPath(import.meta.url)), '..', 'src'));

it('nobody imports node:http, which would load all of undici (docs/decisions/0004-start-up.md)', () => {
  const guilty = [...source].filter(([, text]) => /^import (?!type)[^;]*from 'node:http';/m.test(text));
  expect(guilty.map(([path]) => path)).toEqual([]);
});

describe('layers', () => {
  it('the table has no circle: every row names only rows above it', () => {
    const names = Object.keys(LAYERS);
    for (const [folder, allowed] of Object.entries(LAYERS)) {
      for (const name of allowed)
        expect(names.indexOf(name), `${folder} → ${name}`).toBeLessThan(names.indexOf(folder));
      for (const name of allowed) expect(names).toContain(name);
    }
  });

  it('src/ keeps to the table', () => {
    expect(source.size).toBeGreaterThan(20);
    expect(breaches(source)).toEqual([]);
  });

  it('every folder of the table is described in ARCHITECTURE.md, if it exists', () => {
    const page = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '..', 'ARCHITECTURE.md'), 'utf8');
    const folders = new Set([...source.keys()].map((path) => path.split('/')[0]));
    for (const folder of folders) expect(page).toContain(`\`${folder}/\``);
  });
});

describe('the test of layers sees', () => {
  const ground: [string, string][] = [
    ['core/errors.ts', ''],
    ['repo/repository.ts', ''],
    ['repo/pack/writer.ts', ''],
    ['tasks/backup.ts', ''],
  ];
  const check = (path: string, text: string) => breaches(new Map([...ground, [path, text]]));

  it.each([
    ['an upward import', 'repo/a.ts', "import { backup } from '../tasks/backup.ts';", 'repo may not import tasks'],
    [
      'an upward import of a type',
      'repo/a.ts',
      "import type { Backup } from '../tasks/backup.ts';",
      'may not import tasks',
    ],
    [
      'an import over several lines',
      'repo/a.ts',
      "import {\n  a,\n  b,\n} from '../tasks/backup.ts';",
      'may not import tasks',
    ],
    ['an upward re-export', 'repo/a.ts', "export { backup } from '../tasks/backup.ts';", 'may not import tasks'],
    ['an import for its effect', 'repo/a.ts', "import '../tasks/backup.ts';", 'may not import tasks'],
    ['a dynamic import', 'repo/a.ts', "const { backup } = await import('../tasks/backup.ts');", 'may not import tasks'],
    ['a type by import()', 'repo/a.ts', "type B = import('../tasks/backup.ts').Backup;", 'may not import tasks'],
    ['a worker', 'repo/a.ts', "new Worker(new URL('../tasks/backup.ts', import.meta.url));", 'may not import tasks'],
    ['an import that is computed', 'repo/a.ts', 'await import(name);', 'not written out'],
    ['a sibling above', 'core/a.ts', "import { x } from '../repo/repository.ts';", 'core may not import repo'],
    ['a private folder', 'tasks/a.ts', "import { x } from '../repo/pack/writer.ts';", 'repo/pack/ is private'],
    ['a loose file', 'main.ts', '', 'loose file'],
    ['an unknown folder', 'utils/a.ts', '', 'not in the table'],
    ['cryptography outside engine/', 'repo/a.ts', "import { createHash } from 'node:crypto';", 'belongs to engine'],
    ['a part of a package', 'tasks/a.ts', "import { x } from '@noble/ciphers/chacha.js';", 'belongs to engine'],
    ['printing', 'tasks/a.ts', "console.log('done');", 'in a library folder'],
    ['reading the environment', 'repo/a.ts', "const x = process.env['HOME'];", 'in a library folder'],
    ['leaving src/', 'core/a.ts', "import x from '../../package.json';", 'leaves src/'],
    ['a file that is not there', 'core/a.ts', "import x from './gone.ts';", 'is no file'],
  ])('%s', (_what, path, text, message) => {
    expect(check(path, text)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['an import downwards', 'tasks/a.ts', "import { x } from '../repo/repository.ts';"],
    ['its own private folder', 'repo/a.ts', "import { x } from './pack/writer.ts';"],
    ['a word in a comment', 'repo/a.ts', '/** never console.log( */\n// process.env is not read'],
    ['the environment in cli/', 'cli/a.ts', "process.env['NEO_REPO'];"],
  ])('nothing wrong with %s', (_what, path, text) => {
    expect(check(path, text)).toEqual([]);
  });
});
