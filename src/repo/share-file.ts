/** What the reader of a share is given: where it is, and what opens it (docs/format.md, section 8). */
import { fromByteString, toByteString } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { type ObjectName, objectName, type RepositoryId, repositoryId } from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import { byteString, hexName, moment, z } from '../core/schema.ts';
import { type FileSecret, parseSecret, secretJson, secretMembers } from './file-secret.ts';
import { SHARE_ID, type ShareId, shareId } from './share.ts';

export interface ShareFile {
  readonly repository: RepositoryId;
  /** The first configuration: who signs in this repository follows from it. */
  readonly config0: ObjectName;
  readonly share: ShareId;
  /** Where its maker reached the repository. */
  readonly location: string;
  /** What is shared, as it was called. */
  readonly name: Uint8Array;
  /** Milliseconds; 0 = never. */
  readonly expires: number;
  /** Opens to the key of the share, 32 bytes. */
  readonly secret: FileSecret;
}

const schema = z.object({
  v: z.int(),
  neo: z.literal('share'),
  repository: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  config0: hexName,
  share: z.string().check(z.regex(SHARE_ID)),
  location: z.string(),
  name: byteString,
  expires: moment,
  ...secretMembers,
});

export function encodeShareFile(file: ShareFile): Uint8Array {
  const { repository, config0, share, location, name, expires, secret } = file;
  const text = toByteString(name) as Json;
  return canonicalJson({
    v: 1,
    neo: 'share',
    repository,
    config0,
    share,
    location,
    name: text,
    expires,
    ...secretJson(secret),
  });
}

/** @throws NeoError wrong-password when it is none; needs-newer-neo */
export function parseShareFile(bytes: Uint8Array): ShareFile {
  try {
    return parse(bytes);
  } catch (cause) {
    if (!isNeoError(cause, 'integrity')) throw cause;
    throw new NeoError('wrong-password', 'that is no share of neo', { cause });
  }
}

function parse(bytes: Uint8Array): ShareFile {
  const parsed = schema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new NeoError('integrity', 'malformed share', { cause: parsed.error });
  const { data } = parsed;
  if (data.v !== 1)
    throw new NeoError('needs-newer-neo', 'the share is of a later version', { hint: 'install a newer neo' });
  return {
    repository: repositoryId(data.repository),
    config0: objectName(data.config0),
    share: shareId(data.share),
    location: data.location,
    name: fromByteString(data.name),
    expires: data.expires,
    secret: parseSecret(data),
  };
}
