/** The secret of an account: set, or changed by whoever knows the one that holds. */
import type { ControlClient } from '../backends/neo-control.ts';
import { fromHex, toHex } from '../core/bytes.ts';
import { isNeoError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import type { Engine } from '../engine/engine.ts';
import { DEFAULT_ARGON2 } from '../engine/kdf.ts';
import { deriveLogin } from '../engine/login-secret.ts';
import { originOf } from '../engine/server-lineage.ts';
import type { LoginKdf } from '../protocol/control.ts';
import { fromWire } from '../protocol/server-keys.ts';
import type { Environment } from './folders.ts';
import { readAccountSecret } from './password.ts';

const SALT_LENGTH = 16;
/** How the server says that there is one already: only then it is asked for. */
const HAS_SECRET = 'the account has a secret';

interface Means {
  readonly engine: Engine;
  readonly env: Environment;
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * NEO_ACCOUNT_SECRET is the one that holds, or, where there is none and nothing else is given, the new one; that is NEO_ACCOUNT_NEW_SECRET
 * otherwise, or asked for twice.
 * @param client of the one key that the server shows
 * @param fingerprint SHA-256 of that key
 * @throws NeoError permission-denied, wrong-password
 */
export async function setAccountSecret(
  client: ControlClient,
  account: string,
  fingerprint: Uint8Array,
  means: Means,
): Promise<'set' | 'changed'> {
  const { env } = means;
  const { kdf, lineage = [] } = await client.call('login-start', { account });
  const server = originOf(fromWire(lineage), fingerprint);
  const isTold = Boolean(env['NEO_ACCOUNT_NEW_SECRET']);
  const mayBeNew = !isTold && Boolean(env['NEO_ACCOUNT_SECRET']);
  const fresh = await stretchNew(mayBeNew ? await readCurrent(means) : await readNew(means), server, means);
  try {
    await client.call('secret-set', fresh);
    return 'set';
  } catch (error) {
    if (!isNeoError(error, 'permission-denied') || !error.message.includes(HAS_SECRET)) throw error;
  }
  const current = await proofOf(await readCurrent(means), kdf, server, means);
  const next = mayBeNew ? await stretchNew(await readNew(means), server, means) : fresh;
  await client.call('secret-set', { ...next, current });
  return 'changed';
}

function readCurrent(means: Means): Promise<Uint8Array> {
  return readAccountSecret({ ...means, prompt: 'Secret that holds now' });
}

function readNew(means: Means): Promise<Uint8Array> {
  const prompt = 'New secret of the account';
  return readAccountSecret({ ...means, variable: 'NEO_ACCOUNT_NEW_SECRET', isNew: true, prompt });
}

async function stretchNew(
  secret: Uint8Array,
  server: Uint8Array,
  means: Means,
): Promise<{ kdf: LoginKdf; proof: string }> {
  const kdf = { salt: toHex(systemRandom.bytes(SALT_LENGTH)), ...DEFAULT_ARGON2 };
  return { kdf, proof: await proofOf(secret, kdf, server, means) };
}

async function proofOf(secret: Uint8Array, kdf: LoginKdf, server: Uint8Array, { engine }: Means): Promise<string> {
  try {
    const { proof } = await deriveLogin(engine, secret, { ...kdf, salt: fromHex(kdf.salt) }, server);
    return toHex(proof);
  } finally {
    secret.fill(0);
  }
}
