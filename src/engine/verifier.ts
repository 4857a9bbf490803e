/** What a server keeps instead of secrets, and how it compares: a copy of its database lets nobody in. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { concatBytes, utf8 } from '../core/bytes.ts';

const VERIFIER = utf8('neo/v1 verifier\0');
const SALT_LENGTH = 16;

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

/** SHA-256("neo/v1 verifier" ‖ 0x00 ‖ proof), 32 bytes. The proof is of Argon2id (login-secret.ts): one hash more is enough. */
export function verifierOf(proof: Uint8Array): Uint8Array {
  return sha256(concatBytes(VERIFIER, proof));
}

/** SHA-256 of the UTF-8, 32 bytes: of tokens and codes, whose many random bits nobody can try one by one. */
export function hashToken(text: string): Uint8Array {
  return sha256(utf8(text));
}

/** Whether they are the same, in a time that depends on their lengths alone. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * The salt of an account that is not there: the same each time, so that it looks like one that is. The first 16 bytes of
 * HMAC-SHA-256(pepper, account in UTF-8).
 * @param pepper 32 random bytes, of this server for ever
 */
export function decoySalt(pepper: Uint8Array, account: string): Uint8Array {
  return new Uint8Array(createHmac('sha256', pepper).update(utf8(account)).digest().subarray(0, SALT_LENGTH));
}
