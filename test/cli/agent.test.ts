/** What the agent holds, and until when: by two clocks, of which one stands still while the machine sleeps. */
import { describe, expect, it } from 'vitest';
import { HeldKeys } from '../../src/cli/agent/held-keys.ts';
import { decodeMessage, encodeMessage } from '../../src/cli/agent/messages.ts';
import { parseDuration } from '../../src/core/format.ts';
import { SimClock } from '../support/sim-clock.ts';

const HOUR = 3_600_000;

function key(digit: string) {
  return { repository: digit.repeat(32), client: 'c'.repeat(32), location: `/${digit}` };
}

function holding() {
  const clock = new SimClock();
  const keys = new HeldKeys(clock);
  const secret = new Uint8Array(32).fill(7);
  keys.hold(key('a'), secret, HOUR);
  return { clock, keys, secret, wiped: () => secret.every((byte) => byte === 0) };
}

describe('a held key', () => {
  it('is found until its time is up, and then wiped', () => {
    const { clock, keys, wiped } = holding();
    clock.advance(HOUR - 1);
    expect(keys.find(['b'.repeat(32), 'a'.repeat(32)])?.key).toMatchObject(key('a'));
    expect([wiped(), keys.remaining()]).toEqual([false, 1]);
    clock.advance(1);
    expect(keys.find(['a'.repeat(32)])).toBeUndefined();
    expect([wiped(), keys.size]).toEqual([true, 0]);
  });

  it('is gone after a sleep, in which only the wall clock went on', () => {
    const { clock, keys, wiped } = holding();
    clock.set(clock.now() + 2 * HOUR);
    expect([keys.list(), wiped()]).toEqual([[], true]);
  });

  it('gains no time when the wall clock is set back', () => {
    const { clock, keys, wiped } = holding();
    clock.set(clock.now() - 24 * HOUR);
    clock.advance(HOUR);
    expect([keys.list(), wiped()]).toEqual([[], true]);
  });

  it('is wiped when it is forgotten, or another takes its place; others stay', () => {
    const { keys, secret, wiped } = holding();
    const other = new Uint8Array(32).fill(8);
    keys.hold(key('b'), other, HOUR);
    keys.hold(key('a'), new Uint8Array(32).fill(9), HOUR);
    expect(wiped()).toBe(true);
    expect(keys.forget(({ location }) => location === '/a')).toMatchObject([key('a')]);
    expect(keys.list()).toMatchObject([key('b')]);
    expect([secret[0], other[0]]).toEqual([0, 8]);
  });
});

describe('messages', () => {
  it('carry a key behind the line, in pieces of any size, which are wiped', () => {
    const secret = Uint8Array.from({ length: 32 }, (_, index) => (index * 10) % 256);
    const bytes = encodeMessage({ v: 1, type: 'x' }, secret);
    const pieces = [bytes.slice(0, 3), bytes.slice(3, 25), bytes.slice(25)].map((piece) => Uint8Array.from(piece));
    expect(decodeMessage(pieces)).toEqual({ body: { v: 1, type: 'x' }, secret });
    expect(pieces.every((piece) => piece.every((byte) => byte === 0))).toBe(true);
  });

  it.each(['', '\n', '{"v":1}', 'nonsense\n', '\0\xff\n'])('are not %j', (text) => {
    expect(decodeMessage([Buffer.from(text, 'latin1')])).toBeUndefined();
  });
});

describe('durations', () => {
  it.each([
    ['1h', HOUR],
    ['90m', 1.5 * HOUR],
    ['1h30m', 1.5 * HOUR],
    ['45s', 45_000],
    ['1d', 24 * HOUR],
  ])('%s', (text, span) => expect(parseDuration(text)).toBe(span));

  it.each(['', '0h', '5', 'h', '1.5h', '-1h', '30m1h', '1 week'])('%j is none', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
