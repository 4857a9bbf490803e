/** `neo key identity`: a pair for which others can make shares and key files. */
import { NeoError } from '../core/errors.ts';
import type { IdentityFile } from '../repo/identity-file.ts';
import type { Surroundings } from '../repo/repository.ts';
import { fileSecret, type NewPassword } from './keys/making.ts';

const LONGEST_NAME = 200;

/** @throws NeoError usage for a name that is none */
export async function newIdentity(
  surroundings: Surroundings,
  name: string,
  protect: NewPassword | undefined,
): Promise<IdentityFile> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name stands on one line of a terminal
  if (name.length === 0 || name.length > LONGEST_NAME || /[\u0000-\u001f\u007f]/.test(name)) {
    throw new NeoError('usage', `a name is one line of 1 to ${LONGEST_NAME} characters`);
  }
  const seed = surroundings.random.bytes(32);
  const kemPublic = surroundings.engine.kemPublicKey(seed);
  return { name, kemPublic, secret: await fileSecret(surroundings, seed, protect) };
}
