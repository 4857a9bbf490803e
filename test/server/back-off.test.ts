/** How many tries somebody has in the long run, whatever he does with his time; how it is over the wire is in login.test.ts. */
import { describe, expect, it } from 'vitest';
import { BackOff } from '../../src/server/back-off.ts';
import { SimClock } from '../support/sim-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Seconds; 0: none. */
const waitOf = (backOff: BackOff, account: string, network: string): number => {
  try {
    backOff.check(account, network);
    return 0;
  } catch (error) {
    return Number(/wait (\d+) s/.exec(String(error))?.[1]);
  }
};

it('whoever is wrong once a week never waits', () => {
  const clock = new SimClock();
  const backOff = new BackOff(clock);
  for (let week = 0; week < 200; week += 1) {
    expect(waitOf(backOff, 'anna', 'a')).toBe(0);
    backOff.failed('anna', 'a');
    expect(waitOf(backOff, 'anna', 'a')).toBe(0);
    clock.advance(7 * DAY);
  }
});

it('what was wrong is forgotten two days after the last wait, by the steady clock, and not before', () => {
  const clock = new SimClock();
  const backOff = new BackOff(clock);
  const free = (): number => {
    let tries = 0;
    for (; waitOf(backOff, 'anna', 'a') === 0; tries += 1) backOff.failed('anna', 'a');
    return tries;
  };
  expect(free()).toBe(4);
  clock.set(clock.now() + 1000 * DAY);
  expect(free()).toBe(0);
  clock.advance(1000 + 2 * DAY - 1);
  expect(free()).toBe(1);
  clock.advance(2000 + 2 * DAY);
  expect(free()).toBe(4);
});

/** Of somebody who waits for nothing but the server, and after each `burst` pauses besides. @returns how many tries he had too many */
function tooMany(first: number, burst: number, pause: number, networkOf: (n: number) => string): number {
  const clock = new SimClock();
  const backOff = new BackOff(clock);
  let most = 0;
  for (let tried = 1; tried <= 10 * burst; tried += 1) {
    const network = networkOf(tried);
    clock.advance(1000 * waitOf(backOff, 'anna', network));
    backOff.failed('anna', network);
    most = Math.max(most, tried - first - clock.monotonic() / (15 * MINUTE));
    if (tried % burst === 0) clock.advance(1000 * waitOf(backOff, 'anna', network) + pause);
  }
  return most;
}

// The waits from a second up to a quarter of an hour are ten.
describe.each([
  ['one network', 3 + 11, () => 'a'],
  ['as many networks as he likes', 100 + 11, (n: number) => `${n}`],
])('of %s nobody has more tries than at first, and one each quarter of an hour', (_, first, networkOf) => {
  it.each([0, HOUR, 12 * HOUR, 20 * HOUR, DAY, 2 * DAY - 1, 2 * DAY, 3 * DAY])('with pauses of %i ms', (pause) => {
    for (const burst of [1, 3, 4, 13, 14, 20, 100, 111, 120, 200]) {
      expect([burst, tooMany(first, burst, pause, networkOf)]).toEqual([burst, 0]);
    }
  });
});
