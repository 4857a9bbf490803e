/** `--expires`: the end of a day, or a moment. */
import { parseWhen } from './when.ts';

/** Milliseconds since 1970, 0 = never. @throws NeoError usage when it is no date */
export async function parseExpiry(text: string | undefined, now: number): Promise<number> {
  return text === undefined ? 0 : (await parseWhen(text, new Date(now))).getTime();
}
