/** `neo monitor` beside a server that sends what it has to another one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { environment, launcher, type Started, start } from '../house/run.ts';
import { Terminal, tmuxIsThere } from '../support/tmux.ts';
import { ok, People, summaryOf } from './people.ts';
import type { JsonObject, User } from './user.ts';

let berlin: People;
let munich: People;
let ann: User;
let terminal: Terminal | undefined;
let started: Started | undefined;

beforeAll(async () => {
  [berlin, munich] = [await People.start(), await People.start()];
  ann = await berlin.make('ann');
  const invitation = await ok(munich.admin.neo(['admin', 'replica', 'invite', 'berlin', '--json']));
  await ok(berlin.admin.sh(String(summaryOf(invitation)['command']).replace('NAME', 'munich')));
  await berlin.withSnapshot(ann, 'documents');
}, 120_000);
afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
  started?.child.kill('SIGKILL');
  await started?.done;
  started = undefined;
});
afterAll(() => Promise.all([berlin.server.stop(), munich.server.stop()]));

const WAITING = /replica +state +queued +lag +problem *\n +munich +waiting +0 *$/m;

describe('a replica', () => {
  it('is told to programs, as it changes', async () => {
    started = start(process.execPath, [launcher, 'monitor', '--json'], {
      cwd: berlin.admin.home,
      env: environment(berlin.admin.home),
    });
    const { child, printed, done } = started;
    await printed('"type":"replica"');
    await ok(berlin.admin.neo(['account', 'token', 'create', 'one', '--role', 'append']));
    await printed('"added":1');
    child.kill('SIGINT');
    const { code, stdout } = await done;
    const told = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JsonObject]));
    expect([code, told[0]?.['type']]).toEqual([0, 'watching']);
    const ledgers = told.filter(({ type }) => type === 'ledger');
    expect(ledgers[0]).toMatchObject({ added: 0, entries: expect.any(Number), time: expect.any(String) });
    expect(told.find(({ type }) => type === 'replica')).toMatchObject({ name: 'munich', error: null });
    const bodies = ledgers.map(({ time: _, ...rest }) => JSON.stringify(rest));
    expect(new Set(bodies).size).toBe(bodies.length);
  });

  it.skipIf(!tmuxIsThere())('and the ledger are on the screen, whatever its size', async () => {
    terminal = await Terminal.start([process.execPath, launcher, 'monitor'], {
      env: environment(berlin.admin.home),
      cwd: berlin.admin.home,
    });
    await terminal.shows(WAITING);
    await terminal.shows(/ledger \d+ entries · \+0 since start · 0\/min · \d+ signed by replicas/);
    await ok(ann.neo(['snapshot', 'work', '--repo', berlin.at('documents'), '--label', 'again']));
    const screen = await terminal.shows(
      /ledger \d+ entries · \+[1-9]\d* since start · [1-9]\d*\/min · \d+ signed by replicas/,
    );
    expect(screen).toMatch(/put .* ann\/documents/);
    await terminal.resize(200, 60);
    await terminal.shows(/replica +state +queued +lag +objects sent +sent +signed +problem/);
    await terminal.resize(80, 24);
    await terminal.shows(WAITING);

    // Now the other server is away: what comes waits.
    await munich.server.stop();
    await ok(ann.sh('head -c 64K /dev/urandom > work/more'));
    await ok(ann.neo(['snapshot', 'work', '--repo', berlin.at('documents')]));
    const wrong = await terminal.shows(/munich +unreachable +[1-9]\d* +\d+:\d\d {2}\S+/);
    const lines = wrong.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect([lines[0]?.slice(0, 6), lines[23]?.slice(0, 8)]).toEqual(['neo://', 'Tab pane']);
    await terminal.keys('q');
    await terminal.shows(/^exit 0/);
  });
});
