/** What only a real terminal shows: hidden passwords, the bar, Ctrl-C. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, run } from '../house/run.ts';

const READ = `
const { readPassword } = await import('${join(root, 'src/cli/password.ts')}');
try {
  const bytes = await readPassword({ flags: {}, env: {}, isNew: process.argv[1] === 'new', warn: () => undefined });
  console.log('GOT ' + Buffer.from(bytes).toString('hex'));
} catch (error) {
  console.log('FAILED ' + error.code + ' ' + error.message);
}
`;

const WAIT = `
const { Interrupt } = await import('${join(root, 'src/cli/interrupt.ts')}');
const interrupt = new Interrupt((text) => console.log('NOTE ' + text));
const alive = setInterval(() => undefined, 1000);
interrupt.signal.addEventListener('abort', () => process.argv[1] === 'twice' || process.exit(99));
console.log('READY');
`;

async function onTerminal(code: string, arg: string, steps: readonly [string, string][], stdin?: string) {
  const command = [process.execPath, '--input-type=module', '-e', code, arg];
  const task = JSON.stringify({ command, steps, stdin: stdin ?? null });
  const { stdout, stderr } = await run('python3', [join(root, 'test/cli/terminal.py'), task], {
    env: { ...process.env },
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { code: number; screen: string };
}

const hex = (text: string) => Buffer.from(text).toString('hex');

describe('on a terminal', () => {
  it('a password is asked for, and not shown', async () => {
    const { screen } = await onTerminal(READ, 'old', [['Password', 'geheim ü\r']]);
    expect(screen).toContain(`GOT ${hex('geheim ü')}`);
    expect(screen).not.toContain('geheim');
  });

  it('a new one is asked for twice', async () => {
    const { screen } = await onTerminal(READ, 'new', [
      ['Password', 'hunter2\r'],
      ['Again', 'hunter2\r'],
    ]);
    expect(screen).toContain(`GOT ${hex('hunter2')}`);
    expect(screen).not.toContain('hunter2');
  });

  it('two that differ are refused', async () => {
    const { screen } = await onTerminal(READ, 'new', [
      ['Password', 'hunter2\r'],
      ['Again', 'hunter3\r'],
    ]);
    expect(screen).toContain('FAILED wrong-password the two passwords differ');
  });

  it('nothing typed is refused, Ctrl-C interrupts', async () => {
    expect((await onTerminal(READ, 'old', [['Password', '\r']])).screen).toContain('FAILED wrong-password');
    expect((await onTerminal(READ, 'old', [['Password', '\x03']])).screen).toContain('FAILED interrupted');
  });

  it('a password is asked for while standard input is data', async () => {
    const { screen } = await onTerminal(READ, 'old', [['Password', 'typed\r']], 'the data\n');
    expect(screen).toContain(`GOT ${hex('typed')}`);
  });

  it('Ctrl-C asks to stop', async () => {
    const { code, screen } = await onTerminal(WAIT, 'once', [['READY', '\x03']]);
    expect([code, screen]).toEqual([99, expect.stringContaining('NOTE stopping')]);
  });
});
