import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS, SCENES } from '../../bench/operations.ts';
import { parseOptions, UsageError } from '../../bench/options.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', 'bench', 'run.ts');

function bench(...args: readonly string[]) {
  return spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
}

describe('parseOptions', () => {
  it('measures everything three times unless told otherwise', () => {
    const options = parseOptions([]);
    expect([...options.operations]).toEqual(Object.keys(OPERATIONS));
    expect(options.scenes).toEqual(Object.keys(SCENES));
    expect(options).toMatchObject({ rounds: 3, format: 'text', quick: false, corpora: { own: true } });
  });

  it('has one round when quick, with corpora of its own', () => {
    expect(parseOptions(['--quick']).rounds).toBe(1);
    expect(parseOptions(['--quick', '--rounds', '5']).rounds).toBe(5);
    expect(parseOptions(['--quick']).corpora.folder).not.toBe(parseOptions([]).corpora.folder);
  });

  it('takes lists, in its own order', () => {
    const options = parseOptions(['--only', 'restore,first', '--corpus', 'small, big', '--rivals', 'borg']);
    expect([...options.operations]).toEqual(['first', 'restore']);
    expect(options.scenes).toEqual(['big', 'small']);
    expect(options.rivals).toEqual(['borg']);
  });

  it('takes folders', () => {
    expect(parseOptions(['--corpora', '/c', '--place', '/p'])).toMatchObject({
      corpora: { folder: '/c', own: false },
      place: '/p',
    });
  });

  it.each([
    [['--fast']],
    [['stray']],
    [['--only', 'prune']],
    [['--only', '']],
    [['--corpus', 'big,huge']],
    [['--rivals', 'tar']],
    [['--rounds', '0']],
    [['--rounds', '1.5']],
    [['--rounds']],
    [['--markdown', '--json']],
  ])('refuses %j in one line', (argv) => {
    let message: string | undefined;
    try {
      parseOptions(argv);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      message = (error as UsageError).message;
    }
    expect(message).toMatch(/^[^\n]+$/);
  });
});

describe('npm run bench', () => {
  it('ends with code 2 and one line for a wrong flag', () => {
    const { status, stdout, stderr } = bench('--fast');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^bench: .*--fast.*\n$/);
  });

  it('names every operation and corpus in its help', () => {
    const { status, stdout } = bench('--help');
    expect(status).toBe(0);
    for (const name of [...Object.keys(OPERATIONS), ...Object.keys(SCENES)]) expect(stdout).toContain(name);
  });

  it('says which corpus is missing', () => {
    const { status, stderr } = bench('--corpora', '/nowhere', '--place', '/tmp', '--corpus', 'vm');
    expect(status).toBe(2);
    // Where no rival is installed, that is said before.
    expect(stderr).toMatch(/^(bench: without restic there are no ratios\n)?bench: \/nowhere\/vm: no such corpus\n$/);
  });
});
