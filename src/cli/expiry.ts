/** `--expires`: the end of a day, or a moment. */
import { parseWhen } from './when.ts';

/** Milliseconds since 1970, 0 = never. @throws NeoError usage when it is no date */
export async function parseExpiry(text: string | undefined, now: number): Promise<number> {
  return text === undefined ? 0 : (await parseWhen(text, new Date(now))).getTime();
}

/** Milliseconds since 1970, as servers are told; undefined where nothing was said. @throws NeoError usage */
export async function parseEnd(text: string | undefined): Promise<number | undefined> {
  return text === undefined ? undefined : (await parseWhen(text, new Date())).getTime();
}

/** Also `never`: null. @throws NeoError usage */
export async function parseEndOrNever(text: string | undefined): Promise<number | null | undefined> {
  return text === 'never' ? null : parseEnd(text);
}
