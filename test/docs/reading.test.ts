/** The reader of examples, read itself: a test that runs nothing would always pass. */
import { describe, expect, it } from 'vitest';
import { fencedBlocks, looksAs, proseOf, stepsOf } from './examples.ts';

const page = [
  '# Page',
  '```sh',
  'one',
  '```',
  'prose',
  '```sh not-run: needs a network',
  'two',
  '```',
  '```console',
  '$ three \\',
  '> more',
  'printed',
  '',
  '$ four',
  '```',
  '````text',
  '```',
  '````',
].join('\n');

describe('examples', () => {
  it('are found with language, reason and line', () => {
    expect(fencedBlocks(page)).toEqual([
      { language: 'sh', notRun: undefined, line: 2, text: 'one' },
      { language: 'sh', notRun: 'needs a network', line: 6, text: 'two' },
      { language: 'console', notRun: undefined, line: 9, text: '$ three \\\n> more\nprinted\n\n$ four' },
      { language: 'text', notRun: undefined, line: 16, text: '```' },
    ]);
    expect(() => fencedBlocks('```sh\nopen')).toThrow('not closed: ```sh');
    expect(
      proseOf(page)
        .split('\n')
        .filter((line) => line !== ''),
    ).toEqual(['# Page', 'prose']);
  });

  it('are taken apart into steps', () => {
    expect(fencedBlocks(page).flatMap(stepsOf)).toEqual([
      { line: 2, script: 'one', expected: undefined },
      { line: 10, script: 'three \\\nmore', expected: 'printed\n' },
      { line: 14, script: 'four', expected: '' },
    ]);
    expect(() => fencedBlocks('```console\nprinted\n```').flatMap(stepsOf)).toThrow('begins with a command');
  });

  it.each([
    ['a\nb', 'a\nb\n', true],
    ['a', 'a\nb\n', false],
    ['', '', true],
    ['', 'something\n', false],
    ['a … c', 'a b c\n', true],
    ['a … c', 'a b\nc\n', false],
    ['…\nz', 'a\nb\nz\n', true],
    ['…\nz', 'a\nb\n', false],
    ['a\n…', 'a\n', true],
    ['a.c', 'abc\n', false],
    ['a  b', 'a      b\n', true],
    ['a  b', 'ab\n', false],
  ])('%j against %j: %s', (expected, output, same) => {
    expect(looksAs(expected, output)).toBe(same);
  });
});
