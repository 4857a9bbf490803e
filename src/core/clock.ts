/** Time is passed in, so that the simulator can bend it. */
export interface Clock {
  /** Wall clock, milliseconds since 1970, never less than 0. May be wrong, may jump. */
  now(): number;
  /** Milliseconds of a clock that never goes back; its origin means nothing. */
  monotonic(): number;
  /**
   * Time since the machine started, milliseconds, and which start that was: time that has really passed, in this process
   * and others. Absent, or undefined, where the system does not tell.
   */
  sinceBoot?(): SinceBoot | undefined;
}

export interface SinceBoot {
  readonly boot: string;
  readonly at: number;
}

export const systemClock: Clock = {
  // A machine without a battery may start before 1970, and no format of ours has a number for that.
  now: () => Math.max(0, Date.now()),
  monotonic: () => performance.now(),
};
