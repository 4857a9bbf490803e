/** `neo unlock` and `neo lock`, with real agents behind real sockets. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launcher, root, run } from '../house/run.ts';
import { type CliRun, QUICK_KDF, User } from './user.ts';

const PASSWORD = { NEO_PASSWORD: 'correct horse' };
const NO_PASSWORD = 'no password given, and no terminal to ask at';
const onLinux = it.skipIf(process.platform !== 'linux');

let user: User;
let folder: string;
let socket: string;

beforeAll(async () => {
  user = await User.make({});
  await user.folder('work');
  writeFileSync(user.at('work', 'notes.txt'), 'remember the milk\n');
  for (const args of [
    ['init', ...QUICK_KDF],
    ['init', '--repo', 'second', ...QUICK_KDF],
  ])
    expect(await user.neo(args, PASSWORD)).toMatchObject({ code: 0 });
  folder = user.at('.local/state/neo/agent');
  socket = join(folder, 'agent.sock');
});

beforeEach(async () => {
  if (existsSync(folder)) chmodSync(folder, 0o700);
});

/** Every agent of this user ends. */
afterEach(async () => {
  await user.neo(['lock', '--all']);
  for (const pid of agents()) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function agents(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && commandLine(pid).startsWith(`neo agent ${folder}`));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

async function unlock(...args: string[]): Promise<CliRun> {
  const done = await user.neo(['unlock', ...args], PASSWORD);
  expect([done.code, done.stderr]).toEqual([0, '']);
  return done;
}

async function until(what: () => boolean): Promise<void> {
  for (let waited = 0; !what() && waited < 10_000; waited += 50) await sleep(50);
  expect(what()).toBe(true);
}

const list = (more: NodeJS.ProcessEnv = {}, ...args: string[]) => user.neo(['snapshots', ...args], more);

async function expectLocked(...args: string[]): Promise<void> {
  expect(await list({}, ...args)).toMatchObject({ code: 12, stderr: expect.stringContaining(NO_PASSWORD) });
}

describe('an unlocked repository', () => {
  it('asks for no password, until it is locked', async () => {
    await expectLocked();
    const [summary] = (await unlock('--json')).of('summary');
    const left = Date.parse(String(summary?.['expires'])) - Date.now();
    expect([left > 3_500_000, left <= 3_600_000, summary?.['location']]).toEqual([true, true, user.repository]);
    expect([lstatSync(folder).mode & 0o777, lstatSync(socket).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(await user.neo(['snapshot', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(await list()).toMatchObject({ code: 0, stderr: '' });
    const status = await user.neo(['unlock', '--status', '--json']);
    expect(status.of('unlocked')).toEqual([{ ...summary, type: 'unlocked' }]);
    expect(status.of('summary')).toEqual([{ v: 1, type: 'summary', unlocked: 1 }]);
    expect(await user.neo(['lock'])).toMatchObject({ code: 0, stdout: `locked ${user.repository}\n`, stderr: '' });
    await expectLocked();
    await until(() => agents().length === 0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is one of several, each with a time of its own', async () => {
    await unlock();
    await unlock('--repo', 'second', '--for', '2s');
    expect(agents()).toHaveLength(1);
    expect(await list({}, '--repo', 'second')).toMatchObject({ code: 0 });
    await sleep(2_100);
    await expectLocked('--repo', 'second');
    expect(await list()).toMatchObject({ code: 0 });
    await unlock('--repo', 'second');
    expect((await user.neo(['lock', '--repo', 'second', '--json'])).of('summary')).toEqual([
      { v: 1, type: 'summary', locked: 1 },
    ]);
    expect(await list()).toMatchObject({ code: 0 });
    await unlock('--repo', 'second');
    expect((await user.neo(['lock', '--all', '--json'])).of('summary')).toEqual([{ v: 1, type: 'summary', locked: 2 }]);
    await expectLocked();
  });

  it('ends by itself, and the agent with it', async () => {
    await unlock('--for', '1s');
    await until(() => agents().length === 0);
    expect(existsSync(socket)).toBe(false);
    await expectLocked();
  });

  it('is found by another name, too, and locked by it', async () => {
    await unlock();
    renameSync(user.repository, user.at('moved'));
    try {
      expect(await list({}, '--repo', 'moved')).toMatchObject({ code: 0, stderr: '' });
      expect((await user.neo(['lock', '--repo', 'moved'])).stdout).toBe(`locked ${user.repository}\n`);
    } finally {
      renameSync(user.at('moved'), user.repository);
    }
  });

  it('is locked though it cannot be reached', async () => {
    await unlock();
    renameSync(user.repository, user.at('moved'));
    try {
      expect((await user.neo(['lock'])).stdout).toBe(`locked ${user.repository}\n`);
    } finally {
      renameSync(user.at('moved'), user.repository);
    }
  });

  it('is locked at once, also while there is no network to reach it by', async () => {
    const lock = await user.neo(['lock', '--repo', 'sftp://nowhere/x'], { NEO_SSH: 'false' });
    expect([lock.code, lock.stderr]).toEqual([0, expect.not.stringContaining('trying again')]);
  });

  it('is opened with what was given rather than with what is held', async () => {
    await unlock();
    expect(await list({ NEO_PASSWORD: 'wrong' })).toMatchObject({ code: 12 });
    expect(await list({ NEO_PASSWORD_COMMAND: 'echo wrong' })).toMatchObject({ code: 12 });
    expect(await list({ NEO_KEY_FILE: 'none' })).toMatchObject({ code: 12 });
    expect(await list({}, '--password-file', 'work/notes.txt')).toMatchObject({ code: 12 });
    await expectLocked('--key-slot', 'ffff');
  });

  it('leaves those alone that are under way when it is locked', async () => {
    await unlock();
    const script = '(sleep 2; echo late) | neo snapshot --stdin --stdin-filename late & sleep 1; neo lock; wait $!';
    const { code, stdout } = await user.sh(script);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/locked .*[\s\S]* saved/)]);
  });

  it('is renewed only with the password', async () => {
    await unlock('--for', '30s');
    expect(await user.neo(['unlock'])).toMatchObject({ code: 12, stderr: expect.stringContaining(NO_PASSWORD) });
    expect(await user.neo(['unlock'], { NEO_PASSWORD: 'wrong' })).toMatchObject({ code: 12 });
    expect((await user.neo(['unlock', '--status', '--json'])).of('unlocked')).toHaveLength(1);
  });

  it('becomes a key file without its password, as a key file does', async () => {
    await unlock();
    expect(await user.neo(['key', 'export', '--out', 'copy.key'])).toMatchObject({ code: 0 });
    expect(await list({ NEO_KEY_FILE: 'copy.key' })).toMatchObject({ code: 0 });
  });
});

describe('a key that opens no longer', () => {
  it('is told, and the password asked for', async () => {
    const [held] = (await unlock('--json')).of('summary');
    const slot = join(user.repository, 'keys', String(held?.['key']));
    renameSync(slot, user.at('slot'));
    try {
      const { code, stderr } = await list();
      expect([code, stderr]).toEqual([
        12,
        expect.stringMatching(/^neo: the key that the agent holds opens .* no longer\nneo: no password/),
      ]);
    } finally {
      renameSync(user.at('slot'), slot);
    }
  });

  it('is that of the repository that was in the same place before', async () => {
    await unlock('--repo', 'second');
    rmSync(user.at('second'), { recursive: true });
    expect(await user.neo(['init', '--repo', 'second', ...QUICK_KDF], PASSWORD)).toMatchObject({ code: 0 });
    const { code, stderr } = await list({}, '--repo', 'second');
    expect([code, stderr]).toEqual([12, expect.stringMatching(new RegExp(`^neo: ${NO_PASSWORD}`))]);
  });
});

describe('the agent', () => {
  onLinux('that was killed leaves a socket that stops nobody', async () => {
    await unlock();
    for (const pid of agents()) process.kill(pid, 'SIGKILL');
    await until(() => agents().length === 0);
    expect(existsSync(socket)).toBe(true);
    expect((await list()).stderr).toMatch(new RegExp(`^neo: ${NO_PASSWORD}`));
    await unlock();
    expect(await list()).toMatchObject({ code: 0 });
  });

  onLinux.each(['SIGTERM', 'SIGHUP'] as const)('takes its socket away on %s', async (signal) => {
    await unlock();
    for (const pid of agents()) process.kill(pid, signal);
    await until(() => agents().length === 0);
    expect(readdirSync(folder)).toEqual([]);
  });

  onLinux('has neither password nor terminal, and is out of reach of Ctrl-C', async () => {
    const done = await user.sh('trap "" INT; neo unlock && kill -INT 0; neo snapshots', PASSWORD);
    expect(done.code).toBe(0);
    const [pid] = agents();
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain('correct horse');
    const [, , , , group, session] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/\(.*\)/, '()')
      .split(' ');
    expect([group, session]).toEqual([String(pid), String(pid)]);
    expect(readFileSync(`/proc/${pid}/coredump_filter`, 'latin1').trim()).toBe('00000000');
  });

  onLinux('ends when its socket is gone: nobody could lock it', async () => {
    await unlock();
    rmSync(socket);
    await until(() => agents().length === 0);
  });

  onLinux('is one, though several are asked for at once', async () => {
    const line = Array.from({ length: 4 }, () => 'neo unlock & ').join('');
    await user.sh(`${line} wait`, PASSWORD);
    expect(await list()).toMatchObject({ code: 0 });
    await until(() => agents().length === 1);
  });

  onLinux('does not come when the password is wrong, or Ctrl-C ends the question', async () => {
    expect(await user.neo(['unlock'], { NEO_PASSWORD: 'wrong' })).toMatchObject({ code: 12 });
    const task = { command: [process.execPath, launcher, 'unlock'], steps: [['Password', '\u0003']], stdin: null };
    const env = { PATH: process.env['PATH'], HOME: user.home, LANG: 'C.UTF-8', TERM: 'xterm' };
    const { stdout } = await run('python3', [join(root, 'test/cli/terminal.py'), JSON.stringify(task)], { env });
    expect(JSON.parse(stdout)).toMatchObject({ code: 130 });
    expect([agents(), existsSync(folder)]).toEqual([[], false]);
  });
});

describe('a place that is not the user’s own', () => {
  it('is not asked, nor given a key', async () => {
    await unlock();
    chmodSync(folder, 0o755);
    expect((await list()).stderr).toMatch(/^neo: the agent is not used: .* is open to other users.*\nneo: no password/);
    expect(await user.neo(['unlock'], PASSWORD)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('open to other users'),
    });
    chmodSync(folder, 0o700);
    chmodSync(socket, 0o666);
    expect((await list()).stderr).toContain('is open to other users');
    chmodSync(socket, 0o600);
  });

  it('is also a link, or another user’s folder', async () => {
    mkdirSync(user.at('real'), { recursive: true, mode: 0o700 });
    await user.sh('mkdir -p .local/state/neo; ln -s ~/real .local/state/neo/agent');
    expect(await user.neo(['unlock'], PASSWORD)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is no folder'),
    });
    rmSync(folder);
    if (process.getuid?.() !== 0) return;
    await user.sh('mkdir -m 700 .local/state/neo/agent; chown 65534 .local/state/neo/agent');
    expect(await user.neo(['unlock'], PASSWORD)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another user'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is a runtime folder only if it is the user’s', async () => {
    mkdirSync(user.at('run'), { mode: 0o700 });
    const here = { XDG_RUNTIME_DIR: user.at('run') };
    expect(await user.neo(['unlock'], { ...PASSWORD, ...here })).toMatchObject({ code: 0, stderr: '' });
    expect([readdirSync(user.at('run/neo')), existsSync(folder)]).toEqual([['agent.sock'], false]);
    expect(await list(here)).toMatchObject({ code: 0 });
    expect(await user.neo(['lock', '--all'], here)).toMatchObject({ code: 0 });
    if (process.getuid?.() === 0) await user.sh('chown 65534 run');
    else return;
    await user.neo(['unlock'], { ...PASSWORD, ...here });
    expect(readdirSync(folder)).toEqual(['agent.sock']);
  });
});

describe('whatever else sits behind the socket', () => {
  let server: Server | undefined;

  async function sitting(behave: (socket: Socket) => void): Promise<void> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    server = createServer({ allowHalfOpen: true }, (connection) => {
      connection.on('error', () => undefined);
      behave(connection);
    });
    await new Promise<void>((resolve) => server?.listen(socket, resolve));
    chmodSync(socket, 0o600);
  }

  afterEach(async () => {
    server?.close();
    server = undefined;
  });

  const lines: readonly [string, (socket: Socket) => void, RegExp][] = [
    ['says nothing', () => undefined, /it does not answer/],
    ['speaks slowly', (at) => void setInterval(() => at.write('{'), 50).unref(), /it does not answer/],
    ['hangs up', (at) => at.destroy(), /./],
    ['talks nonsense', (at) => at.end('what?\n'), /of another version/],
    ['is a later version', (at) => at.end('{"v":2,"keys":[]}\n'), /of another version/],
    ['never stops', (at) => void at.write(Buffer.alloc(1 << 20)), /it says too much/],
  ];

  it.each(lines)('it %s: told in one line, and the password asked for', async (_what, behave, reason) => {
    await sitting(behave);
    const from = performance.now();
    const { code, stderr } = await list();
    expect(performance.now() - from).toBeLessThan(5_000);
    expect([code, stderr.split('\n')[0], stderr.split('\n')[1]]).toEqual([
      12,
      expect.stringMatching(reason),
      `neo: ${NO_PASSWORD}`,
    ]);
    expect(await list(PASSWORD)).toMatchObject({ code: 0, stderr: '' });
  });

  it('cannot pass a wrong key for the right one', async () => {
    await sitting((at) => {
      let request = '';
      at.on('data', (piece: Buffer) => {
        request += piece.toString();
      });
      at.on('end', () => {
        const [repository = ''] = JSON.parse(request).repositories;
        const [client = ''] = readdirSync(join(user.repository, 'keys'));
        const answer = { v: 1, keys: [{ repository, client, location: '/x', expires: 1 }] };
        at.end(Buffer.concat([Buffer.from(`${JSON.stringify(answer)}\n`), Buffer.alloc(32, 1)]));
      });
    });
    expect((await list()).stderr).toMatch(/^neo: the key that the agent holds opens .* no longer\nneo: no password/);
  });
});

describe('neo unlock', () => {
  it.each(['25h', 'soon', '0s'])('refuses --for %s', async (time) => {
    expect(await user.neo(['unlock', '--for', time], PASSWORD)).toMatchObject({ code: 2 });
  });

  it('and lock say so when there is nothing', async () => {
    expect(await user.neo(['unlock', '--status'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'neo: nothing is unlocked\n',
    });
    expect(await user.neo(['lock', '--all'])).toMatchObject({ code: 0, stderr: 'neo: nothing was unlocked\n' });
  });
});
