import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/cli/folders.ts';
import { readPassword } from '../../src/cli/password.ts';

let folder: string;
const warnings: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'neo-password-'));
});

async function file(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content, { mode });
  return path;
}

async function read(flags: { file?: string; command?: string }, env: Environment = {}): Promise<string> {
  const bytes = await readPassword({
    flags: { 'password-file': flags.file, 'password-command': flags.command },
    env,
    warn: (message) => warnings.push(message),
  });
  return Buffer.from(bytes).toString('latin1');
}

describe('a password', () => {
  it('comes from the first of: flags, command, file, variable', async () => {
    const path = await file('order', 'from-file');
    const env = { NEO_PASSWORD_COMMAND: 'echo command', NEO_PASSWORD_FILE: path, NEO_PASSWORD: 'variable' };
    expect(await read({ file: await file('flag', 'flag') }, env)).toBe('flag');
    expect(await read({ command: 'echo "flag command"' }, env)).toBe('flag command');
    expect(await read({}, env)).toBe('command');
    expect(await read({}, { ...env, NEO_PASSWORD_COMMAND: '' })).toBe('from-file');
    expect(await read({}, { NEO_PASSWORD: 'variable\n' })).toBe('variable\n');
  });

  it('loses one newline at the end of a file or an output, and nothing else', async () => {
    expect(await read({ file: await file('a', ' x \n\n') })).toBe(' x \n');
    expect(await read({ file: await file('b', 'x\r\n') })).toBe('x');
    expect(await read({ file: await file('c', 'x\r') })).toBe('x\r');
    expect(await read({ file: await file('d', Uint8Array.of(0xff, 0x00, 0x0a)) })).toBe('\xff\x00');
    expect(await read({ command: "printf 'x\\n\\n'" })).toBe('x\n');
  });

  it('is refused when the variable held bytes that Node cannot give back', async () => {
    await expect(read({}, { NEO_PASSWORD: 'p\ufffdss' })).rejects.toMatchObject({
      exitCode: 12,
      hint: expect.stringContaining('NEO_PASSWORD_FILE'),
    });
  });

  it('is not handed to the command that prints it, nor is that command repeated in an error', async () => {
    const env = { ...process.env, NEO_PASSWORD: 'variable' };
    expect(await read({ command: 'echo "[$NEO_PASSWORD]"' }, env)).toBe('[]');
    const error = await read({ command: 'echo hunter2; exit 1' }, env).catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error, ['message', 'hint'])).not.toContain('hunter2');
  });

  it.each([
    ['an empty file', async () => ({ file: await file('empty', '\n') }), 'empty'],
    ['a missing file', async () => ({ file: join(folder, 'none') }), 'ENOENT'],
    ['a huge file', async () => ({ file: await file('huge', 'x'.repeat(70_000)) }), 'more than 65536'],
    ['a failing command', async () => ({ command: 'echo secret; exit 3' }), 'exit code 3'],
    ['a killed command', async () => ({ command: 'kill -9 $$' }), 'SIGKILL'],
    ['a command without end', async () => ({ command: 'yes' }), 'more than 65536'],
    ['no terminal and nothing given', async () => ({}), 'no password given'],
  ])('is refused with 12: %s', async (_what, flags, message) => {
    const error = expect.objectContaining({ exitCode: 12, message: expect.stringContaining(message) });
    await expect(read(await flags())).rejects.toEqual(error);
  });

  it('names the variables when there is none, and never prints one', async () => {
    await expect(read({})).rejects.toMatchObject({
      hint: expect.stringMatching(/NEO_PASSWORD_COMMAND.*NEO_PASSWORD_FILE.*NEO_PASSWORD/),
    });
    const failure: unknown = await read({ command: 'echo hunter2; exit 1' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: expect.not.stringContaining('hunter2') });
  });

  it('in a file that everybody can read is worth a warning', async () => {
    warnings.length = 0;
    await read({ file: await file('private', 'x', 0o640) });
    expect(warnings).toEqual([]);
    const path = await file('open', 'x', 0o644);
    await read({ file: path });
    expect(warnings).toEqual([expect.stringContaining(path)]);
  });
});
