/**
 * Schemas of what comes from outside: zod's small form, and without the code that zod generates for each schema. A command
 * reads a few objects and ends, so building the schemas is what costs (docs/decisions/0004-start-up.md).
 */
import * as z from 'zod/mini';

z.config({ jitless: true });

export { z };

/** A safe integer of at least `least`, and at most `most` if that is given. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): z.ZodMiniNumberFormat {
  return z.int().check(z.minimum(least), z.maximum(most));
}
