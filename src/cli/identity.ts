/** What opens the secret in a file: nothing, its password, or the identity that it was sealed to. */
import { readFile } from 'node:fs/promises';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type FileSecret, unprotectSecret, unsealSecret } from '../repo/file-secret.ts';
import { parseIdentity, parseRecipient, type Recipient } from '../repo/identity-file.ts';
import type { Surroundings } from '../repo/repository.ts';
import type { RepositoryFlags } from './flags.ts';
import type { Environment } from './folders.ts';
import type { Output } from './output.ts';
import { readPassword } from './password.ts';

export interface SecretMeans {
  readonly surroundings: Surroundings;
  readonly flags: RepositoryFlags;
  readonly out: Output;
  readonly env: Environment;
}

/** @param what the file is, for messages. @throws NeoError wrong-password */
export async function openSecret(secret: FileSecret, means: SecretMeans, what: string): Promise<Uint8Array> {
  const { engine } = means.surroundings;
  switch (secret.type) {
    case 'open':
      return secret.secret;
    case 'protected':
      return named(what, async () =>
        unprotectSecret(engine, secret, await askPassword(means, `Password of the ${what}`)),
      );
    case 'sealed': {
      const seed = await readIdentity(means, what);
      return named(what, async () => unsealSecret(engine, secret, seed));
    }
  }
}

/** Says of which file it is. */
async function named<T>(what: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (!isNeoError(cause, 'wrong-password')) throw cause;
    throw new NeoError('wrong-password', cause.message.replace('this file', `the ${what}`), { cause });
  }
}

async function readIdentity(means: SecretMeans, what: string): Promise<Uint8Array> {
  const path = (means.flags.identity ?? means.env['NEO_IDENTITY']) || undefined;
  if (path === undefined) {
    throw new NeoError('wrong-password', `the ${what} was made for an identity`, {
      hint: 'say whose: --identity FILE, or NEO_IDENTITY',
    });
  }
  const { secret } = parseIdentity(await readBytes(path, 'wrong-password', 'identity'));
  if (secret.type === 'sealed') throw new NeoError('wrong-password', 'an identity that is sealed to another one');
  if (secret.type === 'open') return secret.secret;
  return unprotectSecret(means.surroundings.engine, secret, await askPassword(means, 'Password of the identity'));
}

async function askPassword({ flags, env, out }: SecretMeans, prompt: string): Promise<Uint8Array> {
  return readPassword({ flags, env, prompt, warn: (message) => out.warn(message) });
}

/** @throws NeoError usage */
export async function readRecipient(path: string): Promise<Recipient> {
  return parseRecipient(await readBytes(path, 'usage', 'recipient'));
}

/** More is none of them. */
const LONGEST = 1 << 20;

/** A small file. @throws NeoError */
export async function readBytes(path: string, code: 'usage' | 'wrong-password', what: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path);
    if (bytes.length <= LONGEST) return bytes;
  } catch (cause) {
    throw new NeoError(code, `cannot read the ${what} ${path}: ${messageOf(cause)}`, { cause });
  }
  throw new NeoError(code, `${path} is too large for a ${what}`);
}
