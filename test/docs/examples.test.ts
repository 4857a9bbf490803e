/** Every example of the documentation, run as a reader would: page by page, from the top, in an empty home. */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { environment, launcher, root, run, temporary } from '../house/run.ts';
import { type Block, fencedBlocks, looksAs, proseOf, type Step, stepsOf } from './examples.ts';

const pages = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', ...(await docs())];
const LANGUAGES = ['sh', 'console', 'toml', 'json', 'text'];

async function docs(): Promise<string[]> {
  const names = await readdir(join(root, 'docs'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
    .sort();
}

/** What readers have and the test must bring: their files, and a snapshot of the day before. */
const SCENES: { readonly [page: string]: string } = {
  'README.md':
    'mkdir -p ~/work; echo notes > ~/work/notes.txt; NODE_OPTIONS="--import=$SCENE/yesterday.mjs" neo snapshot ~/work',
  'docs/ignore.md': 'mkdir -p ~/pictures/private ~/mail; echo 1 > ~/pictures/one.jpg; echo 2 > ~/mail/inbox',
};

const YESTERDAY = `const now = Date.now; Date.now = () => now() - 26 * 3600_000;`;

/** `npm ci` has brought everything already when this runs; nothing else of npm is there. */
const PROGRAMS: { readonly [name: string]: string } = {
  neo: `exec '${process.execPath}' '${launcher}' "$@"`,
  npx: '[ "$1" = neo ] || exit 97; shift; exec neo "$@"',
  npm: '[ "$*" = ci ] || exit 97',
};

class Session {
  readonly #home: string;
  readonly #scene: string;
  readonly #outputs = new Map<string, string>();
  all = '';

  constructor(home: string, scene: string) {
    this.#home = home;
    this.#scene = scene;
  }

  /** Disks and scratch folders of the examples lie in the home, too. */
  inside(text: string): string {
    return text.replaceAll(/(?<![\w.~/])\/(mnt|tmp)\//g, `${this.#home}/$1/`);
  }

  async play(scene: string, steps: readonly Step[]): Promise<void> {
    const script = [`set -eo pipefail; exec 2>&1; cd; mkdir -p ~/mnt ~/tmp`, `( ${scene || ':'} ) >/dev/null`];
    for (const [n, step] of steps.entries()) {
      await writeFile(join(this.#scene, String(n)), `${this.inside(step.script)}\n`);
      script.push(`echo '@@ ${step.line}'; . "$SCENE/${n}"`);
    }
    script.push("echo '@@ end'");
    const PATH = `${join(this.#scene, 'bin')}:${environment('')['PATH']}`;
    const more = { PATH, NEO_PASSWORD: 'an example', SCENE: this.#scene };
    const { stdout } = await run('bash', ['-c', script.join('\n')], {
      cwd: this.#home,
      env: environment(this.#home, more),
    });
    this.all = stdout;
    for (const [, line = '', output = ''] of stdout.matchAll(/^@@ (\w+)\n([\s\S]*?)(?=^@@ |(?![\s\S]))/gm)) {
      this.#outputs.set(line, output);
    }
  }

  /** What a step printed, if it and all before it succeeded. The home is written as readers know it. */
  output(step: Step, next: Step | undefined): string {
    const done = this.#outputs.has(next === undefined ? 'end' : String(next.line));
    if (!done) throw new Error(`the example of line ${step.line} failed:\n${this.all}`);
    const output = this.#outputs.get(String(step.line)) ?? '';
    return output.replaceAll(`${this.#home}/mnt/`, '/mnt/').replaceAll(`${this.#home}/tmp/`, '/tmp/');
  }

  /** `~` in expected output is the home. */
  expected(step: Step): string | undefined {
    return step.expected?.replaceAll(/(^|[\s:])~\//gm, `$1${this.#home}/`);
  }
}

async function playPage(page: string, list: readonly Step[]): Promise<Session> {
  const [home, scene] = [await temporary('reader'), await temporary('scene')];
  await mkdir(join(scene, 'bin'));
  await writeFile(join(scene, 'yesterday.mjs'), YESTERDAY);
  for (const [name, line] of Object.entries(PROGRAMS)) {
    await writeFile(join(scene, 'bin', name), `#!/bin/sh\n${line}\n`);
    await chmod(join(scene, 'bin', name), 0o755);
  }
  const session = new Session(home, scene);
  await session.play(SCENES[page] ?? '', list);
  return session;
}

const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await readFile(join(root, page), 'utf8')] as const)),
);
const blocks = new Map<string, readonly Block[]>([...texts].map(([page, text]) => [page, fencedBlocks(text)]));
const steps = new Map([...blocks].map(([page, list]) => [page, list.flatMap(stepsOf)] as const));

/** All at once: most of the time goes into the derivation of keys. */
const playing = new Map(
  [...steps].map(([page, list]) => [page, list.length === 0 ? undefined : playPage(page, list)] as const),
);

describe.each([...steps].filter(([, list]) => list.length > 0))('%s', (page, list) => {
  let played: Session;
  beforeAll(async () => {
    played = await (playing.get(page) ?? Promise.reject(new Error(`${page} was not played`)));
  });

  it.each(list.map((step, n) => [step.line, step.script.split('\n')[0], n] as const))(
    'line %i: %s',
    (_line, _what, n) => {
      const step = list[n];
      if (step === undefined) throw new Error('no such step');
      const output = played.output(step, list[n + 1]);
      const expected = played.expected(step);
      if (expected !== undefined && !looksAs(expected, output)) expect(output).toBe(expected);
    },
  );
});

describe('every page', () => {
  it('has its examples in blocks of a known kind', () => {
    for (const [page, list] of blocks) {
      for (const { language, line } of list) expect(LANGUAGES, `${page}:${line}`).toContain(language);
    }
  });

  it('says why an example is not run', async () => {
    const reasons = [...blocks.values()].flat().flatMap(({ notRun }) => (notRun === undefined ? [] : [notRun]));
    for (const reason of reasons) {
      expect(reason).toMatch(/\w+ \w+/);
      for (const [path] of reason.matchAll(/test\/[\w/.-]+\.ts/g)) await readFile(join(root, path));
    }
    expect(reasons.length).toBeLessThanOrEqual(2);
  });

  it('has no commands outside of blocks, where nothing runs them', () => {
    for (const [page, text] of texts) expect(proseOf(text).match(/^ {4,}(\$ |npx )?neo .*$/gm), page).toBeNull();
  });

  it('holds JSON that is JSON', () => {
    for (const [page, list] of blocks) {
      for (const { text, line } of list.filter(({ language }) => language === 'json')) {
        for (const row of text.split('\n')) expect(() => JSON.parse(row), `${page}:${line}`).not.toThrow();
      }
    }
  });

  it('names commands and flags that exist', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'oclif.manifest.json'), 'utf8')) as Manifest;
    const commands = flagsOfCommands(manifest);
    for (const [page, text] of texts) {
      // Other pages also speak of what is to come.
      if (!/^(README|docs\/[^/]+)\.md$/.test(page)) continue;
      for (const [, line = ''] of proseOf(text).matchAll(/`(?:npx )?neo ([a-z][^`]*)`/g)) {
        expect(unknownWords(commands, line), `${page}: neo ${line}`).toEqual([]);
      }
    }
  });
});

interface Manifest {
  readonly commands: {
    readonly [id: string]: {
      readonly aliases: readonly string[];
      readonly flags: { readonly [name: string]: { readonly char?: string; readonly aliases?: readonly string[] } };
    };
  };
}

/** By each name of a command, as it is typed. */
function flagsOfCommands(manifest: Manifest): Map<string, readonly string[]> {
  const commands = new Map<string, readonly string[]>();
  for (const [id, { aliases, flags }] of Object.entries(manifest.commands)) {
    const known = Object.entries(flags).flatMap(([name, flag]) => [
      ...[name, ...(flag.aliases ?? [])].map((long) => `--${long}`),
      `-${flag.char}`,
    ]);
    for (const name of [id, ...aliases]) commands.set(name.replaceAll(':', ' '), [...known, '--help']);
  }
  return commands;
}

/** What a line such as `key add --role write` names that there is not. A topic alone (`key`) is fine. */
function unknownWords(commands: ReadonlyMap<string, readonly string[]>, line: string): string[] {
  const [first = '', second = ''] = line.split(' ');
  const known = commands.get(`${first} ${second}`) ?? commands.get(first);
  if (known === undefined) return [...commands.keys()].some((name) => name.startsWith(`${first} `)) ? [] : [first];
  const own = line.split(' -- ')[0] ?? '';
  return [...own.matchAll(/(?:^| )(--?[a-z][\w-]*)/g)]
    .map(([, flag = '']) => flag)
    .filter((flag) => !known.includes(flag));
}
