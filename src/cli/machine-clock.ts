/** The system's clock, with the time since the machine started: it counts on from one process to the next. */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { type Clock, type SinceBoot, systemClock } from '../core/clock.ts';

/** proc(5): another one at each start. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

function sinceBoot(): SinceBoot | undefined {
  try {
    return { boot: readFileSync(BOOT_ID, 'latin1').trim(), at: uptime() * 1000 };
  } catch {
    // No Linux, or no /proc: then only this process knows how long it has been.
    return undefined;
  }
}

export const machineClock: Clock = { ...systemClock, sinceBoot };
