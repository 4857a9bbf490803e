/** Key files: a slot and what opens it, so that no password is typed (docs/format.md, section 4). */
import { fromBase64, toBase64 } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type RepositoryId, repositoryId } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { z } from '../core/schema.ts';
import type { Role } from './certificate.ts';
import { type FileSecret, parseSecret, secretJson, secretMembers } from './file-secret.ts';

export interface KeyFile {
  readonly repository: RepositoryId;
  readonly client: ClientId;
  readonly role: Role;
  /** A copy of the slot object. */
  readonly slot: Uint8Array;
  readonly secret: FileSecret;
}

const schema = z.object({
  v: z.int(),
  neo: z.literal('key file'),
  repository: z.string(),
  client: z.string(),
  role: z.enum(['full', 'write']),
  slot: z.string(),
  ...secretMembers,
});

export function encodeKeyFile(file: KeyFile): Uint8Array {
  return canonicalJson({
    v: 1,
    neo: 'key file',
    repository: file.repository,
    client: file.client,
    role: file.role,
    slot: toBase64(file.slot),
    ...secretJson(file.secret),
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
    secret: parseSecret(data),
  };
}
