/** bin/neo.cjs, in a package of its own whose main says what it sees. */
import { chown, copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { environment, launcher, neo, oldNode, root, run, start, temporary } from './run.ts';

const MAIN = `
export async function main(argv) {
  if (argv[0] === 'exit') process.exit(Number(argv[1]));
  if (argv[0] === 'die') process.kill(process.pid, argv[1]);
  if (argv[0] === 'wait') {
    process.on('SIGINT', () => process.exit(77)).on('SIGTERM', () => process.exit(78)).on('SIGHUP', () => process.exit(79));
    setInterval(() => undefined, 1000);
  }
  console.log(JSON.stringify({ argv, node: process.versions.node, ready: true }));
}
`;

let home: string;
let copy: string;

async function install(parts: { main?: boolean; node?: boolean }): Promise<string> {
  const folder = await temporary('launcher');
  await Promise.all([mkdir(join(folder, 'bin')), mkdir(join(folder, 'dist/cli'), { recursive: true })]);
  await mkdir(join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await copyFile(launcher, join(folder, 'bin/neo.cjs'));
  if (parts.main !== false) await writeFile(join(folder, 'dist/cli/main.js'), MAIN);
  if (parts.node !== false) await symlink(join(root, 'node_modules/node'), join(folder, 'node_modules/node'));
  return join(folder, 'bin/neo.cjs');
}

beforeAll(async () => {
  home = await temporary('home');
  copy = await install({});
});

const nodes: [string, string | undefined][] = [
  ['Node 24', process.execPath],
  ['the old Node of the machine', oldNode],
];

describe.each(nodes)('the launcher on %s', (_name, node) => {
  const here = it.skipIf(node === undefined);
  const options = () => ({ env: environment(home) });
  const execute = (...args: string[]) => run(node ?? '', [copy, ...args], options());

  here('runs on Node 24 and hands every argument on', async () => {
    const args = ['a b', '', '--x=$HOME', '*', '-'];
    const { code, stdout, stderr } = await execute(...args);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({ argv: args, node: expect.stringMatching(/^(2[4-9]|[3-9]\d)\./), ready: true });
  });

  here.each([0, 1, 3, 15, 130])('passes exit code %d on', async (code) => {
    expect(await execute('exit', String(code))).toMatchObject({ code, signal: null });
  });

  here.each(['SIGTERM', 'SIGKILL', 'SIGINT'] as const)('ends by %s when neo did', async (signal) => {
    expect(await execute('die', signal)).toMatchObject({ code: null, signal });
  });

  here.each([
    ['SIGINT', 77],
    ['SIGTERM', 78],
    ['SIGHUP', 79],
  ] as const)('passes %s on', async (signal, code) => {
    const { child, done, printed } = start(node ?? '', [copy, 'wait'], options());
    await printed('ready');
    child.kill(signal);
    expect(await done).toMatchObject({ code });
  });

  here('says in one line that nothing is built', async () => {
    const bare = await install({ main: false });
    const { code, stdout, stderr } = await run(node ?? '', [bare], options());
    expect([code, stdout, stderr]).toEqual([1, '', 'neo: not built yet: run `npm run build`\n']);
  });
});

describe('the launcher', () => {
  it.skipIf(oldNode === undefined)('says in one line that its Node is missing', async () => {
    const bare = await install({ node: false });
    const { code, stdout, stderr } = await run(oldNode ?? '', [bare], { env: environment(home) });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^neo: needs Node 24 or later; this is v\d+[^\n]*\n$/);
  });

  it('keeps compiled code in the cache folder of the user', async () => {
    const own = await temporary('own');
    await run(process.execPath, [copy], { env: environment(own) });
    expect(await readdir(join(own, '.cache/neo'))).toEqual(['compile']);
  });

  it.skipIf(process.getuid?.() !== 0)('neither reads nor writes compiled code in a home of another user', async () => {
    const foreign = await temporary('foreign');
    await chown(foreign, 65_534, 65_534);
    expect(await run(process.execPath, [copy], { env: environment(foreign) })).toMatchObject({ code: 0, stderr: '' });
    expect(await readdir(foreign)).toEqual([]);
  });

  it('loads few files to say its version', async () => {
    // What starting costs (docs/decisions/0004-start-up.md) is what is loaded; the clock hangs on the machine.
    const count = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({
        load(url, context, next) {
          if (url.startsWith('file:')) loaded.push(url.slice(url.lastIndexOf('/') + 1));
          return next(url, context);
        },
      });
      process.on('exit', () => console.error(JSON.stringify(loaded)));`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(count)}`;
    const { code, stderr } = await neo(['--version'], { NODE_OPTIONS });
    const loaded = JSON.parse(stderr) as string[];
    expect([code, loaded]).toEqual([0, expect.arrayContaining(['main.js'])]);
    expect(loaded.length).toBeLessThanOrEqual(8);
  });

  it('says no success where the program waits for what never comes', async () => {
    const never = `
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      fs.readFile = () => new Promise(() => undefined);
      syncBuiltinESMExports();`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(never)}`;
    const { code, stderr } = await neo(['repo', 'list'], { NODE_OPTIONS });
    expect([code, stderr]).toEqual([1, expect.stringContaining('before it was done')]);
  });
});
