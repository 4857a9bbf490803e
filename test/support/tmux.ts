/** A program on a real terminal: keys are sent, screens are read. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as later } from 'node:timers/promises';
import { run } from '../house/run.ts';

/** A machine that has other work, too. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 30;

export function tmuxIsThere(): boolean {
  return spawnSync('tmux', ['-V']).error === undefined;
}

export class Terminal {
  /** A server of its own. */
  readonly #socket = `neo-test-${randomUUID()}`;

  /** The screen says `exit N` at the end. */
  static async start(
    command: readonly string[],
    options: {
      readonly env: NodeJS.ProcessEnv;
      readonly cwd: string;
      readonly columns?: number;
      readonly rows?: number;
    },
  ): Promise<Terminal> {
    const terminal = new Terminal();
    const { env, cwd, columns = 80, rows = 24 } = options;
    const assigned = Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);
    const script = '"$@"; echo "exit $?"; sleep 1000';
    await terminal.#tmux(
      ...['-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', cwd],
      ...['env', '-i', ...assigned, 'TERM=screen-256color', 'LANG=C.UTF-8', 'bash', '-c', script, 'bash', ...command],
    );
    return terminal;
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run('tmux', ['-u', '-L', this.#socket, ...args], { env: process.env });
    if (code !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }

  /** Names as tmux has them (`Enter`, `Down`, `C-c`), or text. */
  async keys(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  async lines(): Promise<string[]> {
    return (await this.#tmux('capture-pane', '-p')).split('\n');
  }

  /** Waits until the screen shows it, and gives the screen. */
  async shows(wanted: string | RegExp): Promise<string> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const screen = (await this.lines()).join('\n');
      if (typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen)) return screen;
      if (performance.now() > end) throw new Error(`the screen never showed ${wanted}:\n${screen}`);
      await later(LOOK_MS);
    }
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server');
  }
}
