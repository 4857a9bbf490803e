/** A server, its administrator, and people with accounts, each in a home of their own. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { launcher, root, run } from '../house/run.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type CliRun, QUICK_KDF, User } from './user.ts';

export const PASSWORD = { NEO_PASSWORD: 'of the repository' };

/** The run, which has to go well. */
export async function ok(running: Promise<CliRun>): Promise<CliRun> {
  const done = await running;
  expect([done.code, done.stderr]).toEqual([0, done.stderr]);
  return done;
}

export function summaryOf(done: CliRun): Record<string, unknown> {
  return (done.of('summary')[0] ?? {}) as Record<string, unknown>;
}

export class People {
  readonly server: NeoServe;
  readonly admin: User;
  /** What the log must not have. */
  readonly #secrets: string[] = [];

  private constructor(server: NeoServe, admin: User) {
    this.server = server;
    this.admin = admin;
  }

  static async start(): Promise<People> {
    const people = new People(await startNeoServe(), await User.make(PASSWORD));
    const { url, fingerprint, adminCode } = people.server;
    await ok(people.admin.neo(['login', url, '--code', people.secret(adminCode), '--fingerprint', fingerprint]));
    return people;
  }

  /** The location of a target. */
  at(target: string): string {
    return `${this.server.url}/${target}`;
  }

  /** Remembers what nobody is to find in the log. */
  secret(text: unknown): string {
    expect(text).toEqual(expect.stringMatching(/\S/));
    this.#secrets.push(String(text));
    return String(text);
  }

  /** Types the line that an invitation says. */
  async follow(invitation: CliRun, user: User, more = ''): Promise<void> {
    const { code, fingerprint, server, command } = summaryOf(invitation);
    expect(command).toBe(`neo login ${server} --code ${this.secret(code)} --fingerprint ${fingerprint}`);
    await ok(user.sh(`${command} ${more}`));
  }

  /** Somebody with an account, logged in. */
  async make(name: string, ...settings: string[]): Promise<User> {
    const user = await User.make(PASSWORD);
    await this.follow(await ok(this.admin.neo(['admin', 'user', 'add', name, ...settings, '--json'])), user);
    return user;
  }

  /** A repository with one snapshot of a file of random bytes. */
  async withSnapshot(user: User, target: string, kib = 64): Promise<void> {
    await ok(user.neo(['init', ...QUICK_KDF, '--repo', this.at(target)]));
    await ok(user.sh(`mkdir -p work; head -c ${kib}K /dev/urandom > work/file`));
    await ok(user.neo(['snapshot', 'work', '--repo', this.at(target)]));
  }

  /** The actions of the log, in which no secret may stand. */
  async actions(): Promise<Set<unknown>> {
    const log = await ok(this.admin.neo(['admin', 'log', '--json']));
    const text = (await ok(this.admin.neo(['admin', 'log']))).stdout;
    const all = `${log.stdout}${text}${this.server.stderr()}`;
    for (const each of this.#secrets) {
      expect(all).not.toContain(each);
      expect(all).not.toContain(each.replaceAll('-', ''));
    }
    const entries = log.of('entry');
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, n) => n + 1));
    expect(text.split('\n').length).toBe(entries.length + 1);
    return new Set(entries.map(({ action }) => action));
  }
}

/** What somebody sees who answers at a terminal. */
export async function onTerminal(user: User, args: readonly string[], steps: readonly [string, string][]) {
  const task = JSON.stringify({ command: [process.execPath, launcher, ...args], steps, stdin: null });
  const { stdout } = await run('python3', [join(root, 'test/cli/terminal.py'), task], {
    env: { PATH: process.env['PATH'], HOME: user.home, TERM: 'xterm', LANG: 'C.UTF-8' },
  });
  return JSON.parse(stdout) as { code: number; screen: string };
}
