/** A clock that moves only when told to. */
import type { Clock, SinceBoot } from '../../src/core/clock.ts';

export class SimClock implements Clock {
  #wall: number;
  #steady = 0;

  /** @param start wall clock, milliseconds since 1970 */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#steady;
  }

  sinceBoot(): SinceBoot {
    return { boot: 'simulated', at: this.#steady };
  }

  /** Time passes. */
  advance(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#steady += milliseconds;
  }

  /** The wall clock is set, forwards or back; the steady clock does not notice. */
  set(wall: number): void {
    this.#wall = wall;
  }
}
