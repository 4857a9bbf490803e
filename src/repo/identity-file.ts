/** Whom shares and key files can be made for: an X-Wing pair, its private half in a file (docs/format.md, section 4). */
import { fromBase64, toBase64 } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { z } from '../core/schema.ts';
import { type FileSecret, parseSecret, secretJson, secretMembers } from './file-secret.ts';

export interface Recipient {
  /** What they call themselves: nobody has verified it. */
  readonly name: string;
  /** 1,216 bytes. */
  readonly kemPublic: Uint8Array;
}

export interface IdentityFile extends Recipient {
  /** Opens to the private half, 32 bytes. */
  readonly secret: FileSecret;
}

const PUBLIC_LENGTH = 1216;
const recipientSchema = z.object({ v: z.literal(1), neo: z.literal('recipient'), name: z.string(), kem: z.string() });
const identitySchema = z.object({
  v: z.literal(1),
  neo: z.literal('identity'),
  name: z.string(),
  kem: z.string(),
  ...secretMembers,
});

export function encodeRecipient({ name, kemPublic }: Recipient): Uint8Array {
  return canonicalJson({ v: 1, neo: 'recipient', name, kem: toBase64(kemPublic) });
}

export function encodeIdentity({ name, kemPublic, secret }: IdentityFile): Uint8Array {
  return canonicalJson({ v: 1, neo: 'identity', name, kem: toBase64(kemPublic), ...secretJson(secret) });
}

/** @throws NeoError usage when it is none */
export function parseRecipient(bytes: Uint8Array): Recipient {
  return orNone('usage', 'that is no recipient of neo', () => {
    const { name, kem } = recipientSchema.parse(parseJson(bytes));
    return { name, kemPublic: publicKey(kem) };
  });
}

/** @throws NeoError wrong-password when it is none */
export function parseIdentity(bytes: Uint8Array): IdentityFile {
  return orNone('wrong-password', 'that is no identity of neo', () => {
    const data = identitySchema.parse(parseJson(bytes));
    return { name: data.name, kemPublic: publicKey(data.kem), secret: parseSecret(data) };
  });
}

function publicKey(text: string): Uint8Array {
  const key = fromBase64(text);
  if (key.length !== PUBLIC_LENGTH) throw new NeoError('integrity', 'a public key of a wrong length');
  return key;
}

function orNone<T>(code: 'usage' | 'wrong-password', message: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(isNeoError(cause, 'integrity') || cause instanceof z.core.$ZodError)) throw cause;
    throw new NeoError(code, message, { hint: 'see: neo key identity', cause });
  }
}
