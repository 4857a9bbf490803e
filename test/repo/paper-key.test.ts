/** Recovery keys on paper: printed, typed in again with all that fingers do, and mistyped. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paperPage } from '../../src/cli/key-report.ts';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { PAPER_GROUPS, paperKeyLines, paperKeyText, parsePaperKey } from '../../src/repo/paper-key.ts';
import { testEngine as engine } from '../support/temp-repository.ts';

const vectors = JSON.parse(readFileSync(new URL('../fixtures/decoder/paper.json', import.meta.url), 'utf8')) as {
  readonly secret: string;
  readonly text: string;
}[];

function parse(text: string): string {
  return toHex(parsePaperKey(engine, utf8(text)));
}

function refusal(text: string): string {
  try {
    return `accepted ${parse(text)}`;
  } catch (error) {
    return isNeoError(error, 'wrong-password') ? `${error.message}; ${error.hint ?? ''}` : String(error);
  }
}

/** A printed line with one digit of its group wrong, in all ways. */
function slips(line: string): string[] {
  const alphabet = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'];
  return [4, 5, 6, 7, 8].flatMap((place) =>
    alphabet
      .filter((digit) => digit !== line[place])
      .map((digit) => line.slice(0, place) + digit + line.slice(place + 1)),
  );
}

const secretOf = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('a recovery key', () => {
  it.each(vectors)('is written as the specification says: $text', ({ secret, text }) => {
    expect(paperKeyText(engine, Buffer.from(secret, 'hex'))).toBe(text);
    expect(parse(text)).toBe(secret);
  });

  it('comes back from text, lines and page, however it is typed', () => {
    fc.assert(
      fc.property(secretOf, (secret) => {
        const hex = toHex(secret);
        const text = paperKeyText(engine, secret);
        const lines = paperKeyLines(engine, secret);
        expect(lines).toHaveLength(PAPER_GROUPS);
        const groups = text.split('-').slice(1);
        const forms = [
          text,
          text.toLowerCase(),
          groups.join(' '),
          groups.join('\n'),
          lines.join('\n'),
          lines.join('\r\n').toLowerCase(),
          lines
            .map((line) => line.replaceAll('0', 'o').replaceAll('1', 'l'))
            .map((line, at) => `${at + 1} ${line.slice(4)}`)
            .join('\n'),
          lines.map((line, at) => `${at + 1}. ${line.slice(4, 9)}`).join('\n'),
          paperPage('ab'.repeat(16), 'cd'.repeat(16), 0, lines),
        ];
        for (const form of forms) expect(parse(form)).toBe(hex);
      }),
      { numRuns: 30 },
    );
  });

  it('names the line that is mistyped, and never takes it', () => {
    const lines = paperKeyLines(engine, Buffer.from(vectors[0]?.secret ?? '', 'hex'));
    const said = lines.flatMap((line, at) =>
      slips(line).map((wrong) => ({ line: at + 1, said: refusal(lines.with(at, wrong).join('\n')) })),
    );
    expect(said).toHaveLength(11 * 5 * 31);
    expect(said.filter((each) => each.said.startsWith('accepted'))).toEqual([]);
    const named = said.filter((each) => each.said.startsWith(`the recovery key is mistyped in line ${each.line};`));
    expect(named.length / said.length).toBeGreaterThan(0.99);
  });

  it('names lines that changed places, and several at once', () => {
    const [first = '', second = '', ...rest] = paperKeyLines(engine, new Uint8Array(32).fill(9));
    const swapped = [` 1${second.slice(2)}`, ` 2${first.slice(2)}`, ...rest].join('\n');
    expect(refusal(swapped)).toContain('line 1, 2');
    expect(refusal([first.slice(0, -1), second, ...rest].join('\n'))).toContain('line 1;');
    expect(refusal([first.replace(/^.{9}/, ' 1  UUUUU'), second, ...rest].join('\n'))).toContain('line 1;');
  });

  it('says what is missing, and repeats nothing of the key', () => {
    const lines = paperKeyLines(engine, new Uint8Array(32).fill(3));
    expect(refusal(lines.slice(1).join('\n'))).toContain('11 groups of five characters, not 10; look at line 1');
    expect(refusal('')).toContain('not 0');
    expect(refusal('\u0000\uffff')).toContain('look at line 1');
    expect(toHex(Uint8Array.of(0xff))).toBe('ff');
    expect(() => parsePaperKey(engine, Uint8Array.of(0xff))).toThrow('not 0');
    const group = lines[4]?.slice(4, 9) ?? '';
    const text = paperKeyText(engine, new Uint8Array(32).fill(3));
    const mistyped = text.replace(group, group.endsWith('0') ? `${group.slice(0, 4)}1` : `${group.slice(0, 4)}0`);
    expect(refusal(mistyped)).toContain('check sum is wrong');
    expect(refusal(mistyped)).toContain('two characters at the end of each line');
    for (const line of lines) expect(refusal(mistyped)).not.toContain(line.slice(4, 9));
  });

  it('is read from the printed page by the independent decoder', () => {
    const secret = new Uint8Array(32).fill(77);
    const page = paperPage('ab'.repeat(16), 'cd'.repeat(16), 1_700_000_000_000, paperKeyLines(engine, secret));
    const decoder = new URL('../../docs/decoder', import.meta.url).pathname;
    const program = 'import sys; from keys import paper_key; print(paper_key(sys.stdin.read()).hex())';
    const options = { cwd: decoder, input: page, env: { PYTHONDONTWRITEBYTECODE: '1' } };
    expect(execFileSync('/usr/bin/python3', ['-c', program], options).toString().trim()).toBe(toHex(secret));
  });
});
