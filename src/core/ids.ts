/** Identifiers, each its own type: bytes where millions are handled, lower-case hex where people and paths see them. */

import { NeoError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** BLAKE3-256 of an object's bytes, 64 hex digits: what `b3sum` prints. */
export type ObjectName = Branded<string, 'ObjectName'>;
/** 16 random bytes in hex. */
export type RepositoryId = Branded<string, 'RepositoryId'>;
/** 16 random bytes in hex; also the id of the client's key slot. */
export type ClientId = Branded<string, 'ClientId'>;
/** 16 random bytes in hex: one run of a writer. */
export type SessionId = Branded<string, 'SessionId'>;
/** 32 bytes: BLAKE3-keyed(content.<kind>, plaintext). Whoever holds it can read the blob. */
export type ContentKey = Branded<Uint8Array, 'ContentKey'>;
/** 32 bytes: BLAKE3("neo/v1 id" ‖ content key): what the index knows. */
export type BlobId = Branded<Uint8Array, 'BlobId'>;

function hexId(text: string, bytes: number, what: string): string {
  if (text.length !== 2 * bytes || !/^[0-9a-f]+$/.test(text)) {
    throw new NeoError('integrity', `not ${what}: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return text;
}

export function objectName(text: string): ObjectName {
  return hexId(text, 32, 'an object name') as ObjectName;
}

export function repositoryId(text: string): RepositoryId {
  return hexId(text, 16, 'a repository id') as RepositoryId;
}

export function clientId(text: string): ClientId {
  return hexId(text, 16, 'a client id') as ClientId;
}

export function sessionId(text: string): SessionId {
  return hexId(text, 16, 'a session id') as SessionId;
}

function bytes32(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length !== 32) throw new NeoError('integrity', `${what} is not 32 bytes`);
  return bytes;
}

export function contentKey(bytes: Uint8Array): ContentKey {
  return bytes32(bytes, 'content key') as ContentKey;
}

export function blobId(bytes: Uint8Array): BlobId {
  return bytes32(bytes, 'blob id') as BlobId;
}
