import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('begins in 1970, wherever the machine’s clock stands', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('1966-11-21T00:00:00Z') });
  expect(systemClock.now()).toBe(0);
  vi.setSystemTime(1_800_000_000_000);
  expect(systemClock.now()).toBe(1_800_000_000_000);
});
