/** `neo monitor` on a terminal and in a pipe, beside a server that people use. */
import { setTimeout as later } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { environment, launcher, type Started, start } from '../house/run.ts';
import { enrol, objectsIn } from '../support/serve-admin.ts';
import { Terminal, tmuxIsThere } from '../support/tmux.ts';
import { ok, People } from './people.ts';
import type { JsonObject, User } from './user.ts';

/** The title, with nothing that is wrong. */
const CONNECTED = /^neo:\/\/admin@127\.0\.0\.1:\d+ *$/m;

let people: People;
let ann: User;
let nth = 0;
let terminal: Terminal | undefined;
let started: Started | undefined;

beforeAll(async () => {
  people = await People.start();
  ann = await people.make('ann');
  await ok(ann.neo(['target', 'create', 'docs']));
});
afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
  started?.child.kill('SIGKILL');
  await started?.done;
  started = undefined;
});
afterAll(() => people.server.stop());

/** Something is put into ann's target, by a token. */
async function put(): Promise<string> {
  nth += 1;
  const path = `index/thing-${nth}`;
  const { of } = await ok(ann.neo(['account', 'token', 'create', `script-${nth}`, '--role', 'append', '--json']));
  const token = String(of('summary')[0]?.['token']);
  const { trust, control } = await putter();
  const objects = objectsIn(people.server, { trust: { ...trust, token } as never, control }, 'docs');
  await objects.put(path, new Uint8Array(3_000));
  await objects.close();
  await control.close();
  return path;
}

async function putter() {
  const { of } = await ok(people.admin.neo(['account', 'device', 'invite', '--json']));
  return enrol(people.server, String(of('summary')[0]?.['code']));
}

async function monitor(more: NodeJS.ProcessEnv = {}, size = {}, user = people.admin): Promise<Terminal> {
  terminal = await Terminal.start([process.execPath, launcher, 'monitor'], {
    env: { ...environment(user.home), ...more },
    cwd: user.home,
    ...size,
  });
  return terminal;
}

const heights = async (at: Terminal): Promise<number[]> => {
  const lines = await at.lines();
  return ['log', 'objects', 'Tab pane'].map((title) => lines.findIndex((line) => line.includes(title)));
};

describe.skipIf(!tmuxIsThere())('on a terminal', () => {
  it('both panes show what is put within two seconds; q ends with 0', async () => {
    const at = await monitor();
    await at.shows(CONNECTED);
    await at.shows(/\d connections?/);
    const path = await put();
    const from = performance.now();
    const screen = await at.shows(new RegExp(`put ann/docs ann@script-${nth}: 1 object, 2.9 KiB[\\s\\S]*${path}`));
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(screen).toMatch(new RegExp(`put +2.9 KiB {2}ann/docs {2}${path} {2}ann@script-${nth}`));
    // What else there is in the log.
    expect(screen).toMatch(/info {4}change .*action=token-create/);
    expect(screen).toContain('1 object 2.9 KiB');
    expect(Math.max(...screen.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    await at.keys('q');
    await at.shows(/^exit 0/);
  });

  it('pauses, scrolls back, and shows its keys', async () => {
    const at = await monitor();
    await at.shows(CONNECTED);
    await at.keys('?');
    await at.shows('the other pane');
    await at.keys('?');
    await at.shows('▸ log');
    await at.keys('Tab');
    await at.shows('▸ objects');
    const { control, trust } = await putter();
    await control.call('target-create', { name: 'many' });
    const objects = objectsIn(people.server, { control, trust }, 'many');
    for (let n = 1; n <= 30; n += 1) await objects.put(`index/n-${n}`, new Uint8Array(n));
    await at.shows('index/n-30 ');
    await at.keys('Up', 'Up');
    await at.shows('objects · 2 back');
    expect((await at.lines()).join('\n')).not.toContain('index/n-30 ');
    await at.keys('G');
    await at.shows('index/n-30 ');
    await at.keys('p');
    await at.shows('paused, 0 more');
    await objects.put('index/late', new Uint8Array(1));
    await at.shows('objects · paused, 1 more');
    expect((await at.lines()).join('\n')).not.toContain('index/late');
    await at.keys('p');
    await at.shows('index/late');
    await Promise.all([objects.close(), control.close()]);
    await at.keys('C-c');
    await at.shows(/^exit 0/);
  });

  it('fits a screen of any size, also when it changes', async () => {
    const at = await monitor({ NO_COLOR: '1' }, { columns: 200, rows: 60 });
    await at.shows(CONNECTED);
    expect(await heights(at)).toEqual([1, 29, 59]);
    await at.resize(80, 24);
    await expect.poll(() => heights(at), { timeout: 5_000 }).toEqual([1, 11, 23]);
    await put();
    await at.shows(`ann@script-${nth}: 1 object`);
    await at.resize(40, 10);
    await expect.poll(() => heights(at), { timeout: 5_000 }).toEqual([1, 4, 9]);
    await at.keys('q');
    await at.shows('exit 0');
  });

  it('is for administrators', async () => {
    const at = await monitor({}, {}, ann);
    await at.shows(/events are for administrators[\s\S]*exit 13/);
  });
});

describe('in a pipe', () => {
  const follow = (args: readonly string[]): Started => {
    started = start(process.execPath, [launcher, 'monitor', ...args], {
      cwd: people.admin.home,
      env: environment(people.admin.home),
    });
    return started;
  };
  const objectsOf = (stdout: string): JsonObject[] =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as JsonObject);

  it.each([[['--json']], [[]]])('%j prints what happens, until Ctrl-C', async (args) => {
    const { child, printed, done } = follow(args);
    await printed('watching');
    const path = await put();
    await printed(path);
    child.kill('SIGINT');
    const { code, stdout } = await done;
    expect(code).toBe(0);
    const told = objectsOf(stdout);
    expect(told[0]).toEqual({ v: 1, type: 'watching' });
    expect(told).toContainEqual(
      expect.objectContaining({
        ...{ type: 'object', action: 'put', account: 'ann', target: 'docs', path, size: 3_000 },
        by: `ann@script-${nth}`,
      }),
    );
    expect(told).toContainEqual(expect.objectContaining({ type: 'event', level: 'info', event: 'change' }));
    expect(told.at(-1)).toMatchObject({ type: 'summary', objects: 1, bytes: 3_000 });
    expect(told.filter(({ type }) => type === 'event')).toHaveLength(Number(told.at(-1)?.['events']));
  });

  it('that is killed leaves the server as it was', async () => {
    const { child, printed, done } = follow(['--json']);
    await printed('watching');
    child.kill('SIGKILL');
    await done;
    await put();
    const usage = await ok(ann.neo(['account', 'usage', '--json']));
    expect(usage.of('summary')[0]).toMatchObject({ objects: nth });
    expect(people.server.stderr()).not.toContain('"fault"');
  });

  it('refuses whoever is no administrator, with 13', async () => {
    const { code, of } = await ann.neo(['monitor', '--json']);
    expect([code, of('error')[0]?.['code']]).toEqual([13, 'permission-denied']);
  });

  it('ends quietly with its reader', async () => {
    const running = people.admin.sh('set -o pipefail; neo monitor --json | head -1');
    await later(1_500);
    await put();
    await put();
    const { code, stdout } = await running;
    expect([code, stdout.includes('"watching"')]).toEqual([0, true]);
  });
});

describe('a server that goes away', () => {
  it('is waited for', async () => {
    const own = await People.start();
    const at = await monitor({}, {}, own.admin);
    await at.shows(CONNECTED);
    process.kill(own.server.pid, 'SIGKILL');
    await at.shows(/neo:\/\/admin@127\.0\.0\.1:\d+ · /);
    await at.shows('trying again');
    const { dataRoot, port } = own.server;
    const args = ['serve', '--json', '--data-root', dataRoot, '--listen', `127.0.0.1:${port}`];
    started = start(process.execPath, [launcher, ...args], { env: environment(own.admin.home) });
    await at.shows('connected again');
    await at.shows(CONNECTED);
    await at.keys('q');
    await at.shows(/^exit 0/);
    await own.server.stop();
  });
});
