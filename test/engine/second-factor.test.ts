/** Second factors: the vectors of RFC 6238, each code once and only in its time; recovery codes and invitations as people type them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { type Random, systemRandom } from '../../src/core/random.ts';
import {
  checkSecondFactor,
  makeCode,
  makeRecoveryCodes,
  makeSecondFactor,
  normalizeCode,
  secondFactorUri,
} from '../../src/engine/second-factor.ts';
import { expectNeoError, noise } from './support.ts';

/** "12345678901234567890", the secret of RFC 6238, appendix B, for SHA-1. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const STEP = 30_000;

/** Returns the same bytes each time, from the start. */
function fixed(bytes: Uint8Array): Random {
  let at = 0;
  return {
    bytes(count) {
      at += count;
      return bytes.subarray(at - count, at);
    },
  };
}

describe('codes by time', () => {
  it.each([
    // [seconds, time step in hex, eight digits], of appendix B.
    [59, 0x1, '94287082'],
    [1_111_111_109, 0x23523ec, '07081804'],
    [1_111_111_111, 0x23523ed, '14050471'],
    [1_234_567_890, 0x273ef07, '89005924'],
    [2_000_000_000, 0x3f940aa, '69279037'],
    [20_000_000_000, 0x27bc86aa, '65353130'],
  ])('at %i seconds as in RFC 6238', (seconds, step, digits) => {
    const code = digits.slice(-6);
    expect(checkSecondFactor(SECRET, code, seconds * 1000, -1)).toBe(step);
    expect(checkSecondFactor(SECRET, code, seconds * 1000, step - 1)).toBe(step);
    // Replayed.
    expect(checkSecondFactor(SECRET, code, seconds * 1000, step)).toBeUndefined();
  });

  it('are good from one step before to the end of one step after, to the millisecond', () => {
    const step = 0x273ef07;
    const check = (now: number) => checkSecondFactor(SECRET, '005924', now, -1);
    expect(check((step - 1) * STEP - 1)).toBeUndefined();
    expect(check((step - 1) * STEP)).toBe(step);
    expect(check(step * STEP)).toBe(step);
    expect(check((step + 2) * STEP - 1)).toBe(step);
    expect(check((step + 2) * STEP)).toBeUndefined();
  });

  it('of an earlier step are not good once a later one was used', () => {
    const [first, second] = ['081804', '050471'];
    const now = 1_111_111_111_000;
    expect(checkSecondFactor(SECRET, first, now, -1)).toBe(0x23523ec);
    expect(checkSecondFactor(SECRET, second, now, 0x23523ec)).toBe(0x23523ed);
    expect(checkSecondFactor(SECRET, first, now, 0x23523ed)).toBeUndefined();
  });

  it('that two steps have by chance are used up at once', () => {
    // Found by trying: this one and the next.
    const step = 40_628_458;
    expect(checkSecondFactor(SECRET, '669470', (step - 1) * STEP, -1)).toBe(step);
    expect(checkSecondFactor(SECRET, '669470', step * STEP, -1)).toBe(step + 1);
    expect(checkSecondFactor(SECRET, '669470', step * STEP, step + 1)).toBeUndefined();
  });

  it.each(['005924', ' 005 924 ', '005\u00a0924', '0 0 5 9 2 4', '005924\n'])('may be typed as %j', (code) => {
    expect(checkSecondFactor(SECRET, code, 1_234_567_890_000, -1)).toBe(0x273ef07);
  });

  it.each([
    '',
    ' ',
    '5924',
    '05924',
    '0005924',
    '89005924',
    '005925',
    '-05924',
    '+05924',
    '005-924',
    '5.924',
    '0x0005',
    '٠٠٥٩٢٤',
    '005924;',
    'ab0cde',
    '0'.repeat(100_000),
  ])('are not %j', (code) => {
    expect(checkSecondFactor(SECRET, code, 1_234_567_890_000, -1)).toBeUndefined();
  });

  it('are never a reason to throw, nor a clock', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (code) => {
        fc.pre(code.replaceAll(/\s/g, '') !== '005924');
        expect(checkSecondFactor(SECRET, code, 1_234_567_890_000, 0x273ef07 + 1)).toBeUndefined();
      }),
    );
    for (const now of [0, -1, -1e12, Number.NaN, 8.64e15]) {
      const step = checkSecondFactor(SECRET, '755224', now, -1);
      // RFC 4226, appendix D: the code of step 0.
      expect(step).toBe(now === 0 || now === -1 ? 0 : undefined);
    }
  });
});

describe('a new second factor', () => {
  it('is 20 random bytes in base32', () => {
    expect(makeSecondFactor({ bytes: () => utf8('12345678901234567890') })).toBe(SECRET);
    expect(makeSecondFactor(systemRandom)).toMatch(/^[A-Z2-7]{32}$/);
    expect(makeSecondFactor(systemRandom)).not.toBe(makeSecondFactor(systemRandom));
  });

  it('may come from a view of larger memory', () => {
    const memory = new Uint8Array(64).fill(0xee);
    memory.set(utf8('12345678901234567890'), 7);
    expect(makeSecondFactor({ bytes: (count) => memory.subarray(7, 7 + count) })).toBe(SECRET);
  });

  it('is told to apps by a URI', () => {
    const uri = new URL(secondFactorUri(SECRET, 'anna.b', 'neo nas & co'));
    expect(uri.href.startsWith('otpauth://totp/neo%20nas%20%26%20co:anna.b?')).toBe(true);
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'neo nas & co',
      secret: SECRET,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });

  it('is refused where it is none, and the error does not say what was read', () => {
    for (const secret of ['', 'GEZDGNBVGY3TQOJQGEZDGNBV', 'not base32: 1!', `${SECRET}1`]) {
      expectNeoError(() => checkSecondFactor(secret, '000000', 0, -1), 'integrity');
      expectNeoError(() => secondFactorUri(secret, 'a', 'b'), 'integrity');
    }
    let thrown: unknown;
    try {
      checkSecondFactor(`${SECRET}1`, '000000', 0, -1);
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toContain('not 16 bytes or more in base32');
    // The cause would quote it.
    expect(thrown).not.toHaveProperty('cause');
  });
});

describe('codes to type', () => {
  it('for recovery are ten different ones of 75 bits', () => {
    const codes = makeRecoveryCodes(systemRandom);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){2}$/);
  });

  it('for invitations have 100 bits', () => {
    expect(makeCode(systemRandom)).toMatch(/^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){3}$/);
    expect(makeCode(systemRandom)).not.toBe(makeCode(systemRandom));
    expect(makeCode(fixed(noise(20)))).toBe(makeCode(fixed(noise(20))));
  });

  it('use each character as often as any other', () => {
    const counts = new Map<string, number>();
    const all = Uint8Array.from({ length: 256 * 5 }, (_, at) => at & 255);
    const random = fixed(all);
    for (let i = 0; i < 64; i++) {
      for (const char of makeCode(random).replaceAll('-', '')) counts.set(char, (counts.get(char) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join('')).toBe('0123456789abcdefghjkmnpqrstvwxyz');
    expect(new Set(counts.values())).toEqual(new Set([40]));
  });

  it('are the same however they are typed', () => {
    const code = '01abc-de0fg-1hjkm';
    const plain = '01abcde0fg1hjkm';
    for (const typed of [code, code.toUpperCase(), plain, 'oIAbc de0fg  LHJKM ', 'O1abc-deofg-ihjkm\n']) {
      expect(normalizeCode(typed)).toBe(plain);
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        const made = makeCode(fixed(bytes));
        const sloppy = made.replaceAll('0', 'O').replaceAll('1', 'l').replaceAll('-', ' ').toUpperCase();
        expect(normalizeCode(sloppy)).toBe(normalizeCode(made));
        expect(normalizeCode(made)).toBe(made.replaceAll('-', ''));
        expect(normalizeCode(normalizeCode(made))).toBe(normalizeCode(made));
      }),
    );
  });

  it('are never a reason to throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof normalizeCode(text) === 'string'));
  });
});
