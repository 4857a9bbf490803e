/** The one place where anything thrown becomes a line, a hint, a JSON object and an exit code. */
import { messageOf, NeoError, systemCode } from '../core/errors.ts';
import { JSON_VERSION, OutputClosed } from './output.ts';
import { safeText } from './table.ts';

/** What the process does with something thrown: end silently with a code, or say what happened. */
export type Verdict = { readonly silent: number } | { readonly error: NeoError };

const SYSTEM_CODES: { readonly [code: string]: 'no-space' | 'permission-denied' | undefined } = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'permission-denied',
};

/** oclif's errors carry their exit code here; parse errors also carry what was parsed. */
function oclifExit(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('oclif' in error)) return undefined;
  const { oclif } = error;
  if (typeof oclif !== 'object' || oclif === null || !('exit' in oclif)) return undefined;
  return typeof oclif.exit === 'number' ? oclif.exit : undefined;
}

/** @param command as typed, such as `snapshot` or `key add`; undefined when none was recognised */
export function judge(error: unknown, command: string | undefined): Verdict {
  if (error instanceof NeoError) return { error };
  // The reader had enough: nothing failed.
  if (error instanceof OutputClosed) return { silent: 0 };
  const code = systemCode(error);
  const exit = oclifExit(error);
  if (code === 'EEXIT' && exit !== undefined) return { silent: exit };
  if (exit !== undefined) {
    const help = command === undefined ? 'neo help' : `neo ${command} --help`;
    return { error: new NeoError('usage', usageMessage(messageOf(error)), { hint: `see \`${help}\``, cause: error }) };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { error: new NeoError('interrupted', 'interrupted', { cause: error }) };
  }
  const known = code === undefined ? undefined : SYSTEM_CODES[code];
  if (known !== undefined) return { error: new NeoError(known, messageOf(error), { cause: error }) };
  return { error: unexpected(error) };
}

function unexpected(error: unknown): NeoError {
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd') {
    return new NeoError('failed', 'the current folder is gone', { hint: 'cd to one that is there', cause: error });
  }
  const hint = 'this is unexpected; with --verbose neo says where it happened';
  return new NeoError('failed', messageOf(error) || 'unknown error', { hint, cause: error });
}

/** oclif's messages have several lines and their own pointer to the help. */
function usageMessage(message: string): string {
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'See more help with --help' && !/^The following errors? occ/.test(line))
    .map(plainLine);
  const text = [...new Set(lines)].join('; ').replaceAll(':;', ':').replaceAll(': Expected ', ': expected ');
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** `--in-place=true cannot also be provided when using --to`, said once for both; `Parsing --latest` before a reason. */
function plainLine(line: string): string {
  const parsing = /^Parsing (--[\w-]+)$/.exec(line)?.[1];
  if (parsing !== undefined) return `${parsing}:`;
  const [, one, other] = /^(--[\w-]+)=.* cannot also be provided when using (--[\w-]+)$/.exec(line) ?? [];
  if (one === undefined || other === undefined) return line;
  return `${[one, other].sort().join(' and ')} exclude each other`;
}

/** The words that oclif took for the name of a command. */
export function notFound(error: unknown): readonly string[] | undefined {
  const id = oclifExit(error) === undefined ? undefined : /^command (\S+) not found$/.exec(messageOf(error))?.[1];
  return id?.split(':');
}

/**
 * After a command that takes no arguments oclif reads any word as a part of the name: this one tells which it was.
 * @param words from {@link notFound}
 * @param exists whether there is a command, or a topic, of that name; its words are joined by `:`
 */
export function judgeUnknown(
  error: unknown,
  words: readonly string[],
  exists: { command(id: string): boolean; topic(id: string): boolean },
): Verdict | undefined {
  for (let length = words.length - 1; length > 0; length -= 1) {
    const id = words.slice(0, length).join(':');
    const hint = `see \`neo ${words.slice(0, length).join(' ')} --help\``;
    const more = words.slice(length);
    if (exists.command(id)) {
      const message = `unexpected argument${more.length === 1 ? '' : 's'}: ${more.join(' ')}`;
      return { error: new NeoError('usage', message, { hint, cause: error }) };
    }
    if (exists.topic(id)) {
      return { error: new NeoError('usage', `command ${words.join(' ')} not found`, { hint, cause: error }) };
    }
  }
  return undefined;
}

export interface ReportOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** Says it: one line on standard error, the hint on a second, and with `--json` an object on standard output. */
export function report(error: NeoError, options: ReportOptions): void {
  options.stderr.write(`neo: ${safeText(error.message)}\n`);
  if (error.hint !== undefined) options.stderr.write(`     ${safeText(error.hint)}\n`);
  if (options.verbose) {
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      options.stderr.write(`${at.stack ?? at.message}\n`);
  }
  if (!options.json) return;
  const body = { v: JSON_VERSION, type: 'error', code: error.code, message: error.message, hint: error.hint };
  options.stdout.write(`${JSON.stringify(body)}\n`);
}
