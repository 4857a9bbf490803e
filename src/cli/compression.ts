/** Compression levels by name. */
import { NeoError } from '../core/errors.ts';

const NAMES: Readonly<Record<string, number>> = { off: 0, fast: 1, default: 3, better: 9, max: 19 };

/** zstd level of `off`, `fast`, `default`, `better`, `max` or a number from 0 to 22. @throws NeoError usage */
export function parseCompression(text: string): number {
  const level = Object.hasOwn(NAMES, text) ? NAMES[text] : /^\d{1,2}$/.test(text) ? Number(text) : undefined;
  if (level !== undefined && level <= 22) return level;
  throw new NeoError('usage', `not a compression: ${JSON.stringify(text)}`, {
    hint: `it is one of ${Object.keys(NAMES).join(', ')}, or a zstd level from 1 to 22`,
  });
}
