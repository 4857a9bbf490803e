/** `--at` as the rest of the program wants it. */
import { parseWhen } from './when.ts';

/** What a snapshot must be like with `--at`: not after that moment (milliseconds). @throws NeoError usage */
export async function untilFilter(
  at: string | undefined,
): Promise<{ hosts: string[]; tags: string[]; paths: Uint8Array[]; until?: number }> {
  const any = { hosts: [], tags: [], paths: [] };
  return at === undefined ? any : { ...any, until: (await parseWhen(at, new Date())).getTime() };
}
