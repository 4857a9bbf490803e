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

  it('starts within 150 ms', async () => {
    // On a machine busy with other tests the clock tells nothing, so the processor time counts where it is less.
    const report = "process.on('exit',()=>{const{user,system}=process.cpuUsage();console.error((user+system)/1000)})";
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}` };
    await neo(['--version'], env);
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i += 1) {
      const from = performance.now();
      const { code, stderr } = await neo(['--version'], env);
      expect([code, Number(stderr) > 0]).toEqual([0, true]);
      best = Math.min(best, performance.now() - from, Number(stderr));
    }
    expect(best).toBeLessThan(150);
  });
});
