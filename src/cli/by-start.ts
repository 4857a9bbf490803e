/** Things that are named by an id or its start. */
import { NeoError } from '../core/errors.ts';

/** `what` in the singular, `list` the command that shows them. @throws NeoError usage when it is none, or several */
export function byStart<T extends { readonly id: string }>(
  things: readonly T[],
  start: string,
  what: string,
  list: string,
): T {
  const [found, ...others] = things.filter(({ id }) => id.startsWith(start.toLowerCase()));
  if (found === undefined) throw new NeoError('usage', `there is no ${what} ${start}`, { hint: `see \`${list}\`` });
  if (others.length === 0) return found;
  throw new NeoError('usage', `${start} is the start of several ids: write more of it`, { hint: `see \`${list}\`` });
}
