/** NEO_GRACE_FLOOR: the times that keep prune and writers apart, shortened for tests. */
import { parseDuration } from '../core/format.ts';
import type { Output } from './output.ts';

/** Milliseconds, if it is set. @throws NeoError usage */
export function graceFloor(out: Output, env = process.env): { readonly graceFloor?: number } {
  const text = env['NEO_GRACE_FLOOR'];
  if (text === undefined || text === '') return {};
  out.warn('NEO_GRACE_FLOOR is set: that is for tests alone, prune may delete what others are about to use');
  return { graceFloor: parseDuration(text) };
}
