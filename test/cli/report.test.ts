import { describe, expect, it } from 'vitest';
import { OutputClosed } from '../../src/cli/output.ts';
import { judge, judgeUnknown, notFound, report } from '../../src/cli/report.ts';
import { type ErrorCode, EXIT_CODES, NeoError } from '../../src/core/errors.ts';
import { Collector } from './streams.ts';

function said(error: NeoError, options: { json?: boolean; verbose?: boolean } = {}) {
  const stdout = new Collector();
  const stderr = new Collector();
  report(error, { json: options.json === true, verbose: options.verbose === true, stdout, stderr });
  return { stdout, stderr };
}

function system(code: string): Error {
  return Object.assign(new Error(`${code}: something, open '/x'`), { code });
}

describe('anything thrown', () => {
  it('keeps the code of a NeoError', () => {
    for (const code of Object.keys(EXIT_CODES) as ErrorCode[]) {
      expect(judge(new NeoError(code, 'x'), undefined)).toMatchObject({ error: { code, exitCode: EXIT_CODES[code] } });
    }
  });

  it.each([
    [system('ENOSPC'), 1],
    [system('EACCES'), 13],
    [system('EPERM'), 13],
    [system('ENOENT'), 1],
    [Object.assign(new Error('aborted'), { name: 'AbortError' }), 130],
    [new TypeError('x is undefined'), 1],
    ['a string', 1],
    [undefined, 1],
    [null, 1],
  ])('%s ends with %d', (thrown, exitCode) => {
    expect(judge(thrown, undefined)).toMatchObject({ error: { exitCode } });
  });

  it('says that the current folder is gone', () => {
    const thrown = Object.assign(new Error('ENOENT: process.cwd failed'), { code: 'ENOENT', syscall: 'uv_cwd' });
    expect(judge(thrown, undefined)).toMatchObject({ error: { message: 'the current folder is gone' } });
  });

  it('ends quietly when the reader has gone', () => {
    expect(judge(new OutputClosed('x'), undefined)).toEqual({ silent: 0 });
  });
});

/** As oclif throws it. */
function parseError(message: string): Error {
  return Object.assign(new Error(`${message}\nSee more help with --help`), { oclif: { exit: 2 } });
}

describe('wrong usage', () => {
  const both = '--in-place=true cannot also be provided when using --to';
  const same = '--to=x cannot also be provided when using --in-place';
  it.each([
    [`The following error occurred:\n  ${both}`, '--in-place and --to exclude each other'],
    [`The following errors occurred:\n  ${both}\n  ${same}`, '--in-place and --to exclude each other'],
    ['Parsing --latest \n\tExpected an integer but received: x', '--latest: expected an integer but received: x'],
    ['Expected --suite=x to be one of: a, b', 'expected --suite=x to be one of: a, b'],
    ['Nonexistent flag: --nice', 'nonexistent flag: --nice'],
  ])('%j', (thrown, message) => {
    const error = { code: 'usage', message, hint: 'see `neo key add --help`' };
    expect(judge(parseError(thrown), 'key add')).toMatchObject({ error });
  });

  it.each([
    ['check:extra', { message: 'unexpected argument: extra', hint: 'see `neo check --help`' }],
    ['key:list:a:b', { message: 'unexpected arguments: a b', hint: 'see `neo key list --help`' }],
    ['key:nosuch', { message: 'command key nosuch not found', hint: 'see `neo key --help`' }],
    ['nosuch', undefined],
  ])('words that are no command: %s', (id, error) => {
    const thrown = Object.assign(new Error(`command ${id} not found`), { oclif: { exit: 2 } });
    const exists = {
      command: (name: string) => ['check', 'key:list'].includes(name),
      topic: (name: string) => name === 'key',
    };
    const words = notFound(thrown);
    expect(words).toEqual(id.split(':'));
    const verdict = judgeUnknown(thrown, words ?? [], exists);
    if (error === undefined) expect(verdict).toBeUndefined();
    else expect(verdict).toMatchObject({ error });
  });
});

describe('the report', () => {
  it('is one line and a hint, whatever the message holds', () => {
    const { stderr, stdout } = said(new NeoError('integrity', 'bad\nname \x1b[2J', { hint: 'run\ncheck' }));
    expect(stderr.text).toBe('neo: bad\\x0aname \\x1b[2J\n     run\\x0acheck\n');
    expect(stdout.text).toBe('');
  });

  it('is an object on standard output too, with --json', () => {
    const { stderr, stdout } = said(new NeoError('no-repository', 'none', { hint: 'neo init' }), { json: true });
    expect(stdout.objects).toEqual([{ v: 1, type: 'error', code: 'no-repository', message: 'none', hint: 'neo init' }]);
    expect(stderr.text).toContain('neo: none\n');
  });

  it('shows where it happened with --verbose only, causes included', () => {
    const error = new NeoError('failed', 'outer', { cause: new Error('inner') });
    expect(said(error).stderr.text).not.toContain('at ');
    expect(said(error, { verbose: true }).stderr.text).toMatch(/outer[\s\S]*at [\s\S]*inner[\s\S]*at /);
  });
});
