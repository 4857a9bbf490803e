/** Key files: a slot and what opens it, so that no password is typed (docs/format.md, section 4). */
import { fromBase64, toBase64 } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type RepositoryId, repositoryId } from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import { z } from '../core/schema.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { checkKdfBounds, derivePasswordKey, type KdfParameters } from '../engine/kdf.ts';
import type { Role } from './certificate.ts';
import { kdfJson, kdfSchema, normalisePassword, parseKdf } from './key-slots.ts';

export interface KeyFile {
  readonly repository: RepositoryId;
  readonly client: ClientId;
  readonly role: Role;
  /** A copy of the slot object. */
  readonly slot: Uint8Array;
  readonly secret:
    | { readonly type: 'open'; readonly secret: Uint8Array }
    | { readonly type: 'protected'; readonly kdf: KdfParameters; readonly box: Uint8Array };
}

const schema = z.object({
  v: z.int(),
  neo: z.literal('key file'),
  repository: z.string(),
  client: z.string(),
  role: z.enum(['full', 'write']),
  slot: z.string(),
  secret: z.optional(z.string()),
  protected: z.optional(z.object({ kdf: kdfSchema, box: z.string() })),
});

export function encodeKeyFile(file: KeyFile): Uint8Array {
  const { secret } = file;
  const box: Json | undefined =
    secret.type === 'protected' ? { kdf: kdfJson(secret.kdf), box: toBase64(secret.box) } : undefined;
  return canonicalJson({
    v: 1,
    neo: 'key file',
    repository: file.repository,
    client: file.client,
    role: file.role,
    slot: toBase64(file.slot),
    secret: secret.type === 'open' ? toBase64(secret.secret) : undefined,
    protected: box,
  });
}

/** @throws NeoError wrong-password when it is no key file of neo; needs-newer-neo */
export function parseKeyFile(bytes: Uint8Array): KeyFile {
  try {
    return parse(bytes);
  } catch (error) {
    if (!isNeoError(error, 'integrity')) throw error;
    throw new NeoError('wrong-password', 'that is no key file of neo', { cause: error });
  }
}

function parse(bytes: Uint8Array): KeyFile {
  const parsed = schema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new NeoError('integrity', 'malformed key file', { cause: parsed.error });
  const data = parsed.data;
  if (data.v !== 1)
    throw new NeoError('needs-newer-neo', 'the key file is of a later version', { hint: 'install a newer neo' });
  return {
    repository: repositoryId(data.repository),
    client: clientId(data.client),
    role: data.role,
    slot: fromBase64(data.slot),
    secret: secretOf(data),
  };
}

function secretOf(data: z.infer<typeof schema>): KeyFile['secret'] {
  if (data.secret !== undefined) return { type: 'open', secret: fromBase64(data.secret) };
  const kdf = data.protected === undefined ? undefined : parseKdf(data.protected.kdf);
  if (data.protected === undefined || kdf === undefined) throw new NeoError('integrity', 'key file without a secret');
  return { type: 'protected', kdf, box: fromBase64(data.protected.box) };
}

const NO_AAD = new Uint8Array();

async function boxKey(engine: Engine, password: Uint8Array, kdf: KdfParameters): Promise<Uint8Array> {
  return engine.blake3Derive('neo/v1 key file', await derivePasswordKey(engine, normalisePassword(password), kdf));
}

export async function protectSecret(
  engine: Engine,
  random: Random,
  secret: Uint8Array,
  password: Uint8Array,
  kdf: KdfParameters,
): Promise<KeyFile['secret']> {
  const key = await boxKey(engine, password, kdf);
  return { type: 'protected', kdf, box: sealObject(engine, key, secret, NO_AAD, random) };
}

/** @throws NeoError wrong-password */
export async function unprotectSecret(
  engine: Engine,
  file: Extract<KeyFile['secret'], { type: 'protected' }>,
  password: Uint8Array,
): Promise<Uint8Array> {
  checkKdfBounds(file.kdf);
  const key = await boxKey(engine, password, file.kdf);
  try {
    return openObject(engine, key, file.box, NO_AAD);
  } catch (cause) {
    if (!isNeoError(cause, 'integrity')) throw cause;
    throw new NeoError('wrong-password', 'wrong password for the key file', { cause });
  }
}
