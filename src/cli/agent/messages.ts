/**
 * What is said over the agent's socket. A message is a line of JSON and, behind it, the bytes of at most one key, raw, so
 * that they can be wiped; its end is the end of the stream. One request and one answer a connection.
 */
import { concatBytes, utf8 } from '../../core/bytes.ts';
import { integer, z } from '../../core/schema.ts';

/** Raised when the meaning changes. `forget-all` stays as it is in all versions: whatever runs can be ended. */
export const VERSION = 1;

/** Bytes; more is no message. */
export const LONGEST_MESSAGE = 65_536;

/** Milliseconds. Who needs a key for longer has a use for a key file. */
export const LONGEST_LIFETIME = 24 * 3_600_000;

const id = z.string().check(z.regex(/^[0-9a-f]{32}$/));
const v = z.literal(VERSION);

/** What anybody may know of a key that is held. */
const about = { repository: id, client: id, location: z.string() };
const keySchema = z.object({ ...about, expires: integer(0) });

export type HeldKey = Readonly<z.infer<typeof keySchema>>;

export const requestSchema = z.union([
  z.object({ v, type: z.literal('get'), repositories: z.array(id) }),
  z.object({ v, type: z.literal('hold'), key: z.object(about), lifetime: integer(1, LONGEST_LIFETIME) }),
  z.object({ v, type: z.literal('list') }),
  z.object({ v, type: z.literal('forget'), location: z.string(), repositories: z.array(id) }),
  z.object({ type: z.literal('forget-all') }),
]);

export type AgentRequest = Readonly<z.infer<typeof requestSchema>>;

/** The keys that the request was about: found, held, listed or forgotten. With `get` the secret of the one follows. */
export const answerSchema = z.object({ v, keys: z.array(keySchema) });

export interface Message {
  readonly body: unknown;
  readonly secret: Uint8Array;
}

export function encodeMessage(body: object, secret: Uint8Array = new Uint8Array()): Uint8Array {
  return concatBytes(utf8(`${JSON.stringify(body)}\n`), secret);
}

/** Undefined for what is no message. The secret is a copy; the pieces are wiped. */
export function decodeMessage(pieces: readonly Uint8Array[]): Message | undefined {
  const bytes = concatBytes(...pieces);
  for (const piece of pieces) piece.fill(0);
  const end = bytes.indexOf(0x0a);
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, end))));
    return { body, secret: new Uint8Array(bytes.subarray(end + 1)) };
  } catch {
    return undefined;
  } finally {
    bytes.fill(0);
  }
}
