/**
 * Schemas of what comes from outside: zod's small form, and without the code that zod generates for each schema. A command
 * reads a few objects and ends, so building the schemas is what costs (docs/decisions/0004-start-up.md).
 */
import * as z from 'zod/mini';
import type { ByteString } from './bytes.ts';

z.config({ jitless: true });

export { z };

/** A safe integer of at least `least`, and at most `most` if that is given. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): z.ZodMiniNumberFormat {
  return z.int().check(z.minimum(least), z.maximum(most));
}

/** Names and paths as they stand in JSON. */
export const byteString: z.ZodMiniType<ByteString> = z.union([z.string(), z.object({ b: z.string() })]);

/** The name of an object: lower case hex. */
export const hexName: z.ZodMiniString = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/** Milliseconds since 1970; beyond that no date can be shown (ECMA-262, section 21.4.1.1). */
export const moment: z.ZodMiniNumberFormat = integer(0, 8.64e15);
