/** Asking storage again whether what was loaded is still all there is. */
import type { Clock } from '../core/clock.ts';

/** Milliseconds: whoever looks for many blobs that are nowhere asks no more often. */
const LOOK_AGAIN = 10_000;

/**
 * @param look undefined: nothing is newer
 * @returns what was found, the same for all who ask; undefined without asking soon after there was nothing
 */
export function lookAgain<T>(clock: Clock, look: () => Promise<T | undefined>): () => Promise<T | undefined> {
  let newer: Promise<T | undefined> | undefined;
  let asked = Number.NEGATIVE_INFINITY;
  return async () => {
    if (newer === undefined && clock.monotonic() - asked < LOOK_AGAIN) return undefined;
    asked = clock.monotonic();
    newer ??= look();
    try {
      const found = await newer;
      if (found === undefined) newer = undefined;
      return found;
    } catch (error) {
      newer = undefined;
      throw error;
    }
  };
}
