/** Where passwords come from: a command, a file, the environment, or a person at a terminal. Never the arguments. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { ReadStream } from 'node:tty';
import { utf8 } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import type { RepositoryFlags } from './flags.ts';
import { childEnvironment, type Environment } from './folders.ts';

/** A password longer than this is some other file. */
const LONGEST = 65_536;

export interface PasswordRequest {
  readonly flags: Pick<RepositoryFlags, 'password-file' | 'password-command'>;
  readonly env: Environment;
  /** Asked for twice at a terminal. */
  readonly isNew?: boolean;
  /** What is asked for at a terminal; default "Password". */
  readonly prompt?: string;
  /** Where else it can come from, when there is no terminal. */
  readonly hint?: string;
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The password's bytes, as given: one newline at the end of a file or of a command's output is cut, and that is all.
 * The order: the flags, NEO_PASSWORD_COMMAND, NEO_PASSWORD_FILE, NEO_PASSWORD, a terminal.
 * @throws NeoError wrong-password when there is none to be had, or it is empty · interrupted
 */
export async function readPassword(request: PasswordRequest): Promise<Uint8Array> {
  const password = (await givenPassword(request)) ?? (await askedPassword(request));
  if (password.length > 0) return password;
  throw new NeoError('wrong-password', 'the password is empty', { hint: 'give one of at least one character' });
}

/**
 * The secret of an account at a server: never a repository's password. A variable, NEO_ACCOUNT_SECRET if none is named, or a terminal.
 * @throws NeoError as {@link readPassword}
 */
export async function readAccountSecret({
  variable = 'NEO_ACCOUNT_SECRET',
  ...request
}: Pick<PasswordRequest, 'env' | 'warn' | 'signal' | 'isNew' | 'prompt'> & {
  readonly variable?: 'NEO_ACCOUNT_SECRET' | 'NEO_ACCOUNT_NEW_SECRET';
}): Promise<Uint8Array> {
  const given = request.env[variable];
  const ask = { prompt: 'Secret of the account', hint: `set ${variable}`, flags: {}, ...request };
  const secret = given ? fromVariable(given, variable) : await askedPassword(ask);
  if (secret.length > 0) return secret;
  throw new NeoError('wrong-password', 'the secret is empty', { hint: 'give one of at least one character' });
}

/** True if a password is given, and nobody needs to be asked. */
export function isPasswordGiven(flags: PasswordRequest['flags'], env: Environment): boolean {
  const sources = [
    flags['password-command'],
    flags['password-file'],
    env['NEO_PASSWORD_COMMAND'],
    env['NEO_PASSWORD_FILE'],
  ];
  return [...sources, env['NEO_PASSWORD']].some((source) => source !== undefined && source !== '');
}

async function givenPassword({ flags, env, warn, signal }: PasswordRequest): Promise<Uint8Array | undefined> {
  const flagCommand = flags['password-command'];
  const flagFile = flags['password-file'];
  if (flagCommand !== undefined) return fromCommand(flagCommand, env, signal);
  if (flagFile !== undefined) return fromFile(flagFile, warn);
  if (env['NEO_PASSWORD_COMMAND']) return fromCommand(env['NEO_PASSWORD_COMMAND'], env, signal);
  if (env['NEO_PASSWORD_FILE']) return fromFile(env['NEO_PASSWORD_FILE'], warn);
  return env['NEO_PASSWORD'] ? fromVariable(env['NEO_PASSWORD']) : undefined;
}

/** Node gives the replacement character for bytes that are no UTF-8: all such passwords would be one. */
function fromVariable(value: string, name = 'NEO_PASSWORD'): Uint8Array {
  if (!value.includes('\ufffd')) return utf8(value);
  throw new NeoError('wrong-password', `${name} is not UTF-8`, {
    hint: 'put the password into a file and name it in NEO_PASSWORD_FILE, which takes any bytes',
  });
}

async function fromFile(path: string, warn: (message: string) => void): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const stats = await file.stat();
    if (stats.isFile() && (stats.mode & 0o004) !== 0) warn(`${path} can be read by everybody: chmod 600 it`);
    if (stats.size > LONGEST) throw new Error(`more than ${LONGEST} bytes`);
    return withoutNewline(await file.readFile());
  } catch (cause) {
    throw new NeoError('wrong-password', `cannot read the password file ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Run by `sh -c` (`cmd` on Windows), with the terminal's input and errors, so that it may ask something itself. */
async function fromCommand(command: string, env: Environment, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const child = spawn(command, {
    shell: true,
    stdio: ['inherit', 'pipe', 'inherit'],
    env: childEnvironment(env),
    ...(signal && { signal }),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Uint8Array) => {
    length += chunk.length;
    chunks.push(chunk);
    if (length <= LONGEST) return;
    // Closing the pipe also ends what the shell started; a signal would reach the shell alone.
    child.stdout.destroy();
    child.kill();
  });
  const ended = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, name) => resolve(code === 0 ? undefined : name === null ? `exit code ${code}` : name));
  });
  if (signal?.aborted === true) throw new NeoError('interrupted', 'interrupted');
  if (length > LONGEST) throw new NeoError('wrong-password', `the password command printed more than ${LONGEST} bytes`);
  if (ended === undefined) return withoutNewline(Buffer.concat(chunks));
  throw new NeoError('wrong-password', `the password command failed: ${ended}`, {
    // Not the command itself: it may hold the secret.
    hint: 'see what is in --password-command or NEO_PASSWORD_COMMAND, and run it by hand',
  });
}

function withoutNewline(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= 1;
  if (end < bytes.length && bytes[end - 1] === 0x0d) end -= 1;
  return bytes.slice(0, end);
}

async function askedPassword(request: PasswordRequest): Promise<Uint8Array> {
  const input = await terminalInput();
  if (input === undefined) {
    throw new NeoError('wrong-password', 'no password given, and no terminal to ask at', {
      hint:
        request.hint ??
        'set NEO_PASSWORD_COMMAND, NEO_PASSWORD_FILE or NEO_PASSWORD, or use --password-file or --password-command',
    });
  }
  const prompt = request.prompt ?? 'Password';
  try {
    const first = await ask(prompt, input, request.signal);
    if (request.isNew !== true || first === (await ask('Again', input, request.signal))) return utf8(first);
  } finally {
    if (input !== process.stdin) input.destroy();
  }
  throw new NeoError('wrong-password', 'the two passwords differ', { hint: 'nothing was changed; try again' });
}

/**
 * Standard input, or, where that is a pipe with data (`pg_dump | neo snapshot --stdin`), the terminal itself; but only
 * if somebody sees the question, which goes to standard error.
 */
async function terminalInput(): Promise<ReadStream | undefined> {
  if (!process.stderr.isTTY) return undefined;
  if (process.stdin.isTTY) return process.stdin;
  try {
    const terminal = await open('/dev/tty', 'r+');
    return new ReadStream(terminal.fd);
  } catch {
    return undefined;
  }
}

async function ask(message: string, input: ReadStream, signal: AbortSignal | undefined): Promise<string> {
  const { default: password } = await import('@inquirer/password');
  const context = { input, output: process.stderr, ...(signal && { signal }) };
  try {
    return await password({ message, toggleMask: false, theme: { prefix: { idle: '', done: '' } } }, context);
  } catch (cause) {
    // Ctrl-C and Ctrl-D at the prompt, or the command's own signal.
    throw new NeoError('interrupted', 'interrupted', { cause });
  }
}
