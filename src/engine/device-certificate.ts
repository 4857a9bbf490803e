/**
 * Who a device is: an Ed25519 key that never leaves it, and a certificate of that key for mutual TLS (RFC 8446, section 4.4.2). Servers
 * know a device by its key alone (SHA-256 of the SubjectPublicKeyInfo), so nothing else in the certificate counts, nor does it expire.
 */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as x509 from '@peculiar/asn1-x509';
import { messageOf, NeoError } from '../core/errors.ts';
import { DAY, extension, makeSelfSigned, pemOf, spkiOf } from './x509.ts';

/** id-Ed25519 (RFC 8410, section 3). */
const ED25519 = '1.3.101.112';
const NAME = 'neo device';
/** "No well-defined expiration date" (RFC 5280, section 4.1.2.5). */
const NEVER = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Ed25519: PKCS #8 in PEM, not encrypted. */
export function makeDeviceKey(): string {
  return pemOf(generateKeyPairSync('ed25519').privateKey);
}

/**
 * Signed by itself, for TLS clients. PEM.
 * @param key PEM, Ed25519
 * @param now milliseconds since 1970; it holds from a day before
 * @throws NeoError integrity for another kind of key, or what is none
 */
export function makeDeviceCertificate(key: string, now: number): string {
  return makeSelfSigned(readKey(key), {
    algorithm: ED25519,
    hash: null,
    name: NAME,
    notBefore: now - DAY,
    notAfter: NEVER,
    extensions: [extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage([x509.id_kp_clientAuth]))],
  });
}

/**
 * SHA-256, 32 bytes.
 * @param spkiDer a public key of whatever kind: DER, SubjectPublicKeyInfo
 */
export function keyFingerprint(spkiDer: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(spkiDer).digest());
}

/**
 * What a server sees of a device with this key, 32 bytes.
 * @param key PEM, Ed25519
 * @throws NeoError integrity for another kind of key, or what is none
 */
export function deviceFingerprint(key: string): Uint8Array {
  return keyFingerprint(spkiOf(readKey(key)));
}

function readKey(key: string): KeyObject {
  const secret = parseKey(key);
  if (secret.asymmetricKeyType !== 'ed25519') throw new NeoError('integrity', 'the key of a device is not of Ed25519');
  return secret;
}

function parseKey(key: string): KeyObject {
  try {
    return createPrivateKey(key);
  } catch (cause) {
    throw new NeoError('integrity', `the key of a device is no private key in PEM: ${messageOf(cause)}`, { cause });
  }
}
