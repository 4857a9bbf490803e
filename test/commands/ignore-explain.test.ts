import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type JsonObject, User } from './user.ts';

const user = await User.make();
const work = user.at('work');

beforeAll(async () => {
  await user.openWithKeyFile();
  const files: { readonly [path: string]: string } = {
    '.neoignore': '/work/top\n',
    'work/.neoignore': '# rubbish\n*.o\n!keep.o\nbuild/\n',
    'work/.gitignore': '*.log\n',
    'work/main.o': '',
    'work/keep.o': '',
    'work/main.c': '',
    'work/debug.log': '',
    'work/top': '',
    'work/build/out': '',
    'work/deep/.neoignore': '!*.o\n*.c\n',
    'work/deep/a.o': '',
    'work/deep/a.c': '',
    'work/cache/CACHEDIR.TAG': 'Signature: 8a477f597d28d172789f06886806bc55\n',
    'work/cache/thing': '',
    'work/big': 'x'.repeat(5000),
    'work/photos/one.jpg': '',
    'work/photos/one.txt': '',
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(user.at(path), '..'), { recursive: true });
    await writeFile(user.at(path), text);
  }
  await symlink('deep', join(work, 'link'));
});

async function explainOne(...args: string[]): Promise<JsonObject> {
  const { code, of, stderr } = await user.neo(['ignore', 'explain', '--json', ...args]);
  expect([code, stderr]).toEqual([0, '']);
  expect(of('explanation')).toHaveLength(1);
  return of('explanation')[0] ?? {};
}

describe('neo ignore explain', () => {
  it('names the rule, its file and its line', async () => {
    const { code, stdout } = await user.neo([
      ...['ignore', 'explain', '--exclude', '*.tmp', '--source', 'work'],
      ...['work/main.o', 'work/keep.o', 'work/main.c', 'work/build/out', 'work/x.tmp', 'work/top', 'work/link/a.c'],
    ]);
    const rules = `${work}/.neoignore`;
    expect([code, stdout.split('\n')]).toEqual([
      0,
      [
        `${work}/main.o: left out: ${rules}:2: *.o`,
        `${work}/keep.o: kept: ${rules}:3: !keep.o`,
        `${work}/main.c: kept: no rule matches`,
        `${work}/build/out: left out, with all of ${work}/build: ${rules}:4: build/`,
        `${work}/x.tmp (nothing is there): left out: --exclude *.tmp`,
        `${work}/top: kept: no rule matches`,
        `${work}/link/a.c: left out: ${work}/link is no directory, and links are not followed`,
        '',
      ],
    ]);
  });

  it('takes the working directory for the source, and / for what lies elsewhere', async () => {
    const top = await explainOne('work/top');
    expect(top).toMatchObject({ path: `${work}/top`, source: user.home, decision: 'left-out', at: `${work}/top` });
    expect(top['rule']).toEqual({
      kind: 'ignore-file',
      source: user.at('.neoignore'),
      line: 1,
      pattern: '/work/top',
      negated: false,
    });
    expect(await explainOne('/nowhere/at/all/')).toEqual({
      v: 1,
      type: 'explanation',
      path: '/nowhere/at/all',
      source: '/',
      decision: 'kept',
      at: '/nowhere/at/all',
      blocked: false,
      exists: false,
    });
  });

  it('tells what an include would reach, and what none names', async () => {
    const args = ['--source', 'work', '--include', 'photos/*.jpg'];
    expect(await explainOne(...args, 'work/photos')).toMatchObject({ decision: 'to-reach' });
    expect(await explainOne(...args, 'work/photos/one.jpg')).toMatchObject({ decision: 'kept' });
    expect(await explainOne(...args, 'work/photos/one.txt')).toMatchObject({
      decision: 'left-out',
      rule: { kind: 'not-included' },
    });
  });

  it.each([
    [[], 'no path to explain'],
    [['--source', 'work', '/etc'], 'does not lie below the source'],
    [['--exclude', '[a', 'work'], 'can match nothing'],
    [['--exclude-file', 'none', 'work'], 'cannot read the patterns in none'],
    [['--exclude-larger-than', 'huge', 'work'], 'not a size'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await user.neo(['ignore', 'explain', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it.each([
    [[]],
    [['--gitignore', '--exclude-caches', '--exclude-larger-than', '4k']],
    [['--exclude', '/**/deep/a.o', '--iexclude', 'MAIN.*']],
    [['--include', '*.o', '--include', 'photos']],
    [['--exclude-if-present', 'keep.o']],
  ])('says what a snapshot with %j does', async (flags) => {
    const { stdout } = await user.sh('find work -mindepth 1 -printf "%p\\n" | sort');
    const paths = stdout.trimEnd().split('\n');
    const explained = await user.neo(['ignore', 'explain', '--json', '--source', 'work', ...flags, ...paths]);
    expect((await user.neo(['snapshot', 'work', ...flags])).code).toBe(0);
    const listed = await user.neo(['ls', '-r', '--json']);
    const saved = new Set(listed.of('node').map((node) => node['path']));
    const decisions = explained.of('explanation');
    expect(decisions).toHaveLength(paths.length);
    for (const { decision, path } of decisions) {
      // A directory on the way to an include is there only if something is in it.
      if (decision !== 'to-reach') expect([path, decision]).toEqual([path, saved.has(path) ? 'kept' : 'left-out']);
    }
    expect(saved.size).toBeGreaterThan(0);
  });
});
