/** Time is passed in, so that the simulator can bend it. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May be wrong, may jump. */
  now(): number;
  /** Milliseconds of a clock that never goes back; its origin means nothing. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
