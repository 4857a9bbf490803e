/**
 * How the keys of one server stand by each other: each one that it makes later is signed by one that it has by then. Whoever is shown a key
 * can follow that back to the server's first one, to which proofs of account secrets are bound (login-secret.ts), also when that one is gone.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { concatBytes, equalBytes, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { keyFingerprint } from './device-certificate.ts';
import { spkiOf } from './x509.ts';

/** One key says of the next that it is of the same server. */
export interface Endorsement {
  /** DER, SubjectPublicKeyInfo, of the one that says it. */
  readonly key: Uint8Array;
  /** ECDSA with SHA-256 (in DER) of `neo/v1 server key`, a zero byte, and the fingerprint of the next one. */
  readonly signature: Uint8Array;
}

const CONTEXT = utf8('neo/v1 server key\0');

/**
 * @param key PEM
 * @param next fingerprint of the other one: 32 bytes
 */
export function endorse(key: string, next: Uint8Array): Endorsement {
  const secret = createPrivateKey(key);
  return { key: spkiOf(secret), signature: new Uint8Array(sign('sha256', concatBytes(CONTEXT, next), secret)) };
}

/**
 * The fingerprint of the first key of the server that has this one.
 * @param lineage the first one's first; empty: it is this one
 * @throws NeoError integrity when one of them does not say so
 */
export function originOf(lineage: readonly Endorsement[], fingerprint: Uint8Array): Uint8Array {
  let next = fingerprint;
  for (const { key, signature } of lineage.toReversed()) {
    if (!isSigned(key, next, signature)) {
      throw new NeoError('integrity', 'the server does not prove that its keys belong together', {
        hint: 'nothing of the secret was sent',
      });
    }
    next = keyFingerprint(key);
  }
  return next;
}

function isSigned(key: Uint8Array, next: Uint8Array, signature: Uint8Array): boolean {
  const known = publicKey(key);
  return known !== undefined && verify('sha256', concatBytes(CONTEXT, next), known, signature);
}

/** Only of the kind that servers make, and written as they write it: another form would have another fingerprint. */
function publicKey(der: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    const isOurs = key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    return isOurs && equalBytes(new Uint8Array(key.export({ type: 'spki', format: 'der' })), der) ? key : undefined;
  } catch {
    return undefined;
  }
}
