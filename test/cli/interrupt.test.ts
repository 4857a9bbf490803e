import { afterEach, describe, expect, it } from 'vitest';
import { Interrupt } from '../../src/cli/interrupt.ts';
import { isNeoError } from '../../src/core/errors.ts';

const interrupts: Interrupt[] = [];

afterEach(() => {
  for (const interrupt of interrupts.splice(0)) interrupt.release();
});

function start() {
  const state = { now: 1_000, notes: [] as string[], exits: [] as number[] };
  const interrupt = new Interrupt(
    (text) => state.notes.push(text),
    () => state.now,
    (code) => state.exits.push(code),
  );
  interrupts.push(interrupt);
  return { state, interrupt };
}

describe('interruption', () => {
  it('first aborts, then ends', () => {
    const { state, interrupt } = start();
    expect(interrupt.signal.aborted).toBe(false);
    interrupt.press();
    expect(isNeoError(interrupt.signal.reason, 'interrupted')).toBe(true);
    expect([state.notes.length, state.exits]).toEqual([1, []]);
    state.now += 1_000;
    interrupt.press();
    expect(state.exits).toEqual([130]);
  });

  it('counts one Ctrl-C that arrives twice as one', () => {
    const { state, interrupt } = start();
    interrupt.press();
    state.now += 5;
    interrupt.press();
    expect([state.notes.length, state.exits]).toEqual([1, []]);
  });

  it('gives the signals back', () => {
    const before = process.listenerCount('SIGINT');
    const { interrupt } = start();
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
    interrupt.release();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
